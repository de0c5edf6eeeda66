package scenario

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
)

// Runner measures scenarios.
type Runner struct {
	Env     contest.Env
	Began   time.Time
	Machine result.Machine
	Rounds  int           // instead of the scenario's, if not 0
	Window  time.Duration // instead of the scenario's, if not 0
	Log     io.Writer     // says what is going on
}

// Run measures a scenario: every case once, then every case again, so that
// whatever changes on the machine meanwhile meets all of them. An error means
// that the run was called off.
func (r *Runner) Run(ctx context.Context, s Scenario) (result.Set, error) {
	if r.Rounds > 0 {
		s.Rounds = r.Rounds
	}
	if r.Window > 0 {
		s.Window = r.Window
	}
	set := result.Set{
		Scenario: s.Name, Title: s.Title, Run: r.Began, Window: s.Window, Rounds: s.Rounds,
		Machine: r.Machine, Rows: make([]result.Row, len(s.Cases)),
	}
	if s.Plan != nil {
		set.Threads = s.Plan(s.Cases[0]).Threads()
	}
	for i, c := range s.Cases {
		set.Rows[i] = result.Row{
			Contestant: c.Contestant, Title: c.title(), Workers: c.Workers, Clients: c.Clients, Lines: c.Lines, Note: c.Note,
		}
	}
	for round := range s.Rounds {
		for i, c := range s.Cases {
			if set.Rows[i].Why != "" {
				continue
			}
			measure, err := r.measure(ctx, s, c)
			if ctx.Err() != nil {
				return set, context.Cause(ctx)
			}
			r.tell(s, round, c, measure, err)
			if err != nil {
				set.Rows[i].Why, set.Rows[i].Measures = err.Error(), nil
				continue
			}
			set.Rows[i].Measures = append(set.Rows[i].Measures, measure)
		}
	}
	return set, nil
}

// measure takes one measurement.
func (r *Runner) measure(ctx context.Context, s Scenario, c Case) (result.Measure, error) {
	switch s.Name {
	case Require:
		return r.require(ctx, c.Contestant)
	case Ways:
		return r.way(ctx, s, c)
	default:
		return r.Trial(ctx, s, c)
	}
}

// tell says what a measurement gave.
func (r *Runner) tell(s Scenario, round int, c Case, m result.Measure, err error) {
	name := c.Contestant
	if c.Workers > 0 {
		name = fmt.Sprintf("%s, %d workers", name, c.Workers)
	}
	if c.Lines > 1 {
		name = fmt.Sprintf("%s, %d lines", name, c.Lines)
	}
	if c.Clients > 0 {
		name = fmt.Sprintf("%s, %d clients", name, c.Clients)
	}
	unit := "conn"
	switch c.Job {
	case contest.Talk:
		unit = "lines"
	case contest.Datagram:
		unit = "datagrams"
	}
	var gave string
	switch {
	case err != nil:
		gave = "could not run: " + err.Error()
	case m.ConnPerSec > 0:
		gave = fmt.Sprintf("%.0f %s/s, p99 %.2f ms", m.ConnPerSec, unit, m.P99)
	case m.SlowSeconds > 0:
		gave = fmt.Sprintf("%.4g s, slow %.4g s", m.Seconds, m.SlowSeconds)
	default:
		gave = fmt.Sprintf("%.4g s", m.Seconds)
	}
	if err == nil && m.Failed() > 0 {
		gave += fmt.Sprintf(", failed: %v", m.Failures)
	}
	fmt.Fprintf(r.Log, "%s %d/%d  %s: %s\n", s.Name, round+1, s.Rounds, name, strings.TrimSpace(gave))
}

// title returns the case's name as in tables.
func (c Case) title() string {
	if contestant, ok := contest.ByName(c.Contestant); ok && c.Title == "" {
		return contestant.Title
	}
	return c.Title
}
