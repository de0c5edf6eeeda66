package supervise

import "time"

// first is how the workers that a pool begins with come up.
type first struct {
	since time.Duration // When it began; never: not yet.
	came  bool          // One has come up.
	over  bool          // Ready or Fail has been answered.
}

// stepFirst tells when all of the first workers are ready, or that after the
// time for it not a single one is.
func (s *Supervisor) stepFirst() {
	f := &s.first
	if f.over || s.stop.asked {
		return
	}
	if f.since == never {
		f.since = s.now
	}
	c := s.countOf(s.generation)
	switch {
	case c.serving-c.starting >= s.wanted:
		f.over = true
		s.act(Action{Kind: Ready, N: s.wanted})
	case f.came || s.config.First == 0:
	case s.now-f.since >= s.config.First:
		f.over = true
		s.act(Action{Kind: Fail})
	default:
		s.within(f.since + s.config.First - s.now)
	}
	if c.starting > 0 || s.backoff.delay == 0 {
		s.within(soon)
	}
}
