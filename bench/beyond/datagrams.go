package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

// loopback is a port of the system's choice.
const loopback = "udp:127.0.0.1:0"

// plan is a load of datagrams.
func (s *site) plan(clients int) load.Plan {
	return load.Plan{
		Port: s.Port, Datagrams: true, Echo: true, Prefix: "id ", Clients: clients,
		Window: time.Hour, Timeout: 5 * time.Second,
	}
}

// datagrams asks that each is answered, and that as many are counted.
func datagrams(loop string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d datagrams by 64 clients, 4 workers: all are answered rightly, and counted; none is dropped", r.datagrams)}
		s, err := r.open(ctx, "echo", loopback, "-workers", "4", "-loop", loop)
		if err != nil {
			return got, err
		}
		defer s.close()
		plan := s.plan(64)
		plan.Limit = r.datagrams
		result, err := load.Run(ctx, plan, plan.Threads())
		if err != nil {
			return got, err
		}
		counts, err := s.counted()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("failed %d; %s; %.0f datagrams/s", result.Failed(), list(counts),
			float64(result.Answers)/result.Elapsed.Seconds())
		got.Outcomes = outcomes(result)
		got.OK = result.Outcomes[load.Served] == r.datagrams && result.Overdue+result.Surplus == 0 &&
			counts["received"] == r.datagrams && counts["answered"] == r.datagrams && counts["dropped"] == 0
		return got, nil
	}
}

const (
	fewWorkers  = 2
	manyWorkers = 256
	paced       = 2000 // datagrams a second
)

// switches asks that a datagram wakes one worker, however many wait.
func switches(loop string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d datagrams/s: with %d workers at most 1.5 times the context switches of %d",
			paced, manyWorkers, fewWorkers)}
		var whole load.Result
		var few, many []float64
		for range r.rounds {
			for _, side := range []struct {
				workers int
				costs   *[]float64
			}{{fewWorkers, &few}, {manyWorkers, &many}} {
				result, each, err := r.switchesEach(ctx, loop, side.workers)
				if err != nil {
					return got, err
				}
				*side.costs = append(*side.costs, each)
				whole.Add(result.Counts)
			}
		}
		ratio := stats.Median(many) / stats.Median(few)
		got.Seen = fmt.Sprintf("ratio %.2f; %.2f against %.2f switches a datagram; failed %d",
			ratio, stats.Median(many), stats.Median(few), whole.Failed())
		got.Outcomes = outcomes(whole)
		got.OK = ratio <= 1.5 && whole.Failed() == 0
		return got, nil
	}
}

// switchesEach measures what the workers switch for each datagram.
func (r run) switchesEach(ctx context.Context, loop string, workers int) (load.Result, float64, error) {
	s, err := r.open(ctx, "echo", loopback, "-workers", strconv.Itoa(workers), "-loop", loop)
	if err != nil {
		return load.Result{}, 0, err
	}
	defer s.close()
	if n := len(s.Workers()); n != workers {
		return load.Result{}, 0, fmt.Errorf("%d workers are there, not %d", n, workers)
	}
	plan := s.plan(0)
	plan.Rate, plan.Window = paced, 3*time.Second
	before := voluntary(s.Workers())
	result, err := load.Run(ctx, plan, plan.Threads())
	after := voluntary(s.Workers())
	return result, float64(after-before) / float64(max(result.Answers, 1)), err
}

// voluntary adds up how often processes have waited.
func voluntary(pids []int) int {
	sum := 0
	for _, pid := range pids {
		sum += server.Waits(pid)
	}
	return sum
}

const (
	disturbance = 10 * time.Second
	killEvery   = 200 * time.Millisecond
	reloadEvery = time.Second
)

// disturbed asks that nothing is lost but what a killed worker had in hand.
func disturbed(loop string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("a worker killed each %v and a reload each %v for %v, 64 clients: one datagram lost for each kill at most",
			killEvery, reloadEvery, disturbance)}
		s, err := r.open(ctx, "slow", loopback, "-workers", "4", "-loop", loop)
		if err != nil {
			return got, err
		}
		defer s.close()
		enough, killed := make(chan struct{}), make(chan int)
		go func() {
			defer close(enough)
			killed <- s.disturb(ctx)
		}()
		plan := s.plan(64)
		plan.Enough, plan.Timeout = enough, 2*time.Second
		ended := make(chan struct{})
		var result load.Result
		go func() {
			defer close(ended)
			result, err = load.Run(ctx, plan, plan.Threads())
		}()
		kills := <-killed
		<-ended
		if err != nil {
			return got, err
		}
		counts, err := s.counted()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("%d kills, lost %d of %d; %s", kills, result.Failed(), result.Started, list(counts))
		got.Outcomes = outcomes(result)
		got.OK = kills > 0 && result.Answers > 0 && result.Failed() <= kills && result.Failed() == result.Outcomes[load.TimedOut] &&
			result.Surplus == 0 && counts["dropped"] == 0
		return got, nil
	}
}

// disturb reloads the server and kills workers, and returns how many it killed.
func (s *site) disturb(ctx context.Context) int {
	began, killed := time.Now(), 0
	reload := began.Add(reloadEvery)
	for time.Since(began) < disturbance {
		select {
		case <-ctx.Done():
			return killed
		case <-time.After(killEvery):
		}
		if time.Now().After(reload) {
			reload = reload.Add(reloadEvery)
			unix.Kill(s.Pid(), unix.SIGHUP)
		}
		if children := s.Children(); len(children) > 0 {
			if unix.Kill(children[rand.IntN(len(children))], unix.SIGKILL) == nil {
				killed++
			}
		}
	}
	return killed
}
