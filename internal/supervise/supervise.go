package supervise

import (
	"math"
	"time"
)

const (
	young      = 5 * time.Second        // Who dies younger has not proved itself.
	firstDelay = 100 * time.Millisecond // Before a fork after an early death...
	lastDelay  = 30 * time.Second       // ...doubled up to this.
	growPause  = 100 * time.Millisecond // Between two steps of growing.
	killPause  = time.Second            // From SIGTERM to SIGKILL.
	settle     = time.Second            // An empty queue holds no message then.
	maxForks   = 16                     // In one step; the event loop has other work, too.
	soon       = 20 * time.Millisecond  // When to look at something that is under way.
	rarely     = time.Second            // When nothing is to be expected.
)

const never = time.Duration(math.MaxInt64)

// worker is what is remembered of a process from step to step.
type worker struct {
	Worker
	forked  time.Duration // When it was first seen.
	ready   bool          // It has been something else than starting.
	asked   bool          // It was asked to end.
	killAt  time.Duration // When SIGKILL is due; never: not.
	reason  Reason        // Why.
	killed  bool          // It has been sent.
	present bool          // It is in this step's snapshot.
}

// Supervisor decides for one pool.
type Supervisor struct {
	config  Config
	now     time.Duration
	workers map[int]*worker // By pid.
	queues  map[int]int     // By generation: this step's.
	actions []Action        // This step's...
	wake    time.Duration   // ...and when to take the next.

	// Memory that is used again.
	spare []*worker
	order []*worker
	taken []bool

	generation int         // The current one.
	newest     int         // The highest number given so far.
	draining   map[int]int // Generation: how many workers it may have.
	wanted     int         // Workers of the current generation.

	retiring   int           // Messages to retire that nobody has taken yet.
	emptySince time.Duration // Since when the current queue has been empty.

	step      int           // How many to grow by.
	grown     time.Duration // When it last grew.
	idleSince time.Duration // Since when somebody has been idle all the time.

	backoff backoff
	reload  reload
	stop    stop
}

// New supervises a pool that has no worker yet; its generation is 1.
func New(config Config) *Supervisor {
	return &Supervisor{
		config:     config,
		workers:    map[int]*worker{},
		generation: 1,
		newest:     1,
		draining:   map[int]int{},
		wanted:     config.Min,
		emptySince: never,
		step:       1,
		grown:      -growPause,
		idleSince:  never,
		backoff:    newBackoff(),
	}
}

// Step looks at what is there, and answers what to do now and how things
// stand. Time is measured from any fixed point, and never goes back. The answer
// is good until the next step.
func (s *Supervisor) Step(now time.Duration, seen Snapshot) ([]Action, Standing) {
	s.now, s.actions, s.wake, s.queues = now, s.actions[:0], rarely, seen.Queues
	s.configure(seen.Config)
	s.look(seen)
	s.request(seen.Requests)
	if s.stop.over {
		return s.actions, s.standing()
	}
	s.killLate()
	s.stepReload(seen)
	if s.stop.asked {
		s.stepStop()
	} else {
		s.resize()
		s.replace()
	}
	s.drain()
	return s.actions, s.standing()
}

// standing tells how things are.
func (s *Supervisor) standing() Standing {
	phase := Running
	switch {
	case s.stop.over:
		phase = Over
	case s.stop.asked:
		phase = Stopping
	case s.reload.phase != settled || s.reload.asked:
		phase = Reloading
	}
	return Standing{phase, s.generation, s.wanted, s.config.Min, s.config.Max, s.wake}
}

// configure takes over a configuration that changed.
func (s *Supervisor) configure(config *Config) {
	if config != nil {
		s.config = *config
		s.wanted = min(max(s.wanted, config.Min), config.Max)
	}
}

// request notes what is asked. Workers added or retired move the bounds, where
// these are in the way.
func (s *Supervisor) request(requests []Request) {
	for _, r := range requests {
		switch r.Verb {
		case Add:
			s.want(s.wanted + r.N)
		case Retire:
			if s.wanted > 0 {
				s.want(s.wanted - r.N)
			}
		case Reload:
			s.reload.asked = !s.stop.asked
		case Stop:
			s.askStop(r.Grace)
		}
	}
}

