package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

// kept are clients that ask every 2 to 5 seconds.
func (r run) kept() load.Plan {
	return load.Plan{
		HTTP: true, Prefix: "id-", Clients: r.clients, Rate: 3000, Stay: true, HalfEnd: true,
		Pause: load.Pause{Least: 2 * time.Second, Most: 5 * time.Second}, Window: r.window(time.Minute),
	}
}

// firstByte has the server hold those that have yet to send their first request,
// up to 5 s after they came: a worker would wait for it.
var firstByte = []string{"-firstbyte", "10"}

// keptClients asks for no failure, quick replies and little memory.
func keptClients(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		quick := 25.0
		if runtime.NumCPU() < 4 {
			quick = 50
		}
		plan := r.kept()
		got := criterion.Row{Asked: fmt.Sprintf("%d clients, a request every 2 to 5 s, %s workers, %v: none fails, p99 < %.0f ms, PSS < 25 MB",
			plan.Clients, workers, plan.Window, quick)}
		server, err := r.open(ctx, r.Build, s, firstByte...)
		if err != nil {
			return got, err
		}
		defer server.close()
		stop := server.watch(pss)
		before, _ := server.Usage()
		results, err := server.load(ctx, plan)
		after, usageErr := server.Usage()
		pss := slices.Max(append(stop(), 0))
		if err != nil || usageErr != nil {
			return got, fmt.Errorf("%w, %w", err, usageErr)
		}
		result := results[0]
		p99 := millis(stats.Percentile(result.Latencies, 99))
		got.Seen = fmt.Sprintf("failed %d, %s, PSS at most %.1f MB, CPU %.0f us a request",
			result.Failed(), times(result), pss, micros(after.CPU-before.CPU)/float64(max(result.Answers, 1)))
		got.Outcomes = outcomes([]string{"kept"}, results)
		got.OK = result.Failed() == 0 && result.Answers > 0 && p99 < quick && pss < 25
		return got, nil
	}
}

const (
	reloads = 5
	kills   = 20
	// aftermath is how long after a kill a failure may be of it.
	aftermath = time.Second
	// held is how many connections a worker may hold: one that it serves and
	// one that it keeps.
	held = 2
)

// disturbed asks that nobody fails but whom a killed worker held.
func disturbed(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		plan := r.kept()
		got := criterion.Row{Asked: fmt.Sprintf("the same, with %d reloads and %d kills of workers: none fails but those that a killed one held",
			reloads, kills)}
		server, err := r.open(ctx, r.Build, s, firstByte...)
		if err != nil {
			return got, err
		}
		defer server.close()
		done := make(chan []time.Duration)
		go func() { done <- server.disturb(ctx, plan.Window) }()
		results, err := server.load(ctx, plan)
		killed := <-done
		if err != nil {
			return got, err
		}
		result := results[0]
		blamed := blame(result.Mishaps, killed)
		got.Seen = fmt.Sprintf("%d kills; failed %d, of these within %v of a kill, %d each at most: %d; %s",
			len(killed), result.Failed(), aftermath, held, blamed, times(result))
		got.Outcomes = outcomes([]string{"kept"}, results)
		got.OK = result.Failed() == blamed && result.Answers > 0 && len(killed) == kills
		return got, nil
	}
}

// disturb reloads the server and kills workers, spread over a time, and
// returns when it killed.
func (s *site) disturb(ctx context.Context, window time.Duration) []time.Duration {
	began := time.Now()
	var killed []time.Duration
	for i := range reloads + kills {
		at := window / 6 * 5 * time.Duration(i) / (reloads + kills)
		select {
		case <-ctx.Done():
			return killed
		case <-time.After(window/8 + at - time.Since(began)):
		}
		if i%(1+kills/reloads) == 0 {
			unix.Kill(s.Pid(), unix.SIGHUP)
			continue
		}
		children, now := s.Children(), time.Since(began)
		if len(children) > 0 && unix.Kill(children[rand.IntN(len(children))], unix.SIGKILL) == nil {
			killed = append(killed, now)
		}
	}
	return killed
}

// blame returns how many failures kills account for.
func blame(mishaps []load.Mishap, killed []time.Duration) int {
	blamed := make([]int, len(killed))
	sum := 0
	for _, mishap := range mishaps {
		if mishap.Outcome != load.Reset && mishap.Outcome != load.NoReply {
			continue
		}
		for i, at := range killed {
			if mishap.At >= at && mishap.At < at+aftermath && blamed[i] < held {
				blamed[i]++
				sum++
				break
			}
		}
	}
	return sum
}

