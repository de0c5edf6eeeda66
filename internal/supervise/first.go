package supervise

import "time"

// first is how the workers that a pool begins with come up.
type first struct {
	since time.Duration // When it began; never: not yet.
	came  int           // How many have come up.
	over  bool          // Ready or Fail has been answered.
}

// stepFirst tells when as many have come up as are wanted, or that after the time
// for it not a single one has.
func (s *Supervisor) stepFirst() {
	f := &s.first
	if f.over || s.stop.asked {
		return
	}
	if f.since == never {
		f.since = s.now
	}
	switch {
	case f.came >= s.wanted:
		f.over = true
		s.act(Action{Kind: Ready, N: s.wanted})
	case f.came > 0 || s.config.First == 0:
	case s.now-f.since >= s.config.First:
		f.over = true
		s.act(Action{Kind: Fail})
	default:
		s.within(f.since + s.config.First - s.now)
	}
	if s.countOf(s.generation).starting > 0 || s.backoff.delay == 0 {
		s.within(soon)
	}
}
