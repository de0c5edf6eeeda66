// Package scenario knows what is measured: which contestants, with how many
// workers, under which load.
package scenario

import (
	"cmp"
	"slices"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/tests/load"
)

// Names of the scenarios.
const (
	Throughput = "throughput"
	OpenLoop   = "openloop"
	KeptOpen   = "lines"
	StayOpen   = "stay"
	Lengthy    = "lengthy"
	Slow       = "slow"
	Forks      = "forks"
	Memory     = "memory"
	Profile    = "profile"
	Require    = "require"
	Ways       = "ways"
	Programs   = "programs"
	Datagrams  = "datagrams"
)

// Case is one contestant in one setting.
type Case struct {
	Contestant string
	Title      string // as in tables, if not the contestant's
	Workers    int    // 0 when the contestant has no such setting
	Clients    int    // of a closed loop; 0: as many as the constant says
	Idle       int    // connections that are open besides, and silent
	Job        string // what it does with a connection
	Lines      int    // sent on each connection
	Forks      int    // children a second that the server forks besides
	Note       string // what sets this case apart in its scenario
}

// Scenario is a load and the cases that face it.
type Scenario struct {
	Name     string
	Title    string
	Rounds   int
	Window   time.Duration // how long connections begin
	Warm     bool          // load the server for a moment before
	Profiled bool          // record what its processes spend their time on
	Cases    []Case
	Plan     func(Case) load.Plan
}

// Clients is how many connections a closed loop keeps open.
const Clients = 16

// ClosedLoop is as much as a case's clients get done: connections, or lines if
// it is the contestant's job to keep those open.
func ClosedLoop(c Case) load.Plan {
	talk := c.Job == contest.Talk
	return load.Plan{Clients: cmp.Or(c.Clients, Clients), Stay: talk, HalfEnd: talk}
}

// at20 is how many clients come at once where connections take long.
const at20 = 20

// SlowGap is the pause between two bytes of a slow client.
const SlowGap = 100 * time.Millisecond

// SlowPrefix begins a slow client's line; its number, 0 to 19, and a newline
// follow. Sent one after the other those lines take 37 seconds.
const SlowPrefix = "slow connection, "

// All lists the scenarios in the order in which they run.
var All = []Scenario{
	{
		Name: Throughput, Title: "As many connections as it can, 16 clients", Rounds: 9, Window: time.Second,
		Warm: true, Cases: everywhere(contest.Line, nil),
		Plan: ClosedLoop,
	},
	{
		Name: Profile, Title: "Where a connection's processor time goes, 16 clients", Rounds: 3, Window: time.Second,
		Warm: true, Profiled: true, Cases: profiled(),
		Plan: ClosedLoop,
	},
	{
		Name: OpenLoop, Title: "1,000 connections a second", Rounds: 5, Window: 2 * time.Second,
		Warm: true, Cases: everywhere(contest.Line, []string{
			contest.OursEvent, contest.OursAccept, contest.Polled, contest.CBroker, contest.TclSingle, contest.TclFork,
			contest.Node,
		}),
		Plan: func(Case) load.Plan { return load.Plan{Rate: 1000} },
	},
	{
		Name: KeptOpen, Title: "Connections kept open for 1, 10 and 100 lines, 64 workers", Rounds: 3, Window: time.Second,
		Warm: true, Cases: keptOpen(),
		Plan: func(Case) load.Plan { return load.Plan{Clients: Clients, HalfEnd: true} },
	},
	{
		Name: StayOpen, Title: "Connections that stay open, line after line", Rounds: 5, Window: time.Second,
		Warm: true, Cases: stayOpen(),
		Plan: ClosedLoop,
	},
	{
		Name: Lengthy, Title: "20 clients at once whose handler takes 5 s", Rounds: 3, Window: time.Second,
		Cases: []Case{
			{Contestant: contest.OursEvent, Workers: at20, Job: contest.Lengthy},
			{Contestant: contest.OursAccept, Workers: at20, Job: contest.Lengthy},
		},
		Plan: func(Case) load.Plan {
			return load.Plan{Clients: at20, Limit: at20, Timeout: 2 * time.Minute}
		},
	},
	{
		Name: Slow, Title: "20 clients that send a byte every 100 ms", Rounds: 3, Window: time.Second,
		Cases: []Case{
			{Contestant: contest.OursEvent, Workers: at20, Job: contest.Line, Note: "reads at once"},
			{Contestant: contest.OursAccept, Workers: at20, Job: contest.Line, Note: "reads at once"},
			{Contestant: contest.OursEvent, Workers: 1, Job: contest.Events, Note: "reads from the event loop"},
		},
		Plan: func(Case) load.Plan {
			return load.Plan{
				Clients: at20, Limit: at20, Prefix: SlowPrefix, Gap: SlowGap, Timeout: 2 * time.Minute,
			}
		},
	},
	{
		Name: Forks, Title: "100 forks a second in the server process under load", Rounds: 3, Window: 3 * time.Second,
		Warm: true, Cases: []Case{{Contestant: contest.OursEvent, Workers: 8, Job: contest.Line, Forks: 100}},
		// Shorter than a forked child's life of a second: a client whose
		// connection such a child keeps open is counted.
		Plan: func(Case) load.Plan { return load.Plan{Clients: Clients, Timeout: 800 * time.Millisecond} },
	},
	{
		Name: Memory, Title: "Memory per worker", Rounds: 3, Window: 300 * time.Millisecond,
		Warm: true, Cases: memory(),
		Plan: ClosedLoop,
	},
	{
		Name: Ways, Title: "All ways to serve: 20 clients whose requests take 5 s, and 20 slow ones", Rounds: 1,
		Window: 5 * time.Second, Cases: ways(),
	},
	{
		Name: Programs, Title: "A program for each connection, 16 clients", Rounds: 9, Window: 2 * time.Second,
		Warm: true, Cases: []Case{
			{Contestant: contest.OursAccept, Title: "socketserver, `-exec cat`", Workers: Clients, Job: contest.Program},
			{Contestant: contest.Tcpserver, Title: "tcpserver, `cat`", Job: contest.Program},
		},
		Plan: func(Case) load.Plan { return load.Plan{Clients: Clients, Echo: true, HalfEnd: true} },
	},
	{
		Name: Datagrams, Title: "As many datagrams as it can, 16 clients", Rounds: 5, Window: time.Second,
		Warm: true, Cases: datagramCases(),
		Plan: func(Case) load.Plan { return load.Plan{Clients: Clients, Datagrams: true} },
	},
	{
		Name: Require, Title: "Time of package require", Rounds: 21,
		Cases: []Case{
			{Contestant: "socketserver", Title: "socketserver"},
			{Contestant: "Tclx", Title: "Tclx"},
			{Contestant: "polled", Title: "a small extension in C"},
		},
	},
}

