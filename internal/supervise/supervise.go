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
	maxForks   = 4                      // In one step; the event loop has other work, too.
	message    = 100 * time.Millisecond // When to look who took a message to retire.
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
	killed  bool          // It has been sent...
	doubt   bool          // ...unless it was spared, as the next step shows.
	present bool          // It is in this step's snapshot.
	long    long          // What has been done about its oldest connection.
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
	unused []*worker
	order  []*worker
	taken  []bool

	generation int              // The current one.
	newest     int              // The highest number given so far.
	draining   map[int]*drained // By generation.
	wanted     int              // Workers of the current generation.

	retiring   int           // Messages to retire that nobody has taken yet.
	emptySince time.Duration // Since when the current queue has been empty.

	step      int           // How many to grow by.
	grown     time.Duration // When it last grew.
	idleSince time.Duration // Since when somebody has been idle all the time.
	limited   bool          // More would be wanted than may be...
	limits    int           // ...and how many times it came to that.

	pace    pace
	backoff backoff
	first   first
	reload  reload
	leaving leaving
	stop    stop
}

// drained is a generation whose queue has ended.
type drained struct {
	size    int // How many workers it may have.
	backoff backoff
}

// New supervises a pool that has no worker yet; its generation is 1.
func New(config Config) *Supervisor {
	return &Supervisor{
		config:     config,
		workers:    map[int]*worker{},
		generation: 1,
		newest:     1,
		draining:   map[int]*drained{},
		wanted:     config.Min,
		emptySince: never,
		step:       1,
		grown:      -growPause,
		idleSince:  never,
		backoff:    newBackoff(),
		first:      first{since: never},
	}
}

// Step looks at what is there, and answers what to do now and how things
// stand. Time is measured from any fixed point, and never goes back. The answer
// is good until the next step.
func (s *Supervisor) Step(now time.Duration, seen Snapshot) ([]Action, Standing) {
	s.now, s.actions, s.wake, s.queues = now, s.actions[:0], rarely, seen.Queues
	s.configure(seen.Config)
	s.pace.refill(now)
	s.learn(seen.Outcomes)
	s.look(seen)
	s.request(seen.Requests)
	if s.stop.over {
		return s.actions, s.standing()
	}
	s.killLate()
	s.stepLeaving()
	s.stepReload()
	s.stepFirst()
	if s.stop.asked {
		s.stepStop()
	} else {
		s.resize()
		s.replace()
	}
	s.drain()
	if s.config.Watchdog > 0 {
		s.within(max(s.config.Watchdog/6, soon)) // Steps feed it.
	}
	return s.actions, s.standing()
}

func (s *Supervisor) standing() Standing {
	phase := Running
	switch {
	case s.stop.over:
		phase = Over
	case s.stop.asked:
		phase = Stopping
	case s.leaving.asked:
		phase = Draining
	case s.reload.phase != settled || s.reload.asked:
		phase = Reloading
	}
	return Standing{phase, s.generation, s.wanted, s.config.Min, s.config.Max, s.limits, s.wake}
}

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
		case Drain:
			s.askDrain(r.Pause, r.Grace)
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

func (s *Supervisor) look(seen Snapshot) {
	for _, pid := range seen.Spared {
		s.spare(pid)
	}
	for _, w := range s.workers {
		w.present = false
		w.asked = w.asked || w.doubt
		w.doubt = false
	}
	for _, w := range seen.Workers {
		s.lookAt(w)
	}
	for _, death := range seen.Deaths {
		s.bury(death)
	}
	for pid, w := range s.workers {
		if !w.present {
			delete(s.workers, pid)
			s.unused = append(s.unused, w)
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
	taken := seen.Dismissed && !w.Dismissed
	w.Worker, w.present = seen, true
	if taken {
		s.tookMessage(w)
	}
	if s.attached(w) {
		return
	}
	if !w.ready && seen.State != Starting {
		w.ready = true
		s.first.came++
	}
	if w.Generation == s.generation && w.proved(s.now) {
		s.backoff.proved(w.forked)
	}
}

// attached tells whether a worker came by itself.
func (s *Supervisor) attached(w *worker) bool {
	return w.Slot >= s.config.Slots
}

// newWorker is memory for one that is seen first now.
func (s *Supervisor) newWorker() *worker {
	var w *worker
	if n := len(s.unused); n > 0 {
		w, s.unused = s.unused[n-1], s.unused[:n-1]
	} else {
		w = new(worker)
	}
	*w = worker{forked: s.now, killAt: never, long: newLong()}
	return w
}

// proved tells whether a worker is a success.
func (w *worker) proved(now time.Duration) bool {
	return w.ready && (w.Served > 0 || now-w.forked >= young)
}

// tookMessage notes that a worker has taken a message to retire.
func (s *Supervisor) tookMessage(w *worker) {
	if w.Generation == s.generation {
		w.asked, w.State = true, Retiring
		s.retiring = max(s.retiring-1, 0)
	}
}

// spare notes that a worker was done before it could be killed.
func (s *Supervisor) spare(pid int) {
	if w := s.workers[pid]; w != nil && w.doubt {
		w.killed, w.doubt = false, false
	}
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
	s.lookAt(death.Worker)
	w := s.workers[death.Pid]
	w.present = false
	if s.attached(w) {
		return // Whatever its end says, it says nothing of those that are forked.
	}
	engaged := w.Served > 0 || w.Connections > 0
	if death.Clean && w.Connections == 0 && w.State == Retiring {
		s.pace.grant(1) // It has served what it was to serve.
	}
	switch {
	case w.Generation == s.reload.generation && s.reload.phase != settled:
		s.reload.failed = true
	case w.asked || engaged || s.now-w.forked >= young:
	case death.Clean && (s.stop.asked || w.Generation != s.generation):
		// Its queue has ended.
	case w.Generation == s.generation:
		s.fail(w.forked, w.ready && death.Clean)
	case s.draining[w.Generation] != nil:
		s.draining[w.Generation].backoff.fail(s.now, w.forked)
	}
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
