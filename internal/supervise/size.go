package supervise

// count is how the workers of a generation stand, but for attached ones.
type count struct {
	all      int // All that are there.
	starting int
	idle     int
	serving  int // All that go on taking connections, now or soon.
}

func (s *Supervisor) countOf(generation int) count {
	var c count
	for _, w := range s.workers {
		if w.Generation != generation || s.attached(w) {
			continue
		}
		c.all++
		if w.killed && !w.doubt || w.asked || w.State == Retiring {
			continue
		}
		c.serving++
		switch w.State {
		case Starting:
			c.starting++
		case Idle:
			c.idle++
		}
	}
	return c
}

// resize decides how many workers there should be.
func (s *Supervisor) resize() {
	c := s.countOf(s.generation)
	waiting := s.queues[s.generation] > s.retiring && c.idle == 0
	short := waiting && c.starting == 0 && c.serving >= s.wanted
	s.limit(short && s.wanted == s.config.Max)
	if s.config.Min == s.config.Max {
		return
	}
	switch {
	case short:
		s.grow()
	case !waiting && s.now-s.grown >= 5*growPause:
		s.step = 1
	}
	if waiting || s.wanted < s.config.Max {
		s.within(growPause)
	}
	s.shrink(c)
}

// limit counts how many times more workers would have been wanted than may be.
func (s *Supervisor) limit(reached bool) {
	if reached && !s.limited {
		s.limits++
	}
	s.limited = reached
}

// grow adds workers, twice as many as the time before.
func (s *Supervisor) grow() {
	if s.now-s.grown < growPause || s.wanted >= s.config.Max {
		return
	}
	before := s.wanted
	s.wanted = min(s.wanted+s.step, s.config.Max)
	s.step, s.grown, s.idleSince = 2*s.step, s.now, never
	s.log("info", "grown", before, s.wanted)
}

// shrink gives up one worker when one has had nothing to do all the time.
func (s *Supervisor) shrink(c count) {
	switch {
	case c.idle == 0 || s.wanted <= s.config.Min || s.queues[s.generation] > 0 || s.config.Idle == 0:
		s.idleSince = never
	case s.idleSince == never:
		s.idleSince = s.now
		s.within(s.config.Idle)
	case s.now-s.idleSince >= s.config.Idle:
		s.wanted--
		s.idleSince = s.now
		s.log("info", "shrunk", s.wanted+1, s.wanted)
	default:
		s.within(s.idleSince + s.config.Idle - s.now)
	}
}

// replace makes the current generation as many as are wanted.
func (s *Supervisor) replace() {
	c := s.countOf(s.generation)
	missing := s.wanted - (c.serving - s.retiring)
	switch {
	case missing > 0:
		s.fork(s.generation, s.backoff.allowed(s.now, missing, c.starting))
		s.retry(&s.backoff)
	case missing < 0:
		s.retiring += -missing
		s.act(Action{Kind: Dismiss, N: -missing})
	}
	if s.retiring > 0 {
		s.within(message)
	}
}

// retry makes the next step come when a fork that failures hold back is due.
func (s *Supervisor) retry(b *backoff) {
	if b.delay > 0 {
		s.within(max(b.next-s.now, soon))
	}
}

// fork starts workers, as many as there is room for and the pace allows. It
// returns whether there was room for one.
func (s *Supervisor) fork(generation, n int) (room bool) {
	if n > maxForks {
		n = maxForks
		s.within(0)
	}
	if n <= 0 {
		return true
	}
	s.markSlots()
	s.pace.want(s.wanted)
	for slot := 0; n > 0 && slot < s.config.Slots; slot++ {
		if s.taken[slot] {
			continue
		}
		room = true
		if !s.pace.take() {
			s.within(s.pace.pause())
			break
		}
		s.act(Action{Kind: Fork, Generation: generation, Slot: slot})
		n--
	}
	return room
}

// markSlots notes which slots are taken, or will be in this step.
func (s *Supervisor) markSlots() {
	if len(s.taken) < s.config.Slots {
		s.taken = make([]bool, s.config.Slots)
	}
	clear(s.taken)
	for _, w := range s.workers {
		if !s.attached(w) {
			s.taken[w.Slot] = true
		}
	}
	for _, a := range s.actions {
		if a.Kind == Fork {
			s.taken[a.Slot] = true
		}
	}
}

// drain keeps workers at the queues that have ended while these hold
// connections, and forgets the generations that are done.
func (s *Supervisor) drain() {
	for generation, d := range s.draining {
		length, open := s.queues[generation]
		c := s.countOf(generation)
		if !open && c.all == 0 {
			delete(s.draining, generation)
			continue
		}
		if open && !s.stop.late(s.now) {
			want := min(d.size, max(length, 1))
			s.fork(generation, d.backoff.allowed(s.now, want-c.serving, c.starting))
			s.within(growPause)
		}
	}
}
