// Bench measures the extension against what a user would pick instead.
//
//	bench [flags] [scenario or contestant ...]
//
// Without names it runs everything and then writes doc/performance.md and its
// plots. With names it runs those scenarios, or those contestants, alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/report"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
	"socketserver/bench/internal/server"
)

// options is what the command line says.
type options struct {
	env        contest.Env
	results    string
	doc        string
	rounds     int
	window     time.Duration
	limit      time.Duration
	reportOnly bool
	names      []string
}

func main() {
	if err := run(readOptions()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// readOptions reads the command line.
func readOptions() options {
	var o options
	flag.StringVar(&o.env.Tclsh, "tclsh", "tclsh", "the Tcl `shell`")
	flag.StringVar(&o.env.Package, "package", "../build", "the `folder` of the extension's pkgIndex.tcl")
	flag.StringVar(&o.env.Contestants, "contestants", "contestants", "the `folder` of the contestants")
	flag.StringVar(&o.env.Ways, "ways", "../examples/ways", "the `folder` of the servers of the scenario ways")
	flag.StringVar(&o.env.Build, "build", "build", "the `folder` of what was compiled of them")
	flag.StringVar(&o.results, "results", "results", "the `folder` for results")
	flag.StringVar(&o.doc, "doc", "../doc", "the `folder` for performance.md and its plots")
	flag.IntVar(&o.rounds, "rounds", 0, "how many `rounds` instead of what each scenario has")
	flag.DurationVar(&o.window, "window", 0, "how long a `time` to load instead of what each scenario has")
	flag.DurationVar(&o.limit, "limit", time.Hour, "give up after this `time`")
	flag.BoolVar(&o.reportOnly, "report", false, "measure nothing, write the report of the last whole run again")
	flag.Usage = usage
	flag.Parse()
	for _, arg := range flag.Args() {
		o.names = append(o.names, strings.FieldsFunc(arg, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return o
}

// usage says what may be named.
func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintln(out, "usage: bench [flags] [scenario or contestant ...]")
	flag.PrintDefaults()
	fmt.Fprintln(out, "scenarios:")
	for _, s := range scenario.All {
		fmt.Fprintf(out, "  %-12s %s\n", s.Name, s.Title)
	}
	fmt.Fprintln(out, "contestants:")
	for _, c := range contest.All {
		fmt.Fprintf(out, "  %-12s %s\n", c.Name, c.Title)
	}
}

// run does what the command line asks for. A run that is called off by a
// signal or takes too long ends what it started first.
func run(o options) error {
	if o.reportOnly {
		return writeReport(o)
	}
	scenarios, err := choose(o.names)
	if err != nil {
		return err
	}
	if err := absolute(&o.env.Package, &o.env.Contestants, &o.env.Ways, &o.env.Build); err != nil {
		return err
	}
	if err := server.Adopt(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("not done within %v", o.limit))
	defer cancel()
	return measure(ctx, o, scenarios)
}

// measure runs scenarios, prints their tables, and leaves their results.
func measure(ctx context.Context, o options, scenarios []scenario.Scenario) error {
	runner := scenario.Runner{
		Env: o.env, Began: time.Now().Truncate(time.Second), Machine: result.Describe(o.env.Tclsh),
		Rounds: o.rounds, Window: o.window, Log: os.Stderr,
	}
	whole := len(o.names) == 0
	sets := report.Sets{}
	for _, s := range scenarios {
		set, err := runner.Run(ctx, s)
		if err != nil {
			return err
		}
		if err := set.Write(resultsDir(o, whole)); err != nil {
			return err
		}
		sets[s.Name] = set
		report.Table(os.Stdout, set)
	}
	report.GoalsTable(os.Stdout, sets)
	fmt.Printf("\nTook %v.\n", time.Since(runner.Began).Round(time.Second))
	if whole {
		return writeReport(o)
	}
	return nil
}

// resultsDir keeps whole runs, from which the report is made, apart from
// others.
func resultsDir(o options, whole bool) string {
	if whole {
		return filepath.Join(o.results, "whole")
	}
	return filepath.Join(o.results, "part")
}

// writeReport writes the document and the plots of the last whole run.
func writeReport(o options) error {
	sets, err := report.ReadSets(resultsDir(o, true))
	if err != nil {
		return err
	}
	return report.Write(o.doc, sets)
}

// choose returns the scenarios to run: those named, all if none is named, and
// in them the contestants named, if any.
func choose(names []string) ([]scenario.Scenario, error) {
	var scenarios []scenario.Scenario
	var contestants []string
	for _, name := range names {
		if s, ok := scenario.ByName(name); ok {
			scenarios = append(scenarios, s)
		} else if _, ok := contest.ByName(name); ok {
			contestants = append(contestants, name)
		} else {
			return nil, fmt.Errorf("no scenario and no contestant is called %q; bench -help lists them", name)
		}
	}
	if scenarios == nil {
		scenarios = scenario.All
	}
	if contestants == nil {
		return scenarios, nil
	}
	var chosen []scenario.Scenario
	for _, s := range scenarios {
		if s = s.Only(contestants); len(s.Cases) > 0 {
			chosen = append(chosen, s)
		}
	}
	if chosen == nil {
		return nil, errors.New("none of these scenarios has any of these contestants")
	}
	return chosen, nil
}

// absolute makes paths independent of the current folder.
func absolute(paths ...*string) error {
	for _, path := range paths {
		whole, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = whole
	}
	return nil
}
