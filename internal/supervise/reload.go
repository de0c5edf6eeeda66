package supervise

// progress is how far a reload is.
type progress int

const (
	settled   progress = iota // There is none.
	renewing                  // The queue is being opened.
	starting                  // The workers are coming up.
	switching                 // The server is being asked to send to it.
)

// reload brings up a new generation beside the current one.
type reload struct {
	asked      bool // One is to begin.
	phase      progress
	generation int  // The new one.
	failed     bool // One of it did not come up.
}

// stepReload takes a reload as far as it goes.
func (s *Supervisor) stepReload() {
	if s.reload.phase == settled && s.reload.asked && !s.stop.asked {
		s.newest++
		s.reload = reload{phase: renewing, generation: s.newest}
		s.log("info", "reload", s.newest)
		s.act(Action{Kind: Renew, Generation: s.newest})
		s.pace.grant(s.wanted)
	}
	if s.reload.phase != starting {
		return
	}
	switch {
	case s.reload.failed:
		s.abandon("failed")
	case s.stop.asked:
		s.abandon("stop")
	default:
		s.bringUp()
	}
}

// learn takes in what came of a Renew or Switch. It comes before the deaths:
// those of the generation that was replaced are no failures.
func (s *Supervisor) learn(outcomes []Outcome) {
	for _, o := range outcomes {
		switch {
		case o.Kind == Renew && s.reload.phase == renewing && o.OK:
			s.reload.phase = starting
		case o.Kind == Renew && s.reload.phase == renewing:
			s.notReloaded("queue")
		case o.Kind == Switch && s.reload.phase == switching && o.OK:
			s.takeOver()
		case o.Kind == Switch && s.reload.phase == switching:
			s.reload.phase, s.reload.failed = starting, true
		}
	}
}

// bringUp forks the workers of the new generation; when all are ready it may
// take over.
func (s *Supervisor) bringUp() {
	c := s.countOf(s.reload.generation)
	if c.serving >= s.wanted && c.starting == 0 {
		s.reload.phase = switching
		s.act(Action{Kind: Switch})
		return
	}
	if !s.fork(s.reload.generation, s.wanted-c.serving) && c.starting == 0 {
		s.abandon("room")
		return
	}
	s.within(soon)
}

// takeOver makes the new generation the current one.
func (s *Supervisor) takeOver() {
	s.drainFrom(max(s.countOf(s.generation).all, s.wanted, 1))
	s.log("info", "reloaded", s.reload.generation, s.generation)
	s.generation = s.reload.generation
	s.reload = reload{asked: s.reload.asked}
	s.retiring, s.emptySince, s.idleSince = 0, never, never
	s.backoff = newBackoff()
}

// drainFrom notes that the current generation's queue ends.
func (s *Supervisor) drainFrom(size int) {
	s.draining[s.generation] = &drained{size: size, backoff: newBackoff()}
}

// abandon gives up the new generation; the current one goes on.
func (s *Supervisor) abandon(why string) {
	s.act(Action{Kind: Abandon})
	for _, w := range s.sorted() {
		if w.Generation == s.reload.generation && !s.attached(w) {
			s.terminate(w, ForReload)
		}
	}
	s.notReloaded(why)
}

// notReloaded tells that a reload has failed, and why.
func (s *Supervisor) notReloaded(why string) {
	level := "error"
	if s.stop.asked {
		level = "info"
	}
	s.log(level, "reload-"+why, s.reload.generation, s.generation)
	s.reload = reload{asked: s.reload.asked && !s.stop.asked}
}
