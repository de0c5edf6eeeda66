package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/limit"
	"socketserver/internal/queue"
)

// Connections that wait for something from their clients are held here, and
// cost no worker. Bytes are looked at, not taken, so the epoll tells only what is
// new.
const heldEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

const (
	closingTime = 1e9  // For how long a client may read the busy reply...
	mostClosing = 1024 // ...and how many may at a time, of all services.
	lastChance  = 1e9  // For how long a closed service waits for a request.
)

// hold is a connection that is held.
type hold struct {
	next     *hold // Of the spare ones.
	service  *service
	arrival  arrival
	stage    admit.Stage
	deadline deadline
}

// admit decides about the connection in hand, which has just been accepted.
func (s *service) admit(l *listener) {
	if l.plain {
		s.offer()
		return
	}
	stage, verdict := admit.StageProxy, admit.Wait
	if !l.rules.Trusts(&s.current.message) {
		stage, verdict = s.firstStage(&s.current)
	}
	if verdict == admit.Wait {
		verdict = s.advance(&s.current, &stage, false, false)
	}
	s.proceed(verdict, stage)
}

// proceed does with the connection in hand what was found.
func (s *service) proceed(verdict admit.Verdict, stage admit.Stage) {
	switch verdict {
	case admit.Wait:
		s.hold(stage)
	case admit.Done:
		s.current.message.Ready = s.reactor.sys.now()
		s.offer()
	case admit.Refused:
		s.refuse()
	default:
		s.dismiss(&s.current, verdict, stage)
	}
}

// firstStage counts a connection whose peer is known, and says what it is held for
// first, or Done: for nothing.
func (s *service) firstStage(a *arrival) (admit.Stage, admit.Verdict) {
	rules := s.rules(a)
	if rules.Limits != (limit.Rules{}) {
		family, address := a.message.Counted()
		id, refusal := s.limits.Admit(family, address, rules.Limits, s.reactor.sys.now())
		if refusal != limit.None {
			s.counts.Refused[refusal]++
			return 0, admit.Refused
		}
		a.message.ID = id
		s.sweepSoon()
	}
	switch {
	case rules.FirstByte > 0:
		return admit.StageFirstByte, admit.Wait
	case len(rules.Head) > 0:
		return admit.StageHead, admit.Wait
	}
	return 0, admit.Done
}

// advance takes an arrival through its stages, as far as its client has come.
func (s *service) advance(a *arrival, stage *admit.Stage, sent, ended bool) admit.Verdict {
	rules := s.rules(a)
	for {
		verdict := s.reactor.look.Look(a.connection, *stage, rules, sent, ended)
		if verdict != admit.Done {
			return verdict
		}
		switch *stage {
		case admit.StageProxy:
			s.noteProxy(a)
			if *stage, verdict = s.firstStage(a); verdict != admit.Wait {
				return verdict
			}
			sent = false
		case admit.StageHead:
			return admit.Done
		default:
			s.noteFirstByte(a, *stage)
			if len(rules.Head) == 0 {
				return admit.Done
			}
			*stage = admit.StageHead
		}
	}
}

// noteProxy notes what the PROXY header says that was just taken.
func (s *service) noteProxy(a *arrival) {
	header := &s.reactor.look.Header
	peer := a.message.Peer()
	pid, _, _, _ := a.message.Unix()
	if !header.Local {
		a.message.SetPeer(header.Source)
	}
	text := header.AppendDict(s.reactor.text[:0], peer, pid)
	a.extra = s.reactor.memory.extra(len(text))
	a.message.Proxy = uint16(copy(a.extra, text))
}

func (s *service) noteFirstByte(a *arrival, stage admit.Stage) {
	if stage == admit.StageFirstByte {
		s.counts.FirstBytes++
		s.counts.FirstByteTime += s.reactor.sys.now() - a.message.Accepted
	}
}

// time is for how long a connection is held at a stage.
func (s *service) time(a *arrival, stage admit.Stage) uint64 {
	rules := s.rules(a)
	switch stage {
	case admit.StageProxy:
		return rules.ProxyTime
	case admit.StageFirstByte:
		return rules.FirstByte
	case admit.StageHead:
		return rules.HeadTime
	case admit.StageParked:
		if a.message.Patience > 0 {
			return uint64(a.message.Patience) * millisecond
		}
		return rules.ParkTime
	}
	return closingTime
}

