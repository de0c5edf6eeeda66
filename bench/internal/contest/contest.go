// Package contest knows the contestants: what they are called, how they are
// started, and why one can't be.
package contest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Jobs that a contestant may be asked to do.
const (
	Line     = "line"     // answer one line, close
	Lines    = "lines"    // answer lines until the client has no more, close
	Lengthy  = "lengthy"  // answer one line after five seconds, close
	Events   = "events"   // as Line, but read from the event loop
	Talk     = "talk"     // as Lines, but read from the event loop
	Program  = "program"  // start cat, which sends back what comes
	Datagram = "datagram" // answer the line in a datagram
)

// Env says where things are.
type Env struct {
	Tclsh       string // the Tcl shell
	Package     string // the folder of the extension's pkgIndex.tcl
	Contestants string // the folder of the contestants' sources
	Ways        string // the folder of the servers in the scenario ways
	Build       string // the folder of what was compiled of them
}

// Contestant is a server that does the jobs.
type Contestant struct {
	Name          string // as in BENCH=name
	Title         string // as in tables
	Workers       []int  // numbers of workers worth comparing; nil when it has no such setting
	PerConnection bool   // starts a process for each connection
	command       func(env Env, job string, workers int) ([]string, error)
}

// sizes are the numbers of workers that are compared.
var sizes = []int{2, 8, 64, 256}

// Names of the contestants that scenarios and goals mention.
const (
	OursEvent  = "ours-event"
	OursAccept = "ours-accept"
	Polled     = "polled"
	CBroker    = "c-broker"
	CPrefork   = "c-prefork"
	TclPrefork = "tcl-prefork"
	TclSingle  = "tcl-single"
	TclFork    = "tcl-fork"
	Tcpserver  = "tcpserver"
	Node       = "node"
	Python     = "python"
)

// All lists the contestants in the order of the tables.
var All = []Contestant{
	{Name: OursEvent, Title: "socketserver, event loop", Workers: sizes, command: ours("event")},
	{Name: OursAccept, Title: "socketserver, accept loop", Workers: sizes, command: ours("accept")},
	{Name: Polled, Title: "polled hand-over", Workers: sizes, command: polled},
	{Name: CBroker, Title: "plain C, hand-over", Workers: sizes, command: compiled("broker")},
	{Name: CPrefork, Title: "plain C, shared accept", Workers: sizes, command: compiled("prefork")},
	{Name: TclPrefork, Title: "Tcl, forked workers", Workers: sizes, command: tcl("tcl-prefork.tcl")},
	{Name: TclSingle, Title: "Tcl, one process", command: tcl("tcl-single.tcl")},
	{Name: TclFork, Title: "Tcl, fork per connection", PerConnection: true, command: tcl("tcl-fork.tcl")},
	{Name: Tcpserver, Title: "tcpserver", PerConnection: true, command: tcpserver},
	{Name: Node, Title: "Node.js cluster", Workers: sizes, command: node},
	{Name: Python, Title: "Python ForkingTCPServer", PerConnection: true, command: python},
}

// ByName finds a contestant.
func ByName(name string) (Contestant, bool) {
	for _, c := range All {
		if c.Name == name {
			return c, true
		}
	}
	return Contestant{}, false
}

// Command returns the command line that starts a contestant and what to add to
// its environment. The error says why it can't run here.
func (c Contestant) Command(env Env, job string, workers int) (args, environ []string, err error) {
	args, err = c.command(env, job, workers)
	if err != nil {
		return nil, nil, err
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, nil, fmt.Errorf("%s is not installed", filepath.Base(args[0]))
	}
	return args, TclEnviron(env), nil
}

// TclEnviron returns what makes tclsh find the packages under test.
func TclEnviron(env Env) []string {
	return []string{"TCLLIBPATH={" + env.Package + "} {" + filepath.Join(env.Build, "polled") + "}"}
}

// tcl is a contestant that is a Tcl script.
func tcl(script string) func(Env, string, int) ([]string, error) {
	return func(env Env, job string, workers int) ([]string, error) {
		path := filepath.Join(env.Contestants, "tcl", script)
		return []string{env.Tclsh, path, job, strconv.Itoa(workers)}, nil
	}
}

// ours is a Tcl script that needs the extension. Programs and datagrams are
// served by a pool, which is told the loop.
func ours(loop string) func(Env, string, int) ([]string, error) {
	return func(env Env, job string, workers int) ([]string, error) {
		if err := Built(env); err != nil {
			return nil, err
		}
		if job == Program || job == Datagram {
			args, err := tcl("ours-pool.tcl")(env, job, workers)
			return append(args, loop), err
		}
		return tcl("ours-"+loop+".tcl")(env, job, workers)
	}
}

// Built returns an error unless the extension has been built.
func Built(env Env) error {
	if _, err := os.Stat(filepath.Join(env.Package, "pkgIndex.tcl")); err != nil {
		return fmt.Errorf("the extension has not been built: run make in the top folder")
	}
	return nil
}

// compiled is a plain C program.
func compiled(name string) func(Env, string, int) ([]string, error) {
	return func(env Env, job string, workers int) ([]string, error) {
		path := filepath.Join(env.Build, name)
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s has not been compiled", name)
		}
		return []string{path, job, strconv.Itoa(workers)}, nil
	}
}

func polled(env Env, job string, workers int) ([]string, error) {
	if _, err := os.Stat(filepath.Join(env.Build, "polled", "polled.so")); err != nil {
		return nil, fmt.Errorf("polled.so has not been compiled")
	}
	return tcl("polled.tcl")(env, job, workers)
}

// tcpserver looks nothing up, listens on a free port and prints it; its limits
// are raised above what the benchmark asks for.
func tcpserver(env Env, job string, _ int) ([]string, error) {
	program := []string{filepath.Join(env.Contestants, "tcpserver", "echo.sh"), job}
	if job == Program {
		program = []string{"cat"}
	}
	return append([]string{
		"tcpserver", "-1", "-q", "-H", "-R", "-l", "0", "-b", "1024", "-c", "1000", "127.0.0.1", "0",
	}, program...), nil
}

// maxNode is the most workers that Node.js is started with: each takes tens of
// MB of memory and a good part of a second of CPU to start.
const maxNode = 64

func node(env Env, job string, workers int) ([]string, error) {
	if workers > maxNode {
		return nil, fmt.Errorf("not tried: %d Node.js processes take more time and memory to start than all else here", workers)
	}
	return []string{"node", filepath.Join(env.Contestants, "node", "cluster.js"), job, strconv.Itoa(workers)}, nil
}

func python(env Env, job string, _ int) ([]string, error) {
	return []string{"python3", filepath.Join(env.Contestants, "python", "forking.py"), job}, nil
}
