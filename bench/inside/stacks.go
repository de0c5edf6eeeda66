package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/operator"
	"socketserver/tests/load"
)

const (
	askers = 4
	// longestStack is more than the server gives a worker to tell.
	longestStack = 5 * time.Second
)

// stacks asks that workers tell what they do, over and over, and serve on.
func stacks(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("%d stacks on demand by %d operators at 2000 connections/s: each is told, none fails, no worker ends", r.stacks, askers)}
	s, err := r.openHidden(ctx, "nested", "-workers", "4")
	if err != nil {
		return got, err
	}
	defer s.close()
	before := s.workers()
	slices.Sort(before)
	running := loading.Begin(ctx, load.Plan{Port: s.Port, Rate: 2000})
	var told stackCounts
	began := time.Now()
	failure := s.askStacks(ctx, before, &told)
	took := time.Since(began)
	result, err := running.End()
	if err != nil {
		return got, err
	}
	after := s.workers()
	slices.Sort(after)
	got.Seen = fmt.Sprintf("%d in %.1f s: %d of procs, %d idle, %d blocked, %d between these, %d refused; the longest after %v; failed %d of %d; the same workers: %v",
		told.asked.Load(), took.Seconds(), told.kinds[inProc].Load(), told.kinds[idle].Load(), told.kinds[blocked].Load(), told.kinds[other].Load(),
		told.kinds[refused].Load(), time.Duration(told.longest.Load()).Round(time.Millisecond), loading.Lost(result), result.Started, slices.Equal(before, after))
	if failure != nil {
		got.Seen += "; " + failure.Error()
	}
	got.Outcomes = loading.Outcomes(result)
	got.OK = failure == nil && told.asked.Load() >= int64(r.stacks) && told.kinds[refused].Load() == 0 && told.kinds[inProc].Load() > 0 &&
		told.kinds[idle].Load() > 0 && time.Duration(told.longest.Load()) <= longestStack && loading.Lost(result) == 0 && slices.Equal(before, after)
	return got, nil
}

// kind is what a stack tells.
type kind int

const (
	inProc kind = iota
	idle
	blocked
	other // A worker between two connections has no proc of the application's.
	refused
	kinds
)

func kindOf(stack string) kind {
	switch {
	case strings.Contains(stack, "proc ::"):
		return inProc
	case strings.Contains(stack, "waits for a connection"):
		return idle
	case strings.Contains(stack, "blocked in "):
		return blocked
	}
	return other
}

// stackCounts is what came of the questions.
type stackCounts struct {
	asked   atomic.Int64
	kinds   [kinds]atomic.Int64
	longest atomic.Int64
}

// askStacks has several operators ask for the stacks of workers.
func (s *site) askStacks(ctx context.Context, workers []int, to *stackCounts) error {
	errs := make([]error, askers)
	var wg sync.WaitGroup
	for i := range askers {
		wg.Go(func() { errs[i] = s.askOften(ctx, workers, rand.New(rand.NewPCG(1, uint64(i))), to) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *site) askOften(ctx context.Context, workers []int, rng *rand.Rand, to *stackCounts) error {
	fd, err := operator.Dial(s.control())
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for to.asked.Add(1) <= int64(s.stacks) && ctx.Err() == nil {
		before := time.Now()
		stack, err := operator.AskOn(fd, "stack", [2]int64{}, strconv.Itoa(workers[rng.IntN(len(workers))]))
		took := int64(time.Since(before))
		for longest := to.longest.Load(); took > longest && !to.longest.CompareAndSwap(longest, took); longest = to.longest.Load() {
		}
		switch {
		case errors.Is(err, operator.ErrRefused):
			to.kinds[refused].Add(1)
		case err != nil:
			return err
		default:
			to.kinds[kindOf(stack)].Add(1)
		}
	}
	to.asked.Add(-1)
	return nil
}
