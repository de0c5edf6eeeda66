package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
)

// Verdicts on a goal.
const (
	Met         = "met"
	Missed      = "missed"
	NotMeasured = "not measured"
)

// Goal is something that the extension should reach, and whether it did.
type Goal struct {
	What     string
	Goal     string
	Measured string
	Verdict  string
	InCPU    string // of connections per second: the ratio of what a connection costs the servers
}

// who is a contestant with a number of workers.
type who struct {
	contestant string
	workers    int
}

// ratio is a goal that compares two cases of one scenario.
type ratio struct {
	what     string
	scenario string
	field    result.Field
	ours     who
	other    who
	least    float64 // of ours to other; or
	most     float64
}

var ratios = []ratio{
	{"conn/s against the polled design, 2 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 2}, who{contest.Polled, 2}, 1.1, 0},
	{"conn/s against the polled design, 64 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 64}, who{contest.Polled, 64}, 2.4, 0},
	{"conn/s against the polled design, 256 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 256}, who{contest.Polled, 256}, 6, 0},
	{"switches per connection, 256 workers against 2", scenario.Throughput, result.Switches,
		who{contest.OursEvent, 256}, who{contest.OursEvent, 2}, 0, 1.2},
	{"the same at 1,000 conn/s", scenario.OpenLoop, result.Switches,
		who{contest.OursEvent, 256}, who{contest.OursEvent, 2}, 0, 1.2},
	{"accept loop, conn/s against plain C, 2 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursAccept, 2}, who{contest.CBroker, 2}, 0.95, 0},
	{"accept loop, conn/s against plain C, 8 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursAccept, 8}, who{contest.CBroker, 8}, 0.95, 0},
	{"accept loop, conn/s against plain C, 64 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursAccept, 64}, who{contest.CBroker, 64}, 0.95, 0},
	{"accept loop, conn/s against plain C, 256 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursAccept, 256}, who{contest.CBroker, 256}, 0.95, 0},
	{"event loop, conn/s against the accept loop, 2 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 2}, who{contest.OursAccept, 2}, 0.95, 0},
	{"event loop, conn/s against the accept loop, 8 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 8}, who{contest.OursAccept, 8}, 0.95, 0},
	{"event loop, conn/s against the accept loop, 64 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 64}, who{contest.OursAccept, 64}, 0.95, 0},
	{"event loop, conn/s against the accept loop, 256 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 256}, who{contest.OursAccept, 256}, 0.95, 0},
	{"conn/s against Node.js cluster, 2 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 2}, who{contest.Node, 2}, 3, 0},
	{"conn/s against Node.js cluster, 64 workers", scenario.Throughput, result.ConnPerSec,
		who{contest.OursEvent, 64}, who{contest.Node, 64}, 5, 0},
	{"p99 latency at 1,000 conn/s, 256 workers against 2", scenario.OpenLoop, result.P99,
		who{contest.OursEvent, 256}, who{contest.OursEvent, 2}, 0, 1.3},
	{"lines per CPU second on connections that stay open, one worker against one Tcl process", scenario.StayOpen,
		result.PerCPUSec, who{contest.OursEvent, 1}, who{contest.TclSingle, 0}, 1.6, 0},
	{"`cat` for each connection, conn/s against tcpserver, 16 workers", scenario.Programs, result.ConnPerSec,
		who{contest.OursAccept, scenario.Clients}, who{contest.Tcpserver, 0}, 0.9, 0},
}

// bound is a goal on one case alone.
type bound struct {
	what     string
	scenario string
	field    result.Field
	ours     who
	most     float64
	show     func(float64) string
}

var bounds = []bound{
	{"20 clients whose handler takes 5 s, 20 workers", scenario.Lengthy, result.Seconds,
		who{contest.OursEvent, 20}, 5.1, seconds},
	{"lengthy action, 20 clients, 20 workers that accept themselves", scenario.Ways, result.Seconds,
		who{scenario.SharedAccept, 20}, 5.1, seconds},
	{"the same, handed over, `accept` loop", scenario.Ways, result.Seconds,
		who{scenario.ByAccept, 20}, 5.1, seconds},
	{"the same, handed over, event loop", scenario.Ways, result.Seconds,
		who{scenario.ByEvent, 20}, 5.1, seconds},
	{"slow connection, the slowest takes 6 s, 20 workers that accept themselves", scenario.Ways, result.SlowSeconds,
		who{scenario.SharedAccept, 20}, 6.3, seconds},
	{"the same, handed over, `accept` loop", scenario.Ways, result.SlowSeconds,
		who{scenario.ByAccept, 20}, 6.3, seconds},
	{"the same, handed over, event loop", scenario.Ways, result.SlowSeconds,
		who{scenario.ByEvent, 20}, 6.3, seconds},
	{"memory of an idle worker (PSS), 8 workers", scenario.Memory, result.IdlePSS,
		who{contest.OursEvent, 8}, 1.1e6 / 1024, megabytesUnit},
	{"memory of an idle worker (PSS), 64 workers", scenario.Memory, result.IdlePSS,
		who{contest.OursEvent, 64}, 0.5e6 / 1024, megabytesUnit},
	{"the same after load, 64 workers", scenario.Memory, result.PSS,
		who{contest.OursEvent, 64}, 1.1e6 / 1024, megabytesUnit},
}

// Goals judges what was measured.
func Goals(sets Sets) []Goal {
	var goals []Goal
	for _, r := range ratios {
		goals = append(goals, r.judge(sets))
	}
	for _, b := range bounds {
		goals = append(goals, b.judge(sets))
	}
	return append(goals, judgeForks(sets))
}

// judge compares the medians of the two sides; what the rounds give one by one
// is shown as a range.
func (r ratio) judge(sets Sets) Goal {
	goal := Goal{What: r.what, Goal: fmt.Sprintf("at least %g x", r.least), Measured: "-", Verdict: NotMeasured, InCPU: "-"}
	if r.most > 0 {
		goal.Goal = fmt.Sprintf("at most %g x", r.most)
	}
	ours, ok := sets.find(r.scenario, r.ours.contestant, r.ours.workers)
	other, okOther := sets.find(r.scenario, r.other.contestant, r.other.workers)
	if !ok || !okOther {
		return goal
	}
	got := ours.Median(r.field) / other.Median(r.field)
	goal.Measured = fmt.Sprintf("%.2f x%s", got, rangeOf(ours.Values(r.field), other.Values(r.field)))
	goal.Verdict = verdict(r.most > 0 && got <= r.most || r.least > 0 && got >= r.least)
	if r.least > 0 {
		goal.InCPU = fmt.Sprintf("%.2f x", other.Median(result.CPUMicros)/ours.Median(result.CPUMicros))
	}
	return goal
}

// rangeOf returns the smallest and the largest ratio of a round.
func rangeOf(ours, other []float64) string {
	var each []float64
	for i := range min(len(ours), len(other)) {
		each = append(each, ours[i]/other[i])
	}
	if len(each) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%.2f to %.2f)", slices.Min(each), slices.Max(each))
}

func (b bound) judge(sets Sets) Goal {
	goal := Goal{What: b.what, Goal: "at most " + b.show(b.most), Measured: "-", Verdict: NotMeasured, InCPU: "-"}
	row, ok := sets.find(b.scenario, b.ours.contestant, b.ours.workers)
	if !ok {
		return goal
	}
	got := row.Median(b.field)
	goal.Measured = b.show(got)
	goal.Verdict = verdict(got <= b.most && row.Failed() == 0)
	if row.Failed() > 0 {
		goal.Measured += ", failed: " + failures(row)
	}
	return goal
}

// judgeForks wants every client served though the server process forks.
func judgeForks(sets Sets) Goal {
	goal := Goal{
		What: "forks at 100 a second under load", Goal: "no client waits for a FIN, is refused or reset",
		Measured: "-", Verdict: NotMeasured, InCPU: "-",
	}
	row, ok := sets.find(scenario.Forks, contest.OursEvent, 8)
	if !ok {
		return goal
	}
	goal.Measured = fmt.Sprintf("%s of %s", failures(row), thousands(float64(row.Started())))
	goal.Verdict = verdict(row.Failed() == 0)
	return goal
}

func verdict(met bool) string {
	if met {
		return Met
	}
	return Missed
}

func seconds(s float64) string {
	return fmt.Sprintf("%.2f s", s)
}

func megabytesUnit(kib float64) string {
	return megabytes(kib) + " MB"
}

// GoalsTable prints the goals that this run measured.
func GoalsTable(out io.Writer, sets Sets) {
	goals := slices.DeleteFunc(Goals(sets), func(g Goal) bool { return g.Verdict == NotMeasured })
	if len(goals) == 0 {
		return
	}
	fmt.Fprint(out, "\ngoals\n\n")
	writer := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, g := range goals {
		fmt.Fprintln(writer, strings.Join([]string{g.What, g.Goal, g.Measured, g.Verdict}, "\t"))
	}
	writer.Flush()
}