// ByName finds a scenario.
func ByName(name string) (Scenario, bool) {
	i := slices.IndexFunc(All, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return All[i], true
}

// Only returns the scenario with the cases of these contestants alone.
func (s Scenario) Only(contestants []string) Scenario {
	cases := slices.Clone(s.Cases)
	s.Cases = slices.DeleteFunc(cases, func(c Case) bool { return !slices.Contains(contestants, c.Contestant) })
	return s
}

// everywhere has every contestant, or those named, with each of its numbers of
// workers.
func everywhere(job string, names []string) []Case {
	var cases []Case
	for _, c := range contest.All {
		if names != nil && !slices.Contains(names, c.Name) {
			continue
		}
		workers := c.Workers
		if workers == nil {
			workers = []int{0}
		}
		for _, n := range workers {
			cases = append(cases, Case{Contestant: c.Name, Workers: n, Job: job, Lines: 1})
		}
	}
	return cases
}

// keptOpen has those for which a connection's length makes a difference.
func keptOpen() []Case {
	var cases []Case
	for _, lines := range []int{1, 10, 100} {
		for _, name := range []string{
			contest.OursEvent, contest.OursAccept, contest.Polled, contest.CBroker, contest.TclFork, contest.Node,
		} {
			workers := 64
			if name == contest.TclFork {
				workers = 0
			}
			cases = append(cases, Case{Contestant: name, Workers: workers, Job: contest.Lines, Lines: lines})
		}
	}
	return cases
}

// stayOpen has clients enough to keep so many event loops busy. One process of
// Tcl has one, however many there are.
func stayOpen() []Case {
	var cases []Case
	for _, size := range []struct{ clients, workers int }{{4, 1}, {16, 2}, {64, 4}} {
		for _, name := range []string{contest.OursEvent, contest.TclSingle, contest.Node} {
			workers := size.workers
			if name == contest.TclSingle {
				workers = 0
			}
			cases = append(cases, Case{Contestant: name, Workers: workers, Clients: size.clients, Job: contest.Talk})
		}
	}
	return cases
}

// datagramCases has both loops with few workers and with many.
func datagramCases() []Case {
	var cases []Case
	for _, name := range []string{contest.OursEvent, contest.OursAccept} {
		for _, workers := range []int{2, 8, 64} {
			cases = append(cases, Case{Contestant: name, Workers: workers, Job: contest.Datagram})
		}
	}
	return cases
}

// profiled has those that hand over and have no interpreter but Tcl.
func profiled() []Case {
	var cases []Case
	for _, name := range []string{contest.OursEvent, contest.OursAccept, contest.CBroker} {
		for _, workers := range []int{2, 8, 64} {
			cases = append(cases, Case{Contestant: name, Workers: workers, Job: contest.Line, Lines: 1})
		}
	}
	return cases
}

// memory has those with workers, at numbers that show what they share.
func memory() []Case {
	var cases []Case
	for _, name := range []string{
		contest.OursEvent, contest.OursAccept, contest.Polled, contest.TclPrefork, contest.CBroker, contest.Node,
	} {
		for _, workers := range []int{8, 64} {
			cases = append(cases, Case{Contestant: name, Workers: workers, Job: contest.Line, Lines: 1})
		}
	}
	return cases
}
