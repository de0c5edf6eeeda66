package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/tally"
	"socketserver/tests/load"
)

// Of the clients that stay, how many there are of the workers, and of the server
// process itself; how many more it gets in a second.
const (
	workersStay = 200
	ownStay     = 20
	ownRate     = 100
)

// seen is what a run has seen: what the clients had, and what the server counted.
type seen struct {
	served, stayed   load.Result // of the workers
	accepted, beside load.Result // of the server process itself
	written          int
	counts           map[string]int
	before, after    int // descriptors of the server
	cpu              time.Duration
	began            time.Time
}

// loads are those that run together.
type loads struct {
	served, stayed, accepted, beside *loading.Loading
	writing                          *writing
}

// begin has clients of all kinds.
func (s *site) begin(ctx context.Context, rate float64, limit int) (*loads, error) {
	w, err := s.write()
	if err != nil {
		return nil, err
	}
	pause := load.Pause{Least: 20 * time.Millisecond, Most: 500 * time.Millisecond}
	return &loads{
		served:   loading.Begin(ctx, load.Plan{Port: s.Port, Rate: rate, Limit: limit, HalfEnd: true}),
		stayed:   loading.Begin(ctx, load.Plan{Port: s.Port, Clients: workersStay, Stay: true, Pause: pause, HalfEnd: true}),
		accepted: loading.Begin(ctx, load.Plan{Port: s.own, Rate: ownRate, HalfEnd: true}),
		beside:   loading.Begin(ctx, load.Plan{Port: s.own, Clients: ownStay, Stay: true, Pause: pause, HalfEnd: true}),
		writing:  w,
	}, nil
}

// end ends those that don't end by themselves, and asks the server what it has
// counted when all are over.
func (s *site) end(l *loads, got *seen) error {
	errs := make([]error, 4)
	got.stayed, errs[0] = l.stayed.End()
	got.accepted, errs[1] = l.accepted.End()
	got.beside, errs[2] = l.beside.End()
	got.written, errs[3] = l.writing.end()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var err error
	got.counts, err = tally.Ask(s.own, fmt.Sprintf("finish %d", got.written))
	if err != nil {
		return fmt.Errorf("%w%s", err, s.Complaint())
	}
	return nil
}

// missed lists what isn't as it should be, or is nothing.
func (g *seen) missed(connections, parent int) string {
	var wrong []string
	expect := func(what string, got, want int) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s %d of %d", what, got, want))
		}
	}
	expect("connections", g.served.Outcomes[load.Served], connections)
	for _, part := range []struct {
		what   string
		result load.Result
	}{
		{"served", g.served}, {"lines to workers", g.stayed}, {"accepted", g.accepted}, {"lines to the server", g.beside},
	} {
		if lost := loading.Lost(part.result); lost > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: lost %d: %s", part.what, lost, loading.Outcomes(part.result)))
		}
	}
	expect("accepted", g.counts["accepted"], g.accepted.Started+g.beside.Started)
	expect("answered", g.counts["answered"], g.accepted.Answers+g.beside.Answers)
	expect("by the server itself", g.accepted.Pids[parent]+g.beside.Pids[parent], g.accepted.Answers+g.beside.Answers)
	expect("lines", g.counts["lines"], g.written)
	expect("timers", g.counts["fired"], g.counts["planned"])
	expect("ended", g.counts["ended"], g.counts["forked"])
	for _, what := range []string{"disorder", "harmed", "worker"} {
		expect(what, g.counts[what], 0)
	}
	if g.after > g.before {
		wrong = append(wrong, fmt.Sprintf("%d descriptors before, %d after", g.before, g.after))
	}
	return strings.Join(wrong, "; ")
}