// busyAgainstOld compares kept connections with the old event loop.
func busyAgainstOld(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "64 busy clients on 4 workers: at most 0.65 of the CPU per request; nobody waits over 50 ms"}
	if r.old == "" {
		got.Seen = "-old is needed"
		return got, criterion.ErrSkipped
	}
	ours, theirs, err := r.compare(ctx, 64, side{r.Build, acceptKeep}, side{r.old, eventLoop})
	if err != nil {
		return got, err
	}
	return ours.against(theirs, got, 0.65, 50*time.Millisecond), nil
}

// busyAgainstLoop compares kept connections with a worker for each.
func busyAgainstLoop(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "3 busy clients on 4 workers: at most 1.1 of the CPU of a worker each"}
	ours, theirs, err := r.compare(ctx, 3, side{r.Build, acceptKeep}, side{r.Build, acceptLoop})
	if err != nil {
		return got, err
	}
	return ours.against(theirs, got, 1.1, 0), nil
}

// side is a build and how it serves.
type side struct {
	build string
	style style
}

// cost is what several measurements gave.
type cost struct {
	micros []float64 // CPU of each request
	rates  []float64
	whole  load.Result
}

// compare measures two sides in turn.
func (r run) compare(ctx context.Context, clients int, sides ...side) (ours, theirs cost, err error) {
	costs := []*cost{&ours, &theirs}
	for range r.rounds {
		for i, side := range sides {
			if err := r.measure(ctx, clients, side, costs[i]); err != nil {
				return ours, theirs, err
			}
		}
	}
	return ours, theirs, nil
}

func (r run) measure(ctx context.Context, clients int, one side, to *cost) error {
	server, err := r.open(ctx, one.build, one.style)
	if err != nil {
		return err
	}
	defer server.close()
	plan := load.Plan{HTTP: true, Prefix: "id-", Clients: clients, Stay: true, HalfEnd: true, Window: time.Second / 2}
	if _, err := server.load(ctx, plan); err != nil {
		return err
	}
	plan.Window = r.window(3 * time.Second)
	before, err := server.Usage()
	if err != nil {
		return err
	}
	results, err := server.load(ctx, plan)
	if err != nil {
		return err
	}
	after, err := server.Usage()
	if err != nil {
		return err
	}
	result := results[0]
	to.micros = append(to.micros, micros(after.CPU-before.CPU)/float64(max(result.Answers, 1)))
	to.rates = append(to.rates, float64(result.InWindow)/plan.Window.Seconds())
	to.whole.Add(result.Counts)
	to.whole.Answers += result.Answers
	to.whole.Latencies = append(to.whole.Latencies, result.Latencies...)
	slices.Sort(to.whole.Latencies)
	return nil
}

// against says what came of a comparison.
func (c cost) against(other cost, got criterion.Row, most float64, longest time.Duration) criterion.Row {
	ratio := stats.Median(c.micros) / stats.Median(other.micros)
	got.Seen = fmt.Sprintf("ratio %.2f; CPU %.1f against %.1f us a request, %.0f against %.0f requests/s; %s, against %s",
		ratio, stats.Median(c.micros), stats.Median(other.micros), stats.Median(c.rates), stats.Median(other.rates),
		times(c.whole), times(other.whole))
	if longest > 0 {
		got.Seen += fmt.Sprintf("; over %v: %d against %d", longest, c.whole.Over(longest), other.whole.Over(longest))
	}
	got.Outcomes = outcomes([]string{"kept", "other"}, []load.Result{c.whole, other.whole})
	got.OK = ratio <= most && c.whole.Failed() == 0 && (longest == 0 || c.whole.Over(longest) == 0)
	return got
}

// times describes latencies.
func times(result load.Result) string {
	return fmt.Sprintf("p50 %.2f, p99 %.2f, longest %.2f ms", millis(stats.Percentile(result.Latencies, 50)),
		millis(stats.Percentile(result.Latencies, 99)), millis(stats.Percentile(result.Latencies, 100)))
}

func millis(d time.Duration) float64 {
	return d.Seconds() * 1e3
}

func micros(d time.Duration) float64 {
	return d.Seconds() * 1e6
}
