package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
)

// throughput returns a result with two rounds of each case.
func throughput(rates map[who][2]float64) Sets {
	set := result.Set{Scenario: scenario.Throughput, Rounds: 2}
	for w, rate := range rates {
		set.Rows = append(set.Rows, result.Row{
			Contestant: w.contestant, Title: w.contestant, Workers: w.workers,
			Measures: []result.Measure{
				{ConnPerSec: rate[0], Started: 10, Served: 10},
				{ConnPerSec: rate[1], Started: 10, Served: 10},
			},
		})
	}
	return Sets{scenario.Throughput: set}
}

func TestRatioGoal(t *testing.T) {
	sets := throughput(map[who][2]float64{
		{contest.OursEvent, 64}: {2400, 2600},
		{contest.Polled, 64}:    {1000, 1000},
		{contest.OursEvent, 2}:  {1000, 1000},
		{contest.Polled, 2}:     {1000, 1000},
	})
	tests := []struct{ what, measured, verdict string }{
		{"conn/s against the polled design, 64 workers", "2.50 x (2.40 to 2.60)", Met},
		{"conn/s against the polled design, 2 workers", "1.00 x (1.00 to 1.00)", Missed},
		{"conn/s against the polled design, 256 workers", "-", NotMeasured},
		{"forks at 100 a second under load", "-", NotMeasured},
	}
	goals := map[string]Goal{}
	for _, g := range Goals(sets) {
		goals[g.What] = g
	}
	for _, test := range tests {
		if g := goals[test.what]; g.Measured != test.measured || g.Verdict != test.verdict {
			t.Errorf("%s: got %q, %s", test.what, g.Measured, g.Verdict)
		}
	}
}

// TestStayOpen has one process of Tcl face several loads; the goal is about the
// first.
func TestStayOpen(t *testing.T) {
	row := func(contestant string, workers, clients int, cpu float64) result.Row {
		return result.Row{
			Contestant: contestant, Title: contestant, Workers: workers, Clients: clients,
			Measures: []result.Measure{{ConnPerSec: 1000, CPUMicros: cpu, Started: clients, Served: clients}},
		}
	}
	set := result.Set{Scenario: scenario.StayOpen, Rows: []result.Row{
		row(contest.OursEvent, 1, 4, 10), row(contest.TclSingle, 0, 4, 17), row(contest.TclSingle, 0, 16, 12),
	}}
	goal := slices.IndexFunc(ratios, func(r ratio) bool { return r.scenario == scenario.StayOpen })
	if g := ratios[goal].judge(Sets{scenario.StayOpen: set}); g.Verdict != Met || g.Measured != "1.70 x" {
		t.Errorf("got %+v", g)
	}
	head := strings.Join(Cells(set)[0], "|")
	if want := "contestant|workers|clients|lines/s|spread|CPU us/line|switches/line|p50 ms|p99 ms|failed"; head != want {
		t.Errorf("got %s", head)
	}
}

// TestDatagrams has the table speak of what was counted.
func TestDatagrams(t *testing.T) {
	head := strings.Join(Cells(result.Set{Scenario: scenario.Datagrams})[0], "|")
	if want := "contestant|workers|datagrams/s|spread|CPU us/datagram|switches/datagram|p50 ms|p99 ms|failed"; head != want {
		t.Errorf("got %s", head)
	}
}

// TestPrograms has the workers' side of the goal be the case that is measured.
func TestPrograms(t *testing.T) {
	s, _ := scenario.ByName(scenario.Programs)
	set := result.Set{Scenario: s.Name}
	for i, c := range s.Cases {
		set.Rows = append(set.Rows, result.Row{Contestant: c.Contestant, Workers: c.Workers, Measures: []result.Measure{
			{ConnPerSec: []float64{850, 1000}[i], Started: 1, Served: 1},
		}})
	}
	goal := slices.IndexFunc(ratios, func(r ratio) bool { return r.scenario == scenario.Programs })
	if g := ratios[goal].judge(Sets{s.Name: set}); g.Verdict != Missed || g.Measured != "0.85 x" {
		t.Errorf("got %+v", g)
	}
}

func TestForksGoal(t *testing.T) {
	row := result.Row{Contestant: contest.OursEvent, Workers: 8, Measures: []result.Measure{
		{Started: 100, Served: 98, Failures: map[string]int{"reset": 2}},
	}}
	sets := Sets{scenario.Forks: {Scenario: scenario.Forks, Rows: []result.Row{row}}}
	if g := judgeForks(sets); g.Verdict != Missed || g.Measured != "2 reset of 100" {
		t.Errorf("got %+v", g)
	}
}

func TestCells(t *testing.T) {
	set := result.Set{Scenario: scenario.Lengthy, Rows: []result.Row{
		{Title: "one", Workers: 20, Measures: []result.Measure{{Seconds: 5.014, Started: 20, Served: 20}}},
		{Title: "other", Workers: 20, Why: "is not installed"},
	}}
	var lines []string
	for _, cells := range Cells(set) {
		lines = append(lines, strings.Join(cells, "|"))
	}
	want := "contestant|workers|seconds|failed\none|20|5.01|0\nother|20|-|-|is not installed"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if markdown := (document{Sets{scenario.Lengthy: set}}).Table(scenario.Lengthy); !strings.Contains(markdown, "| other | 20 | - | is not installed |") {
		t.Errorf("the reason is not in\n%s", markdown)
	}
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{0: "-", 0.123: "0.12", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567"} {
		if got := significant(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

// TestWrite makes the document from results with nothing in them: whatever
// could not run, there is a document.
func TestWrite(t *testing.T) {
	sets := Sets{}
	for _, s := range scenario.All {
		sets[s.Name] = result.Set{Scenario: s.Name}
	}
	sets[scenario.Throughput] = throughput(map[who][2]float64{{contest.OursEvent, 2}: {1, 1}, {contest.TclSingle, 0}: {1, 1}})[scenario.Throughput]
	dir := t.TempDir()
	if err := Write(dir, sets); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"performance.md", "plots/throughput.svg", "plots/latency-2.svg", "plots/ways.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
