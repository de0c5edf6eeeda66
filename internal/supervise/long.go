package supervise

import "time"

// long is what has been done about a worker's oldest connection because it takes
// long.
type long struct {
	told   time.Duration // When the one came that was told of last; never: none.
	toldAt time.Duration
	lateAt time.Duration // When an error was raised for its time being over; never: it isn't.
}

func newLong() long {
	return long{told: never, lateAt: never}
}

// stepLong looks at how long a worker's oldest connection takes.
func (s *Supervisor) stepLong(w *worker) {
	s.stepSlow(w)
	s.stepLate(w)
}

// stepSlow has each connection told of that is slow, once. Connections of an event
// loop, and those of a worker that lies, come no faster than one after the other can
// be slow.
func (s *Supervisor) stepSlow(w *worker) {
	limit, l := s.config.Slow, &w.long
	if limit <= 0 {
		return
	}
	if w.Age < limit {
		s.within(limit - w.Age)
		return
	}
	came := s.now - w.Age
	if l.told != never && (came == l.told || s.now-l.toldAt < limit) {
		return
	}
	l.told, l.toldAt = came, s.now
	s.act(Action{Kind: Slow, Pid: w.Pid, Limit: limit})
}

// stepLate has an error raised where a connection's time is over, and some time
// later, if the worker is still at it, kills that. What came since the error is
// another connection, whose own time counts.
func (s *Supervisor) stepLate(w *worker) {
	limit, l := s.config.Timeout, &w.long
	if limit <= 0 || w.Age < limit {
		l.lateAt = never
		if limit > 0 {
			s.within(limit - w.Age)
		}
		return
	}
	if l.lateAt == never || s.now-w.Age >= l.lateAt {
		l.lateAt = s.now
		s.act(Action{Kind: Late, Pid: w.Pid, Limit: limit})
	}
	left := max(l.lateAt+s.config.KillTime-s.now, limit+s.config.KillTime-w.Age)
	if left > 0 {
		s.within(left)
		return
	}
	s.kill(w, ForTimeout, limit+s.config.KillTime)
}
