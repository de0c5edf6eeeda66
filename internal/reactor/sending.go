package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/queue"
)

// maxPending bounds what a closing service takes off its backlogs.
const maxPending = 4096

// pending are accepted connections that the queue has not taken yet, in order.
type pending struct {
	all  []arrival
	sent int // At the beginning of all.
}

func (p *pending) length() int     { return len(p.all) - p.sent }
func (p *pending) first() *arrival { return &p.all[p.sent] }
func (p *pending) push(a arrival)  { p.all = append(p.all, a) }

func (p *pending) pop() {
	p.sent++
	if 2*p.sent >= len(p.all) {
		left := copy(p.all, p.all[p.sent:])
		p.all, p.sent = p.all[:left], 0
	}
}

// offer delivers the connection in hand, unless too many wait already.
func (s *service) offer() {
	if s.queue == nil {
		s.lose(&s.current) // It has ended.
		return
	}
	rules := s.rules(&s.current)
	if rules.MaxQueue > 0 && s.waiting() >= rules.MaxQueue {
		s.counts.Shed[tooMany]++
		s.refuse()
		return
	}
	s.address()
	s.deliver()
}

// address makes the message of the connection in hand one for a worker.
func (s *service) address() {
	rules, m := s.rules(&s.current), &s.current.message
	m.Kind, m.Flags, m.Patience = queue.KindConnection, rules.Skip, rules.QueueTime
}

// waiting is how many connections wait for a worker.
func (s *service) waiting() int {
	return s.reactor.sys.queued(s.queue.receive) + s.pending.length()
}

// deliver puts the connection in hand on the queue, or keeps it for later: as
// long as too many are kept nothing more is accepted.
func (s *service) deliver() {
	if s.pending.length() == 0 && s.send(&s.current) {
		return
	}
	s.keep()
	if s.accepting() {
		return
	}
	for _, l := range s.listeners {
		s.reactor.rewatch(l.fd, 0)
	}
}

// keep makes the connection in hand the last of those that are pending.
func (s *service) keep() {
	s.expectOld(&s.current)
	s.pending.push(s.current)
	s.current = arrival{connection: queue.NoConnection}
}

// send puts a connection on the queue. It returns false when that can't be
// done now: the arrival keeps it, and flush will be called. Otherwise the
// connection is closed here, handed over or lost.
func (s *service) send(a *arrival) bool {
	for {
		if s.retiring > 0 {
			s.sendRetiring() // A busy service would never come to it.
		}
		errno := s.reactor.sys.send(s.queue.send, &a.message, a.extra, a.connection)
		switch sendRemedy(errno) {
		case nothing:
			s.delivered(a)
			return true
		case wait:
			if !s.full {
				s.full = true
				s.counts.Waits++
			}
			s.awaitRoom()
			return false
		case retry:
			s.counts.Retries++
			if milliseconds := s.sendPace.transient(); milliseconds > 0 {
				s.flushIn(milliseconds)
				return false
			}
		case pause:
			s.counts.Pauses++
			if s.stuck.due(s.reactor.sys.now()) {
				s.tell(held, errno)
			}
			s.flushIn(s.sendPace.next())
			return false
		default:
			s.lose(a)
			s.fail(errno)
			return true
		}
	}
}

// delivered notes that a worker will have the connection, and closes the
// reactor's copy.
func (s *service) delivered(a *arrival) {
	*s.counts.sent(a)++
	s.queue.note(a.message.Ready, a.message.Patience)
	if a.message.ID != 0 {
		s.limits.Sent(a.message.ID, s.reactor.sys.now())
	}
	s.full = false
	s.sendPace.reset()
	s.wasSent()
	s.expectOld(a)
	s.leave(a)
}

// leave closes the reactor's copy of a connection.
func (s *service) leave(a *arrival) {
	s.reactor.sys.close(a.connection)
	a.connection = queue.NoConnection
	s.reactor.memory.putExtra(a.extra)
	a.extra = nil
}

// drop closes a connection.
func (s *service) drop(a *arrival) {
	s.uncount(a)
	s.leave(a)
}

// uncount gives its address room for another one.
func (s *service) uncount(a *arrival) {
	if a.message.ID != 0 {
		s.limits.Release(a.message.ID)
		a.message.ID = 0
	}
}

// lose closes a connection that can't be handed over by any means.
func (s *service) lose(a *arrival) {
	if a.connection == queue.NoConnection {
		return
	}
	s.counts.Lost++
	s.drop(a)
}

