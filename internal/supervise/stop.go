package supervise

import "time"

// The end of the queue wakes all idle workers together. Where they are more
// than a crowd the server would have to wait for its turn among them, so first
// they are dismissed a crowd at a time, while that is soon done.
const (
	crowd = 64
	haste = time.Second

	thinPause = 5 * time.Millisecond
)

// stop is the end of a pool.
type stop struct {
	asked    bool
	begun    time.Duration // When it was; good once asked.
	closed   bool          // Close has been answered.
	deadline time.Duration // When the grace time is up.
	told     bool          // That it is.
	over     bool
}

// late tells whether the grace time is up.
func (s *stop) late(now time.Duration) bool {
	return s.asked && now >= s.deadline
}

// askStop begins the end. Asked again it may shorten the grace time; when that
// is up already, it kills at once.
func (s *Supervisor) askStop(grace time.Duration) {
	if s.stop.late(s.now) {
		for _, w := range s.workers {
			w.killAt, w.reason = s.now, ForGrace
		}
		return
	}
	deadline := s.now + grace
	if s.stop.asked {
		deadline = min(deadline, s.stop.deadline)
	}
	if !s.stop.asked {
		s.stop.begun = s.now
		s.log("info", "stop", int(grace.Milliseconds()))
	}
	s.stop.asked, s.stop.deadline = true, deadline
}

// stepStop closes the port once, lets the workers finish, and ends them when
// the grace time is up.
func (s *Supervisor) stepStop() {
	switch {
	case s.reload.phase == renewing && s.stop.late(s.now):
		s.notReloaded("stop") // The application hasn't said yet whether it is ready for one.
	case s.reload.phase == renewing:
		s.within(s.stop.deadline - s.now)
		return
	case s.reload.phase == switching:
		return // Until that is known; the outcome comes at once.
	}
	if !s.stop.closed {
		if s.thinOut() {
			return
		}
		s.stop.closed = true
		s.drainFrom(max(s.wanted, 1))
		s.act(Action{Kind: Close})
		s.within(soon)
		return
	}
	if s.stop.late(s.now) {
		s.endWorkers()
	} else {
		s.within(s.stop.deadline - s.now)
	}
	if len(s.workers) == 0 && (len(s.queues) == 0 || s.stop.late(s.now)) {
		s.stop.over = true
		s.act(Action{Kind: Stopped})
	}
	s.within(growPause)
}

// thinOut dismisses some of the idle workers, and reports whether there will be
// more to dismiss.
func (s *Supervisor) thinOut() bool {
	idle := s.countOf(s.generation).idle
	if idle <= crowd || s.queues[s.generation] > s.retiring || s.now-s.stop.begun >= haste || s.stop.late(s.now) {
		return false
	}
	if s.retiring == 0 {
		s.retiring = min(idle-crowd, crowd)
		s.act(Action{Kind: Dismiss, N: s.retiring})
	}
	s.within(thinPause)
	return true
}

// endWorkers ends all that are still there.
func (s *Supervisor) endWorkers() {
	if !s.stop.told && len(s.workers) > 0 {
		s.stop.told = true
		s.log("warning", "grace", len(s.workers))
	}
	for _, w := range s.sorted() {
		s.terminate(w, ForGrace)
	}
}
