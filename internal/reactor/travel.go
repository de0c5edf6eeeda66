package reactor

import (
	"errors"

	"socketserver/internal/admit"
	"socketserver/internal/descriptor"
	"socketserver/internal/limit"
	"socketserver/internal/queue"
)

// stageQueued is that of a traveller that waits for a worker.
const stageQueued = 0xff

// errTraveller answers what is no traveller.
var errTraveller = errors.New("not a connection that travels")

// encodeTraveller writes how far a connection has come, its message, its extra.
func encodeTraveller(stage uint8, a *arrival) []byte {
	text := make([]byte, 1+a.message.Length())
	text[0] = stage
	a.message.Encode((*[queue.Size]byte)(text[1:]))
	copy(text[1+queue.Size:], a.extra)
	return text
}

// decodeTraveller reads that; the extra is the text's.
func decodeTraveller(text []byte) (stage uint8, m queue.Message, extra []byte, err error) {
	if len(text) < 1 {
		return 0, m, nil, errTraveller
	}
	stage = text[0]
	switch admit.Stage(stage) {
	case admit.StageProxy, admit.StageFirstByte, admit.StageHead, admit.StageParked, stageQueued:
	default:
		return 0, m, nil, errTraveller
	}
	m, extra, err = queue.Decode(text[1:])
	if err == nil && m.Kind != queue.KindConnection {
		err = errTraveller
	}
	return stage, m, extra, err
}

// arrive takes a connection that has travelled, which is the service's from now on.
// Its listener is the one of that name here, if there is one.
func (s *service) arrive(stage uint8, m queue.Message, extra []byte, connection int, listener int) {
	m.ID, m.Listener = 0, uint16(listener)
	s.take(m, extra, connection)
	if stage != uint8(admit.StageProxy) { // Whose client isn't known yet.
		s.countAnew(&s.current)
	}
	switch {
	case s.state != serving && stage == uint8(admit.StageParked):
		s.parkLast()
	case stage != stageQueued:
		s.hold(admit.Stage(stage))
	case s.queue == nil:
		s.lose(&s.current)
	default:
		s.address()
		s.deliver()
	}
}

// countAnew counts a traveller by its address; it was admitted elsewhere.
func (s *service) countAnew(a *arrival) {
	rules := s.rules(a).Limits
	if rules == (limit.Rules{}) {
		return
	}
	rules.Rate = 0
	family, address := a.message.Counted()
	if id, refusal := s.limits.Admit(family, address, rules, s.reactor.sys.now()); refusal == limit.None {
		a.message.ID = id
		s.sweepSoon()
	}
}

// takeLeft receives what is left on a predecessor's queue, whose end this is, and
// closes that. It returns false where no descriptor is free: there is more to take.
func (s *service) takeLeft(end int, listenerOf func(uint16) int) bool {
	from := s.reactor.receiver
	for range queue.Most {
		if s.reactor.sys.room(end) != 0 {
			return false
		}
		if from.Receive(end) != 0 || len(from.Bytes) == 0 {
			break
		}
		m, extra, err := queue.Decode(from.Bytes)
		if err != nil || m.Kind != queue.KindConnection || !isConnection(from.Connection) {
			descriptor.Close(from.Connection)
			continue
		}
		listener := listenerOf(m.Listener)
		if listener < 0 {
			s.counts.Lost++
			descriptor.Close(from.Connection)
			continue
		}
		s.arrive(stageQueued, m, extra, from.Connection, listener)
	}
	descriptor.Close(end)
	return true
}
