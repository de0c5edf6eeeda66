package exporter

import (
	"time"

	"socketserver/internal/load"
)

// What is looked at of processes, so that a thousand workers take less than a
// hundredth of a processor.
const (
	sweepTime   = 900 * time.Millisecond // From one sweep to the next, at least.
	restTime    = 10 * time.Second       // After which a worker is looked at that does nothing.
	sweepLooks  = 300                    // At most, and...
	sweepBudget = 6 * time.Millisecond   // ...for no longer than that.

	// Memory takes the system so long that it has a part of the time: once so much
	// was spent on it, it rests for so many times that.
	memoryBudget = 3 * time.Millisecond
	memoryRest   = 250
)

// processes knows what the workers' processes have taken, and looks at a part of
// them at a time.
type processes struct {
	slots  map[int]*process
	swept  time.Time
	first  int       // The slot at which the next sweep begins...
	memory int       // ...and from which memory is looked at...
	wait   time.Time // ...not before then.
}

// process is the one of a slot, and what those before it took.
type process struct {
	pid, generation int
	past            time.Duration // Processor time of those before.
	at              time.Time     // When it was looked at; zero: it wasn't yet.
	isKnown         bool          // It was there, or else has gone: another may have its pid.
	load            load.Load     // When it was there last.
	share           float64
	pss             int64

	served int64 // What the worker had served then...
	state  string
}

// update completes a snapshot with what is known of processes, after a look at some.
func (p *processes) update(s *Snapshot, isHere bool) {
	if !isHere {
		return
	}
	p.keep(s.Workers)
	if s.At.Sub(p.swept) >= sweepTime {
		p.swept = s.At
		p.sweep(s.Workers)
		p.weigh(s.Workers)
	}
	for i := range s.Workers {
		p.slots[s.Workers[i].Slot].tell(&s.Workers[i])
	}
}

// keep has a process for each worker. What a slot's processes took stays with the
// slot while it is in use.
func (p *processes) keep(workers []Worker) {
	slots := make(map[int]*process, len(workers))
	for i := range workers {
		w := &workers[i]
		known := p.slots[w.Slot]
		if known == nil || known.pid != w.Pid || known.generation != w.Generation {
			next := &process{pid: w.Pid, generation: w.Generation, share: -1, pss: -1}
			if known != nil {
				next.past = known.total()
			}
			known = next
		}
		slots[w.Slot] = known
	}
	p.slots = slots
}

// sweep looks at workers that do something or haven't been looked at for long, from
// where the sweep before had to end.
func (p *processes) sweep(workers []Worker) {
	began, looks := time.Now(), 0
	for i := range rotated(workers, p.first) {
		w := &workers[i]
		if known := p.slots[w.Slot]; !known.isDue(w, began) {
			continue
		}
		if looks >= sweepLooks || time.Since(began) >= sweepBudget {
			p.first = w.Slot
			return
		}
		looks++
		p.slots[w.Slot].look(w)
	}
}

// rotated are the numbers of all workers, from a slot on.
func rotated(workers []Worker, slot int) func(func(int) bool) {
	from := 0
	for from < len(workers) && workers[from].Slot < slot {
		from++
	}
	return func(yield func(int) bool) {
		for i := range workers {
			if !yield((from + i) % len(workers)) {
				return
			}
		}
	}
}

// isDue tells whether a look may tell something new.
func (p *process) isDue(w *Worker, now time.Time) bool {
	return p.at.IsZero() || w.Connections > 0 || w.Served != p.served || w.State != p.state ||
		now.Sub(p.at) >= restTime
}

// look looks at the process. What has its pid, but began at another time, isn't it.
func (p *process) look(w *Worker) {
	now := time.Now()
	passed := now.Sub(p.at)
	isFirst := p.at.IsZero()
	p.at, p.served, p.state = now, w.Served, w.State
	l, ok := load.Of(p.pid)
	if !ok || !isFirst && (l.Began != p.load.Began || l.Ticks < p.load.Ticks) {
		p.isKnown, p.share, p.pss = false, -1, -1
		return
	}
	if p.isKnown && passed > 0 {
		p.share = float64(l.Ticks-p.load.Ticks) * load.PerTick / float64(passed)
	}
	p.isKnown, p.load = true, l
}

// weigh looks at the memory of some.
func (p *processes) weigh(workers []Worker) {
	began := time.Now()
	if began.Before(p.wait) {
		return
	}
	for i := range rotated(workers, p.memory) {
		w := &workers[i]
		if time.Since(began) >= memoryBudget {
			p.memory = w.Slot
			break
		}
		if known := p.slots[w.Slot]; known.isKnown {
			known.weigh()
		}
	}
	p.wait = began.Add(min(time.Since(began), time.Second) * memoryRest)
}

func (p *process) weigh() {
	p.pss = -1
	if bytes, ok := load.Proportional(p.pid); ok {
		p.pss = bytes
	}
}

// total is the processor time of all that the slot had.
func (p *process) total() time.Duration {
	return p.past + time.Duration(p.load.Ticks)*load.PerTick
}

// tell says what is known.
func (p *process) tell(w *Worker) {
	if !p.isKnown {
		return
	}
	w.CPU = time.Duration(p.load.Ticks) * load.PerTick
	w.slotCPU = p.total()
	w.CPUShare, w.RSS, w.PSS = p.share, p.load.Resident, p.pss
}
