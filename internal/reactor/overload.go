package reactor

import (
	"socketserver/internal/queue"
)

// Why a connection is shed.
const (
	tooLong = iota // It has waited too long.
	tooMany        // Too many wait already.
	reasons
)

// slack is what workers are given, in nanoseconds, to shed themselves what they
// come to: only where none does is it done here.
const slack = 10 * millisecond

// expectOld has it looked at when an arrival that waits has waited too long.
func (s *service) expectOld(a *arrival) {
	due := note{a.message.Ready, a.message.Patience}.due(slack)
	if due > 0 && (s.old.place == 0 || due < s.old.at) {
		s.reactor.deadlines.set(&s.old, due)
	}
}

// expectNext has it looked at when the next one has, but not earlier than a moment.
// What is on an ended queue behind one that may wait for ever is looked at again
// and again: a worker may take that one, or none may be left.
func (s *service) expectNext(earliest uint64) {
	due, _ := s.dueNext()
	if due == 0 && len(s.ending) > 0 {
		due = s.reactor.sys.now() + maxPause*millisecond
	}
	if due > 0 {
		s.reactor.deadlines.set(&s.old, max(due, earliest))
	}
}

// dueNext is when the oldest that waits has waited too long, and where it is: on a
// queue or, with nil, pending. 0: never, or nothing waits.
func (s *service) dueNext() (due uint64, where *line) {
	if s.pending.length() > 0 {
		m := &s.pending.first().message
		due = note{m.Ready, m.Patience}.due(slack)
	}
	for i := range len(s.ending) + 1 {
		l := s.queue
		if i < len(s.ending) {
			l = s.ending[i]
		}
		if l == nil || s.queue == nil && s.back.alive() && l.oldest(s.reactor.sys.queued(l.receive)).patience == 0 {
			continue // Nothing there, or nowhere to put the first.
		}
		first := l.firstDue(s.reactor.sys.queued(l.receive), slack)
		if first > 0 && (due == 0 || first < due) {
			due, where = first, l
		}
	}
	return due, where
}

// shedOld sheds what has waited too long, on the queues and before them. What has
// become pending meanwhile takes its room.
func (s *service) shedOld() {
	earliest := uint64(0)
	for range queue.Most {
		due, where := s.dueNext()
		if due == 0 || due > s.reactor.sys.now() {
			break
		}
		if where == nil {
			s.current = *s.pending.first()
			s.pending.pop()
			s.unserved()
		} else if !s.shedQueued(where) {
			earliest = s.reactor.sys.now() + maxPause*millisecond
			break
		}
	}
	s.endLines()
	s.flush()
	s.expectNext(earliest)
}

// shedQueued takes one message off a queue. One that may still be served is put
// back: it comes from a listener that is more patient, or a worker was faster. So
// is one to retire. It returns false where it could take none.
func (s *service) shedQueued(l *line) bool {
	from := s.reactor.receiver
	if s.reactor.sys.room(l.receive) != 0 || from.Receive(l.receive) != 0 {
		return false
	}
	m, extra, err := queue.Decode(from.Bytes)
	switch {
	case err == nil && m.Kind == queue.KindRetire:
		if l == s.queue {
			s.retiring++
		} // Else who was to retire sees the end.
	case err == nil && m.Kind == queue.KindConnection && from.Connection >= 0:
		s.take(m, extra, from.Connection)
		s.limits.Back(m.ID)
		due := (note{m.Ready, m.Patience}).due(0)
		if s.queue == nil || due > 0 && due <= s.reactor.sys.now() {
			s.unserved()
			break
		}
		s.putBack()
	}
	return true
}

// putBack has the connection in hand, which was taken off the queue, put there
// again.
func (s *service) putBack() {
	*s.counts.sent(&s.current)--
	s.keep()
}

// endLine ends a queue: its workers see end of file after what is queued there. As
// long as that may have to be shed, it is looked at.
func (s *service) endLine(l **line) {
	ended := *l
	if *l = nil; ended == nil {
		return
	}
	s.reactor.sys.close(ended.send)
	if ended.gate > 0 {
		s.reactor.sys.close(ended.gate)
		ended.gate = 0
	}
	s.ending = append(s.ending, ended)
	s.endLines()
	s.expectNext(0)
}

// endLines forgets queues that have ended, of which nothing is to be shed.
func (s *service) endLines() {
	left := s.ending[:0]
	for _, l := range s.ending {
		if l.firstDue(s.reactor.sys.queued(l.receive), 0) > 0 {
			left = append(left, l)
		} else {
			s.reactor.sys.close(l.receive)
		}
	}
	clear(s.ending[len(left):])
	s.ending = left
}
