// Client loads a server, for the tests, and counts how each connection ended.
// Each sends a line of its own and expects "PID LINE" back, with the pid of the
// worker that served it, and then the end of file.
//
// It prints one line, a list of names and numbers: how many connections were
// started and how each of them ended, how many of the served ones had their end
// of file more than a second after the reply, the longest time from the call to
// connect until the end of file in milliseconds, and a list of the pids that
// replied, each with the number of its replies.
//
// The exit status is 0 when every connection is accounted for, whatever came
// of it. SIGTERM makes it begin no more.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"socketserver/tests/load"
)

func main() {
	plan, ok := readPlan()
	if !ok {
		flag.Usage()
		os.Exit(2)
	}
	enough, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	plan.Enough = enough.Done()

	result, err := load.Run(context.Background(), plan, plan.Threads())
	fmt.Println(dictionary(result))
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// readPlan reads the command line; false means that it asks for no load.
func readPlan() (load.Plan, bool) {
	plan := load.Plan{Lines: 1, Prefix: "id ", Window: math.MaxInt64}
	flag.IntVar(&plan.Port, "port", 0, "`port` to connect to")
	flag.IntVar(&plan.Clients, "clients", 16, "connections at a time; with a rate, at most")
	flag.IntVar(&plan.Limit, "count", 0, "connections in all; 0: see -seconds")
	seconds := flag.Float64("seconds", 0, "how long to begin new ones; 0: see -count")
	flag.Float64Var(&plan.Rate, "rate", 0, "connections begun a second (open loop); 0: as fast as they end")
	timeout := flag.Float64("timeout", 20, "`seconds` that a connection waits for one thing")
	flag.Parse()
	plan.Timeout = duration(*timeout)
	if *seconds > 0 {
		plan.Window = duration(*seconds)
	}
	return plan, plan.Port > 0 && plan.Clients > 0 && (plan.Limit > 0 || *seconds > 0) && flag.NArg() == 0
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}

// dictionary writes a result as Tcl reads a dictionary.
func dictionary(result load.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "started %d", result.Started)
	for i, n := range result.Outcomes {
		fmt.Fprintf(&b, " %s %d", load.Outcome(i).Key(), n)
	}
	var pids []string
	for _, pid := range slices.Sorted(maps.Keys(result.Pids)) {
		pids = append(pids, fmt.Sprint(pid, result.Pids[pid]))
	}
	fmt.Fprintf(&b, " late %d maxMs %d pids {%s}", result.Late, result.Longest.Milliseconds(), strings.Join(pids, " "))
	return b.String()
}