// want sets how many workers there should be, and the bounds with it: both
// where they are one, else the one that would be passed.
func (s *Supervisor) want(n int) {
	fixed := s.config.Min == s.config.Max
	s.wanted = min(max(n, 1), s.config.Slots)
	s.config.Max = max(s.config.Max, s.wanted)
	s.config.Min = min(s.config.Min, s.wanted)
	if fixed {
		s.config.Min, s.config.Max = s.wanted, s.wanted
	}
	s.idleSince = never
}

// look updates what is known of each worker.
func (s *Supervisor) look(seen Snapshot) {
	for _, w := range s.workers {
		w.present = false
	}
	for _, w := range seen.Workers {
		s.lookAt(w)
	}
	for _, pid := range seen.Retired {
		s.tookMessage(pid)
	}
	for _, death := range seen.Deaths {
		s.bury(death)
	}
	for pid, w := range s.workers {
		if !w.present {
			delete(s.workers, pid)
			s.spare = append(s.spare, w)
		}
	}
	for _, generation := range seen.Unforked {
		s.unforked(generation)
	}
	s.settleMessages()
}

// lookAt updates what is known of one that is there.
func (s *Supervisor) lookAt(seen Worker) {
	w := s.workers[seen.Pid]
	if w == nil {
		w = s.newWorker()
		s.workers[seen.Pid] = w
	}
	w.Worker, w.present = seen, true
	w.ready = w.ready || seen.State != Starting
	if w.Generation == s.generation && w.proved(s.now) {
		s.backoff.proved(w.forked)
	}
}

// newWorker is memory for one that is seen first now.
func (s *Supervisor) newWorker() *worker {
	var w *worker
	if n := len(s.spare); n > 0 {
		w, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		w = new(worker)
	}
	*w = worker{forked: s.now, killAt: never}
	return w
}

// proved tells whether a worker is a success.
func (w *worker) proved(now time.Duration) bool {
	return w.ready && (w.Served > 0 || now-w.forked >= young)
}

// tookMessage notes that a worker has taken a message to retire.
func (s *Supervisor) tookMessage(pid int) {
	w := s.workers[pid]
	if w == nil || w.Generation != s.generation {
		return
	}
	w.asked, w.State = true, Retiring
	s.retiring = max(s.retiring-1, 0)
}

// settleMessages forgets about messages that workers took and did not live to
// tell: when the queue has been empty for a while, none is left.
func (s *Supervisor) settleMessages() {
	switch {
	case s.queues[s.generation] > 0 || s.retiring == 0:
		s.emptySince = never
	case s.emptySince == never:
		s.emptySince = s.now
	case s.now-s.emptySince >= settle:
		s.retiring = 0
	}
}

// bury forgets a worker that has ended, and draws a conclusion.
func (s *Supervisor) bury(death Death) {
	w := s.workers[death.Pid]
	if w == nil { // It ended before it was ever seen.
		w = &worker{forked: s.now, Worker: Worker{Pid: death.Pid, Generation: death.Generation}}
	}
	w.present = false
	w.Served = max(w.Served, death.Served)
	switch {
	case w.Generation == s.reload.generation && s.reload.phase != settled:
		s.reload.failed = true
	case w.asked || w.Served > 0 || s.now-w.forked >= young:
	case s.mayEnd(w.Generation) && death.Clean:
	default:
		s.fail(w.forked, w.ready && death.Clean)
	}
}

// mayEnd tells whether the workers of a generation end by themselves.
func (s *Supervisor) mayEnd(generation int) bool {
	return s.stop.asked || generation != s.generation
}

// unforked notes that the system refused a fork.
func (s *Supervisor) unforked(generation int) {
	if generation == s.reload.generation && s.reload.phase != settled {
		s.reload.failed = true
		return
	}
	s.fail(s.now, false)
}

// fail makes the next fork wait. It may do so quietly: somebody who sends
// SIGTERM to all workers is no trouble to tell of.
func (s *Supervisor) fail(forked time.Duration, quiet bool) {
	if s.backoff.fail(s.now, forked) && !quiet && !s.stop.asked {
		s.log("warning", "delay", int(s.backoff.delay.Milliseconds()))
	}
}
