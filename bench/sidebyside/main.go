// Sidebyside compares two builds of the package: what a connection, or a line
// over a connection that stays open, costs the server's processes.
//
//	sidebyside [-rounds 5] [-seconds 2] [-only regexp] OLD NEW
//
// OLD and NEW are folders with a build each. The builds take turns in each
// round; medians are printed. Contestants and measurement are those of the
// benchmark. To be run in the benchmark's folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
	"socketserver/bench/internal/server"
)

// compared are the cases. An old build can't hold more than 1,000 connections
// in an event loop.
var compared = []struct {
	scenario.Case
	newOnly bool
}{
	{talk("lines, 4 clients, 1 worker", 1, 4, 0), false},
	{talk("lines, 16 clients, 2 workers", 2, 16, 0), false},
	{talk("lines, 64 clients, 4 workers", 4, 64, 0), false},
	{talk("lines, 1 client, 1 worker", 1, 1, 0), false},
	{talk("the same beside 900 idle ones", 1, 1, 900), false},
	{talk("the same beside 3000 idle ones", 1, 1, 3000), true},
	{line("event loop, 2 workers", contest.OursEvent, 2, 16), false},
	{line("event loop, 8 workers", contest.OursEvent, 8, 16), false},
	{line("event loop, 64 workers", contest.OursEvent, 64, 16), false},
	{line("accept, 2 workers", contest.OursAccept, 2, 16), false},
	{line("accept, 8 workers", contest.OursAccept, 8, 16), false},
	{line("accept, 64 workers", contest.OursAccept, 64, 16), false},
	{line("the server itself", contest.OursEvent, 0, 4), false},
}

// talk is a case of connections that stay open.
func talk(title string, workers, clients, idle int) scenario.Case {
	return scenario.Case{
		Title: title, Contestant: contest.OursEvent, Workers: workers, Clients: clients, Idle: idle, Job: contest.Talk,
	}
}

// line is a case of one connection for each line.
func line(title, contestant string, workers, clients int) scenario.Case {
	return scenario.Case{Title: title, Contestant: contestant, Workers: workers, Clients: clients, Job: contest.Line}
}

// layout is that of the table.
const layout = "%-32s %9s %9s %8s %8s %6s %6s %6s\n"

func main() {
	log.SetFlags(0)
	log.SetPrefix("sidebyside: ")
	rounds := flag.Int("rounds", 5, "how often")
	seconds := flag.Float64("seconds", 2, "how long each time")
	only := flag.String("only", "", "cases, a regular `expression`")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("two builds are wanted")
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Adopt(); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	load := scenario.Scenario{
		Window: time.Duration(*seconds * float64(time.Second)), Warm: true, Plan: scenario.ClosedLoop,
	}
	fmt.Printf(layout, "", "old /s", "new /s", "old us", "new us", "ratio", "old sw", "new sw")
	for _, c := range compared {
		if !chosen.MatchString(c.Title) {
			continue
		}
		before, after, err := compare(ctx, load, c.Case, c.newOnly, *rounds)
		if err != nil {
			log.Fatalf("%s: %v", c.Title, err)
		}
		show(c.Title, before, after)
	}
}

// compare measures a case with each build in turn.
func compare(ctx context.Context, load scenario.Scenario, c scenario.Case, newOnly bool, rounds int) (before, after result.Row, err error) {
	sides := []*result.Row{&before, &after}
	for range rounds {
		for i, build := range flag.Args() {
			if i == 0 && newOnly {
				continue
			}
			m, err := measure(ctx, build, load, c)
			if err != nil {
				return before, after, fmt.Errorf("%s: %w", build, err)
			}
			sides[i].Measures = append(sides[i].Measures, m)
		}
	}
	return before, after, nil
}

// measure takes one measurement of one build.
func measure(ctx context.Context, build string, load scenario.Scenario, c scenario.Case) (result.Measure, error) {
	path, err := filepath.Abs(build)
	if err != nil {
		return result.Measure{}, err
	}
	runner := scenario.Runner{Env: contest.Env{Tclsh: "tclsh", Package: path, Contestants: "contestants", Build: "build"}}
	m, err := runner.Trial(ctx, load, c)
	if err == nil && m.Failed() > 0 {
		err = fmt.Errorf("failed: %v", m.Failures)
	}
	return m, err
}

// show prints medians: answers a second, CPU in microseconds and context
// switches of each.
func show(title string, before, after result.Row) {
	median := func(row result.Row, format string, field result.Field) string {
		if len(row.Measures) == 0 {
			return "-"
		}
		return fmt.Sprintf(format, row.Median(field))
	}
	ratio := "-"
	if len(before.Measures) > 0 {
		ratio = fmt.Sprintf("%.2f", after.Median(result.CPUMicros)/before.Median(result.CPUMicros))
	}
	fmt.Printf(layout, title,
		median(before, "%.0f", result.ConnPerSec), median(after, "%.0f", result.ConnPerSec),
		median(before, "%.1f", result.CPUMicros), median(after, "%.1f", result.CPUMicros), ratio,
		median(before, "%.2f", result.Switches), median(after, "%.2f", result.Switches))
}
