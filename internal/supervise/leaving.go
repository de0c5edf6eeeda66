package supervise

import "time"

// leaving is a pool that goes on for a while with all it does, so that those who
// send it connections can see that it is about to stop.
type leaving struct {
	asked bool
	until time.Duration // When it stops...
	grace time.Duration // ...within this time.
}

// askDrain has the pool stop after a while. Asked again it may shorten both
// times.
func (s *Supervisor) askDrain(pause, grace time.Duration) {
	l := &s.leaving
	if s.stop.asked {
		return
	}
	until := s.now + pause
	if l.asked {
		until, grace = min(until, l.until), min(grace, l.grace)
	} else {
		s.log("info", "drain", int(pause.Milliseconds()))
	}
	*l = leaving{true, until, grace}
}

// stepLeaving begins the stop when the time for it has come.
func (s *Supervisor) stepLeaving() {
	l := &s.leaving
	switch {
	case !l.asked || s.stop.asked:
	case s.now >= l.until:
		s.askStop(l.grace)
	default:
		s.within(l.until - s.now)
	}
}