// String tells what a run was about.
func (g *seen) String() string {
	return fmt.Sprintf("%d children, %d connections and %d lines served by %d workers; the server: %d connections, %d lines of clients, %d of a FIFO,"+
		" %d timers; %.1f s, %.0f %% of a processor",
		g.counts["forked"], g.served.Outcomes[load.Served], g.served.Answers+g.stayed.Answers, len(g.served.Pids),
		g.counts["accepted"], g.counts["answered"], g.counts["lines"], g.counts["fired"],
		time.Since(g.began).Seconds(), 100*g.cpu.Seconds()/time.Since(g.began).Seconds())
}

// try runs a server under load until enough tells, which is given the load on the
// workers, and returns what was seen.
func (r run) try(ctx context.Context, pause time.Duration, kinds string, most, limit int, enough func(*site, *loads, *seen) error) (*seen, string, error) {
	s, err := r.open(ctx, pause, kinds, most)
	if err != nil {
		return nil, "", err
	}
	defer s.close()
	if err := s.awaitChildren(ctx, 1); err != nil {
		return nil, "", err
	}
	got := &seen{began: time.Now(), before: server.Descriptors(s.Pid())}
	l, err := s.begin(ctx, r.rate, limit)
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(enough(s, l, got), s.end(l, got)); err != nil {
		return nil, "", err
	}
	got.cpu = server.CPU(s.Pid())
	got.after = s.SettledDescriptors(got.before)
	if limit == 0 {
		limit = got.served.Started
	}
	return got, got.missed(limit, s.Pid()), nil
}

// underLoad asks that nothing is missed while children come and go.
func underLoad(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{
		Asked: fmt.Sprintf("a child every %v, %d event-loop workers with %d connections at %.0f/s and %d that stay,"+
			" the server with timers, a FIFO, a socket that listens and %d connections: nothing missed, in %d runs",
			r.pause, workers, r.connections, r.rate, workersStay, ownStay, r.runs),
		OK: true,
	}
	var children, failed int
	for i := range r.runs {
		one, missed, err := r.try(ctx, r.pause, "exit close add own", 1<<30, r.connections, func(_ *site, l *loads, got *seen) (err error) {
			got.served, err = l.served.Wait()
			return err
		})
		if ctx.Err() != nil {
			return got, context.Cause(ctx)
		}
		failed += tell(i, one, missed, err)
		if err == nil {
			children += one.counts["forked"]
		}
	}
	got.Seen = fmt.Sprintf("%d children; %d of %d runs with nothing missed", children, r.runs-failed, r.runs)
	got.OK = failed == 0
	return got, nil
}

// tell prints a run's line, and returns 1 if it isn't as asked.
func tell(i int, one *seen, missed string, err error) int {
	switch {
	case err != nil:
		fmt.Printf("run %d: FAILED: %v\n", i+1, err)
	case missed != "":
		fmt.Printf("run %d: MISSED %s: %v\n", i+1, missed, one)
	default:
		fmt.Printf("run %d: nothing missed: %v\n", i+1, one)
		return 0
	}
	return 1
}

// children asks that the server misses nothing when so many have ended.
func children(kinds string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d children one after the other (%s): the server misses nothing", r.children, kinds)}
		r.rate = 200
		one, missed, err := r.try(ctx, 2*time.Millisecond, kinds, r.children, 0, func(s *site, l *loads, got *seen) error {
			return errors.Join(s.awaitChildren(ctx, r.children), wait(l, got))
		})
		if err != nil {
			return got, err
		}
		got.Seen = one.String()
		if missed != "" {
			got.Seen = "MISSED " + missed + ": " + got.Seen
		}
		got.OK = missed == "" && one.counts["forked"] == r.children
		return got, nil
	}
}

func wait(l *loads, got *seen) (err error) {
	got.served, err = l.served.End()
	return err
}

// awaitChildren waits until the server has forked so many, which it tells.
func (s *site) awaitChildren(ctx context.Context, most int) error {
	for range 2400 {
		counts, err := tally.Ask(s.own, "count")
		if err != nil {
			return fmt.Errorf("%w%s", err, s.Complaint())
		}
		if counts["ended"] >= most {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%d children take too long", most)
}
