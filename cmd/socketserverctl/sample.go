package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"socketserver/internal/answers"
	"socketserver/internal/control"
	"socketserver/internal/load"
)

// sample is what a server and its processes are at a moment.
type sample struct {
	at      time.Time
	state   answers.State
	workers []answers.Worker
	loads   map[int]load.Load // By process.
	err     error
}

// source takes samples, over one connection for as long as it is good. Not for
// two goroutines at once.
type source struct {
	program *program
	conn    *control.Conn
}

// take takes a sample; what goes wrong is in it.
func (s *source) take() (taken *sample) {
	taken = &sample{at: time.Now(), loads: map[int]load.Load{}}
	defer func() {
		if problem := recover(); problem != nil {
			taken.err = fmt.Errorf("internal error: %v", problem)
		}
		if taken.err != nil {
			s.close()
		}
	}()
	if s.conn == nil {
		if s.conn, taken.err = s.program.dial(); taken.err != nil {
			return taken
		}
	}
	if taken.err = s.ask(taken); taken.err != nil {
		return taken
	}
	note := func(pid int) {
		if l, ok := load.Of(pid); ok {
			taken.loads[pid] = l
		}
	}
	note(taken.state.Pid)
	for i := range taken.workers {
		note(taken.workers[i].Pid)
	}
	return taken
}

func (s *source) ask(taken *sample) error {
	read := map[string]func([]byte) error{
		"status":  func(text []byte) (err error) { taken.state, err = answers.ReadState(text); return err },
		"workers": func(text []byte) (err error) { taken.workers, err = answers.ReadWorkers(text); return err },
	}
	for _, name := range []string{"status", "workers"} {
		answer, err := s.conn.Ask(name, control.Numbers{}, nil, s.program.timeout())
		if err != nil {
			return s.program.explain(err)
		}
		if err := read[name](answer.Text); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// row is a worker, with what two samples tell. What isn't known is negative.
type row struct {
	answers.Worker
	cpu    float64 // Percent of a processor.
	memory int64
	rate   float64 // Served a second.
}

// identity tells one worker from another that has its process's id later.
type identity struct {
	pid              int
	slot, generation int64
}

func identityOf(w *answers.Worker) identity {
	return identity{w.Pid, w.Slot, w.Generation}
}

// rows are the workers of a sample; the one before may be nil.
func rows(before, now *sample) []row {
	served := map[identity]int64{}
	if before != nil {
		for i := range before.workers {
			served[identityOf(&before.workers[i])] = before.workers[i].Served
		}
	}
	all := make([]row, len(now.workers))
	for i, w := range now.workers {
		r := row{Worker: w, cpu: percent(before, now, w.Pid), memory: -1, rate: -1}
		if l, ok := now.loads[w.Pid]; ok {
			r.memory = l.Resident
		}
		if then, ok := served[identityOf(&w)]; ok {
			r.rate = perSecond(before, now, then, w.Served)
		}
		all[i] = r
	}
	return all
}

// percent is what a process took of a processor between two samples.
func percent(before, now *sample, pid int) float64 {
	if before == nil {
		return -1
	}
	then, ok := before.loads[pid]
	latest, still := now.loads[pid]
	if !ok || !still || then.Began != latest.Began || latest.Ticks < then.Ticks {
		return -1
	}
	rate := perSecond(before, now, int64(then.Ticks), int64(latest.Ticks))
	return rate * 100 * load.PerTick / 1e9
}

// perSecond is how fast something was counted; what was counted anew isn't known.
func perSecond(before, now *sample, then, latest int64) float64 {
	if before == nil || latest < then || !now.at.After(before.at) {
		return -1
	}
	return float64(latest-then) / now.at.Sub(before.at).Seconds()
}

// orders are what workers can be sorted by, with the key that says so.
var orders = []struct {
	name    string
	key     byte
	compare func(a, b *row) int
}{
	{"cpu", 'c', func(a, b *row) int { return cmp.Compare(b.cpu, a.cpu) }},
	{"memory", 'm', func(a, b *row) int { return cmp.Compare(b.memory, a.memory) }},
	{"rate", 'r', func(a, b *row) int { return cmp.Compare(b.rate, a.rate) }},
	{"served", 's', func(a, b *row) int { return cmp.Compare(b.Served, a.Served) }},
	{"age", 'a', func(a, b *row) int { return cmp.Compare(b.Age, a.Age) }},
	{"state", 't', func(a, b *row) int { return cmp.Compare(a.State, b.State) }},
	{"pid", 'p', func(a, b *row) int { return cmp.Compare(a.Pid, b.Pid) }},
	{"slot", 'n', func(a, b *row) int { return cmp.Compare(a.Slot, b.Slot) }},
}

// sortRows sorts by one of the orders; equal ones stay where they were a page ago.
func sortRows(all []row, order int) {
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(orders[order].compare(&a, &b), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Pid, b.Pid))
	})
}
