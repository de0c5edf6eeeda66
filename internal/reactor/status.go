package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/limit"
)

// counts is what a service has counted since it began: connections, where it
// doesn't say otherwise.
type counts struct {
	Accepted      uint64
	HandedOver    uint64 // Put on the queue for the first time...
	Resumed       uint64 // ...and after they were parked.
	Lost          uint64 // Could not be handed over by any means; closed.
	Waits         uint64 // Times the queue was full.
	Retries       uint64 // Transient errors of accept and sendmsg.
	Pauses        uint64 // Times it paused for want of descriptors or memory.
	Shed          [reasons]uint64
	Gone          uint64 // Their clients had left before they were served.
	Refused       [limit.ByRate + 1]uint64
	Expired       [admit.Stages]uint64 // Their clients took too long.
	Malformed     uint64               // Without the PROXY header that they must have.
	Probes        uint64               // Ended before it.
	FirstBytes    uint64               // Held until their first byte came...
	FirstByteTime uint64               // ...in nanoseconds, all together.
}

// sent is where it counts that an arrival is put on the queue.
func (c *counts) sent(a *arrival) *uint64 {
	if a.message.Requests == 0 {
		return &c.HandedOver
	}
	return &c.Resumed
}

// status answers what was counted, and what waits now, as a dict of Tcl's.
func (s *service) statusRequest(*control.Message) reply {
	c, h := &s.counts, &s.holding
	received, answered, dropped := s.datagrams()
	held := s.pending.length() + h[admit.StageProxy] + h[admit.StageFirstByte] + h[admit.StageHead]
	return text("accepted %d handedOver %d held %d lost %d waits %d retries %d pauses %d"+
		" parked %d resumed %d holding {queue %d proxy %d firstbyte %d head %d closing %d}"+
		" oldest %.6f firstByte %.6f shed {queuetime %d maxqueue %d} gone %d"+
		" refused {maxperaddr %d rateperaddr %d} expired {proxy %d firstbyte %d head %d parked %d}"+
		" malformed %d probes %d backlog %d datagrams {received %d answered %d dropped %d}",
		c.Accepted, c.HandedOver, held, c.Lost, c.Waits, c.Retries, c.Pauses,
		h[admit.StageParked], c.Resumed,
		s.pending.length(), h[admit.StageProxy], h[admit.StageFirstByte], h[admit.StageHead], h[admit.StageClosing],
		s.oldestWait(), c.meanFirstByte(), c.Shed[tooLong], c.Shed[tooMany], c.Gone,
		c.Refused[limit.ByConnections], c.Refused[limit.ByRate],
		c.Expired[admit.StageProxy], c.Expired[admit.StageFirstByte], c.Expired[admit.StageHead], c.Expired[admit.StageParked],
		c.Malformed, c.Probes, s.backlog(), received, answered, dropped)
}

// oldestWait is for how many seconds the oldest on the queue has waited.
func (s *service) oldestWait() float64 {
	if s.queue == nil {
		return 0
	}
	now := s.reactor.sys.now()
	first := s.queue.oldest(s.reactor.sys.queued(s.queue.receive))
	if first.ready == 0 || first.ready > now {
		return 0
	}
	return float64(now-first.ready) / 1e9
}

// meanFirstByte is after how many seconds the first byte came, of those that were
// held for it.
func (c *counts) meanFirstByte() float64 {
	return float64(c.FirstByteTime) / float64(max(c.FirstBytes, 1)) / 1e9
}

// backlog is how many connections the system has accepted and we haven't.
func (s *service) backlog() int {
	all := 0
	for _, l := range s.listeners {
		if info, err := unix.GetsockoptTCPInfo(l.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			all += int(info.Unacked)
		}
	}
	return all
}