// hold holds the connection in hand.
func (s *service) hold(stage admit.Stage) {
	r := s.reactor
	h := r.memory.hold()
	h.service, h.stage = s, stage
	h.arrival = s.current
	s.current = arrival{connection: queue.NoConnection}
	events := uint32(heldEvents)
	if stage == admit.StageClosing {
		events = unix.EPOLLIN
	}
	if errno := r.watch(h.arrival.connection, h, events); errno != 0 {
		s.lose(&h.arrival)
		r.memory.putHold(h)
		return
	}
	s.enter(stage, 1)
	h.setDeadline()
}

// enter counts what is held at a stage.
func (s *service) enter(stage admit.Stage, n int) {
	s.holding[stage] += n
	if stage == admit.StageClosing {
		s.reactor.closing += n
	}
}

func (h *hold) setDeadline() {
	now := h.service.reactor.sys.now()
	at := now + h.service.time(&h.arrival, h.stage)
	if h.service.state != serving {
		at = min(at, now+lastChance)
	}
	h.service.reactor.deadlines.set(&h.deadline, at)
}

// release makes a held connection the one in hand. Who calls it gives the hold
// back when that is dealt with.
func (h *hold) release() *service {
	s := h.service
	r := s.reactor
	s.enter(h.stage, -1)
	r.deadlines.clear(&h.deadline)
	r.unwatch(h.arrival.connection)
	s.current, h.arrival = h.arrival, arrival{connection: queue.NoConnection}
	r.relieve()
	return s
}

// ready looks how far the client has come.
func (h *hold) ready(events uint32) {
	s := h.service
	if h.stage == admit.StageClosing {
		if !s.reactor.look.Discard(h.arrival.connection) {
			h.end()
		}
		return
	}
	const over = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	stage := h.stage
	verdict := s.advance(&h.arrival, &stage, events&unix.EPOLLIN != 0, events&over != 0)
	switch {
	case verdict != admit.Wait:
		h.release()
		s.proceed(verdict, stage)
		s.reactor.memory.putHold(h)
		s.finishIfEmpty()
	case stage != h.stage:
		s.enter(h.stage, -1)
		s.enter(stage, 1)
		h.stage = stage
		h.setDeadline()
	}
}

// expire: the time for this stage is over.
func (h *hold) expire() {
	s := h.service
	s.counts.Expired[h.stage]++
	h.end()
	s.finishIfEmpty()
}

// end closes a held connection.
func (h *hold) end() {
	s := h.release()
	s.drop(&s.current)
	s.reactor.memory.putHold(h)
}

// broken: it may have been released already.
func (h *hold) broken() {
	s := h.service
	if h.arrival.connection != queue.NoConnection {
		h.release()
	}
	s.lose(&s.current)
	s.reactor.memory.putHold(h)
	s.finishIfEmpty()
}

// dismiss closes a connection with which nothing can be done.
func (s *service) dismiss(a *arrival, verdict admit.Verdict, stage admit.Stage) {
	switch {
	case verdict == admit.Malformed:
		s.counts.Malformed++
		s.tellStrange(a)
	case stage == admit.StageProxy:
		s.counts.Probes++
	case stage != admit.StageParked:
		s.counts.Gone++
	}
	s.drop(a)
}

// refuse closes the connection in hand, with the busy reply if there is one: it is
// sent, and the client's end is awaited for a moment, for what was unread would
// reset the connection before the client has read the reply.
func (s *service) refuse() {
	a := &s.current
	rules := s.rules(a)
	if len(rules.BusyReply) == 0 || s.reactor.closing >= mostClosing ||
		!admit.Reply(a.connection, rules.BusyReply) {
		s.drop(a)
		return
	}
	s.uncount(a)
	s.hold(admit.StageClosing)
}

// hasten: the service is closed. Parked connections that have sent are served, the
// others closed; what is held otherwise has a little time.
func (s *service) hasten() {
	for _, w := range s.reactor.watched {
		h, ok := w.watcher.(*hold)
		switch {
		case !ok || h.service != s || h.stage == admit.StageClosing:
		case h.stage == admit.StageParked:
			h.ready(0)
			if h.service == s && h.stage == admit.StageParked {
				h.end()
			}
		default:
			s.reactor.deadlines.set(&h.deadline, min(h.deadline.at, s.reactor.sys.now()+lastChance))
		}
	}
}