// makeRoom delivers of what is pending as much as goes without waiting, and
// reports whether that was any.
func (s *service) makeRoom() bool {
	sent := false
	for s.pending.length() > 0 {
		a := s.pending.first()
		if s.reactor.sys.send(s.queue.send, &a.message, a.extra, a.connection) != 0 {
			break
		}
		s.delivered(a)
		s.pending.pop()
		sent = true
	}
	return sent
}

// awaitRoom has flush called when the queue has room. Linux reports that only
// when three quarters of the buffer are free; the deadline finds it earlier.
func (s *service) awaitRoom() {
	const events = unix.EPOLLOUT | unix.EPOLLONESHOT
	if s.queueWatched {
		s.reactor.rewatch(s.queue.send, events)
	} else {
		s.queueWatched = s.reactor.watch(s.queue.send, s, events) == 0
	}
	s.flushIn(maxPause)
}

func (s *service) flushIn(milliseconds int) {
	s.reactor.deadlines.set(&s.later, s.reactor.sys.now()+uint64(milliseconds)*millisecond)
}

// ready: the queue has room.
func (s *service) ready(uint32) {
	s.flush()
}

func (s *service) broken() {
	s.fail(0)
}

// flush sends what waits for the queue; when so little is left that more may wait,
// the listeners go on.
func (s *service) flush() {
	s.reactor.deadlines.clear(&s.later)
	for s.pending.length() > 0 && s.state != failed {
		if !s.send(s.pending.first()) {
			s.listen()
			return
		}
		if s.state != failed {
			s.pending.pop()
		}
	}
	switch s.state {
	case serving:
		if !s.sendRetiring() {
			s.flushIn(maxPause)
		}
		s.listen()
	case closed:
		s.finishIfEmpty()
	}
}

// listen has the listeners go on.
func (s *service) listen() {
	for _, l := range s.listeners {
		l.listen()
	}
}

// sendRetiring asks workers to end, as many as there is room for in the queue,
// and reports whether that is all. An error is left for a connection to meet.
func (s *service) sendRetiring() bool {
	for s.retiring > 0 {
		if s.reactor.sys.send(s.queue.send, &s.reactor.farewell, nil, queue.NoConnection) != 0 {
			return false
		}
		s.queue.note(0, 0)
		s.retiring--
		s.wasSent()
	}
	return true
}

// A message wakes one worker that sleeps. If that one doesn't receive it (it is
// killed or stopped at that moment, has no descriptor left, or its Tcl thread is
// busy with something else), the others sleep on, and the connection would wait
// for the next one to come. So when nothing was sent for a while and something
// stays queued, nudges are sent: each wakes one more worker, which receives what
// is first in the queue.
//
// Where all workers are just busy, nudges do nothing but take the room of a
// connection each; so there are few.
const (
	nudgePause = 25 // Milliseconds before the first, doubled for each.
	maxNudges  = 8  // After the latest message.
	mostNudges = 16 // Since nothing was queued.
)

// nudger knows whether what was sent may still be queued.
type nudger struct {
	sentAt uint64   // The latest message.
	nudges int      // Since then.
	since  int      // Since nothing was queued.
	next   deadline // Set while something may be queued.
}

// wasSent notes that something was put on the queue. A deadline that is set
// already is moved when it is due, not for each message.
func (s *service) wasSent() {
	n := &s.nudger
	n.sentAt = s.reactor.sys.now()
	if n.nudges > 0 || n.next.place == 0 {
		n.nudges = 0
		s.reactor.deadlines.set(&n.next, n.sentAt+nudgePause*millisecond)
	}
}

// sendNudge wakes one more worker if something is still queued. An error is left
// for a connection to meet.
func (s *service) sendNudge() {
	n := &s.nudger
	now := s.reactor.sys.now()
	if n.nudges == 0 && now < n.sentAt+nudgePause*millisecond {
		s.reactor.deadlines.set(&n.next, n.sentAt+nudgePause*millisecond)
		return
	}
	queued := s.reactor.sys.queued(s.queue.receive) > 0
	if !queued {
		n.since = 0
	}
	if !queued || n.nudges == maxNudges || n.since == mostNudges {
		return
	}
	n.nudges++
	n.since++
	_ = s.reactor.sys.send(s.queue.send, &s.reactor.nudge, nil, queue.NoConnection)
	s.reactor.deadlines.set(&n.next, now+nudgePause<<n.nudges*millisecond)
}
