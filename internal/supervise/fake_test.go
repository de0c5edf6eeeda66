package supervise

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// process is a worker of a fake pool.
type process struct {
	Worker
	forked time.Duration
	since  time.Duration
}

// fake is a pool without processes: it does what a supervisor answers, on a
// clock of its own.
type fake struct {
	t       *testing.T
	s       *Supervisor
	now     time.Duration
	next    Snapshot // What to show besides what there is.
	pid     int
	there   map[int]*process
	queues  map[int]int
	did     []string
	forks   []time.Duration
	after   Standing
	startup time.Duration // Until a worker is ready.
	dies    bool          // It dies instead.
	refuse  bool          // The system refuses forks...
	broken  Kind          // ...or this, if it is not Fork.
}

func newFake(t *testing.T, config Config) *fake {
	if config.Slots == 0 {
		config.Slots = 4*config.Max + 4
	}
	return &fake{t: t, s: New(config), there: map[int]*process{},
		queues: map[int]int{1: 0}, startup: 30 * ms}
}

// run steps until the time is over.
func (f *fake) run(pause time.Duration) {
	f.t.Helper()
	end := f.now + pause
	for {
		f.step()
		wake := max(f.after.Wake, ms)
		if len(f.next.Outcomes) > 0 {
			wake = 0
		}
		for _, p := range f.there {
			if p.State == Starting {
				wake = min(wake, max(p.forked+f.startup-f.now, ms))
			}
		}
		if f.now+wake > end {
			f.now = end
			return
		}
		f.now += wake
	}
}

// step shows the pool once and does what is answered.
func (f *fake) step() {
	f.t.Helper()
	seen := f.next
	f.next = Snapshot{}
	seen.Queues = f.queues
	for _, pid := range f.pids() {
		p := f.there[pid]
		if p.State == Starting && f.now >= p.forked+f.startup {
			if f.dies {
				f.die(&seen, pid, false)
				continue
			}
			p.State, p.since = Idle, f.now
		}
		p.Age = f.now - p.since
		seen.Workers = append(seen.Workers, p.Worker)
	}
	actions, standing := f.s.Step(f.now, seen)
	f.after = standing
	for _, a := range actions {
		f.do(a)
	}
}

// pids is who is there, in order.
func (f *fake) pids() []int {
	var all []int
	for pid := range f.there {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all
}

// do does one thing.
func (f *fake) do(a Action) {
	f.did = append(f.did, a.String())
	switch a.Kind {
	case Fork:
		f.fork(a)
	case Kill:
		if a.Signal == "KILL" {
			f.die(&f.next, a.Pid, false)
		}
	case Renew, Switch:
		f.next.Outcomes = append(f.next.Outcomes, Outcome{a.Kind, f.broken != a.Kind})
		if f.broken == a.Kind {
			return
		}
		if a.Kind == Renew {
			f.queues[a.Generation] = 0
		} else if f.queues[f.after.Generation] == 0 {
			delete(f.queues, f.after.Generation)
		}
	}
}

// fork makes a worker.
func (f *fake) fork(a Action) {
	if f.refuse {
		f.next.Unforked = append(f.next.Unforked, a.Generation)
		return
	}
	for _, p := range f.there {
		if p.Slot == a.Slot {
			f.t.Fatalf("slot %d is taken by %d", a.Slot, p.Pid)
		}
	}
	f.pid++
	f.forks = append(f.forks, f.now)
	f.there[f.pid] = &process{forked: f.now, since: f.now,
		Worker: Worker{Pid: f.pid, Slot: a.Slot, Generation: a.Generation}}
}

// die ends a worker, to be seen in a snapshot.
func (f *fake) die(seen *Snapshot, pid int, clean bool) {
	p := f.there[pid]
	if p == nil {
		f.t.Fatalf("%d is not there", pid)
	}
	delete(f.there, pid)
	seen.Deaths = append(seen.Deaths, Death{p.Worker, clean})
}

// endOf ends all workers of a generation, as the end of its queue does.
func (f *fake) endOf(generation int) {
	for _, pid := range f.pids() {
		if f.there[pid].Generation == generation {
			f.die(&f.next, pid, true)
		}
	}
}

// all changes every worker that is ready.
func (f *fake) all(change func(p *process)) {
	for _, pid := range f.pids() {
		if f.there[pid].State != Starting {
			change(f.there[pid])
		}
	}
}

func (f *fake) busy() {
	f.all(func(p *process) { p.State, p.Connections, p.since = Busy, 1, f.now })
}

func (f *fake) idle() {
	f.all(func(p *process) { p.State, p.Connections, p.since, p.Served = Idle, 0, f.now, p.Served+1 })
}

// count is how many workers of a generation are there.
func (f *fake) count(generation int) int {
	n := 0
	for _, p := range f.there {
		if p.Generation == generation {
			n++
		}
	}
	return n
}

// done tells whether something was answered since the last call to forget.
func (f *fake) done(text string) bool {
	return slices.Contains(f.did, text)
}

func (f *fake) forget() {
	f.did, f.forks = nil, nil
}

// ask has the next step show a request.
func (f *fake) ask(r Request) {
	f.next.Requests = append(f.next.Requests, r)
}

func (f *fake) wants(generation, count int) {
	f.t.Helper()
	if got := f.count(generation); got != count {
		f.t.Errorf("at %v generation %d has %d workers, not %d; did %q", f.now, generation, got, count, f.did)
	}
}

func (f *fake) didAll(texts ...string) {
	f.t.Helper()
	for _, text := range texts {
		if !f.done(text) {
			f.t.Errorf("at %v %q was not done, but %q", f.now, text, f.did)
		}
	}
}
