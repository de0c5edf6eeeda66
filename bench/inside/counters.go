package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
)

const (
	counters  = "16" // workers that count
	countings = 16
	// untouched is what a counter has that nobody increments meanwhile.
	untouched = 42
	killPause = 50 * time.Millisecond
	names     = 100
)

// counting asks for exact numbers.
func counting(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("%s workers increment one counter %d times together: exactly that", counters, r.incr)}
	s, err := r.openHidden(ctx, "once", "-loop", "accept", "-workers", counters)
	if err != nil {
		return got, err
	}
	defer s.close()
	if err := s.ask(fmt.Sprintf("incr untouched %d", untouched)); err != nil {
		return got, err
	}
	began := time.Now()
	if err := s.together("all", r.incr/countings); err != nil {
		return got, err
	}
	took := time.Since(began)
	now, err := s.state()
	got.Seen = fmt.Sprintf("%d, in %.2f s; another one: %d", now.Counters["all"], took.Seconds(), now.Counters["untouched"])
	got.OK = now.Counters["all"] == int64(r.incr/countings*countings) && now.Counters["untouched"] == untouched && len(now.Counters) == 2
	return got, err
}

// together has all workers increment a counter, each so often.
func (s *site) together(name string, each int) error {
	errs := make([]error, countings)
	var wg sync.WaitGroup
	for i := range countings {
		wg.Go(func() { errs[i] = s.ask(fmt.Sprintf("incr %s %d", name, each)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// bounds are between what a counter must be: what workers said that they have done,
// and that with what those may have done that were killed meanwhile.
type bounds struct{ least, most int64 }

// tally is what is known of counters that workers increment until they are killed.
type tally struct {
	sync.Mutex
	of     map[string]bounds
	failed int
}

// add notes what came of a number of increments.
func (t *tally) add(name string, n int64, err error) {
	t.Lock()
	defer t.Unlock()
	b := t.of[name]
	b.most += n
	if err == nil {
		b.least += n
	} else {
		t.failed++
	}
	t.of[name] = b
}

// wrong counts the counters that are out of their bounds, missing, or nobody's.
func (t *tally) wrong(are map[string]int64) int {
	wrong := 0
	for name, b := range t.of {
		if is := are[name]; is < b.least || is > b.most {
			wrong++
		}
	}
	for name := range are {
		if _, ok := t.of[name]; !ok {
			wrong++
		}
	}
	return wrong
}

// countingKilled asks that who is killed while he counts harms nobody.
func countingKilled(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("the same with %d new counters, %d of %s workers killed: each is what was done, one that nobody increments as before, none is stuck",
		names, r.kills, counters)}
	s, err := r.openHidden(ctx, "once", "-loop", "accept", "-workers", counters)
	if err != nil {
		return got, err
	}
	defer s.close()
	known := tally{of: map[string]bounds{"untouched": {untouched, untouched}}}
	if err := s.ask(fmt.Sprintf("incr untouched %d", untouched)); err != nil {
		return got, err
	}
	stop := s.countOn(&known)
	killed := s.kill(ctx)
	stop()
	stuck := s.together("after", 1000)
	known.add("after", 1000*countings, nil)
	now, err := s.state()
	wrong := known.wrong(now.Counters)
	got.Seen = fmt.Sprintf("%d killed, %d connections ended by that; %d counters, %d wrong; the one that was left alone %d; afterwards %d; stuck: %v",
		killed, known.failed, len(now.Counters), wrong, now.Counters["untouched"], now.Counters["after"], stuck)
	got.OK = killed >= r.kills && known.failed > 0 && wrong == 0 && stuck == nil && now.Counters["after"] == 1000*countings && len(now.Counters) == names+2
	return got, err
}

// countOn has all workers count, and begin counters whose names differ at their very
// end, until it is stopped.
func (s *site) countOn(to *tally) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for i := range countings {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; ; n++ {
				select {
				case <-quit:
					return
				default:
				}
				// Each begins all of them in the same order, so that they meet.
				which := n
				if n >= names {
					which = rng.IntN(names)
				}
				name := fmt.Sprintf("%060d%04d", 0, which)
				times := 1 + rng.Int64N(2000)
				to.add(name, times, s.ask(fmt.Sprintf("incr %s %d", name, times)))
			}
		})
	}
	return func() {
		close(quit)
		wg.Wait()
	}
}

// kill kills workers, and tells how many.
func (s *site) kill(ctx context.Context) int {
	killed := 0
	for end := time.Now().Add(5 * time.Minute); killed < s.kills && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(killPause)
		workers := s.workers()
		if len(workers) > 0 && unix.Kill(workers[rand.IntN(len(workers))], unix.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}
