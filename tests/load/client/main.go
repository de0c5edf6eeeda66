// Client loads a server, for the tests, and counts how each connection ended.
// Each sends a line of its own and expects "PID LINE" back, with the pid of the
// worker that served it, and then the end of file. With -http the line is the
// path of a request with a head, and the first line of its reply's body is
// "PID PATH". With -udp a connection is a datagram and its reply, with or without
// the pid.
//
// It prints one line, a list of names and numbers: how many connections were
// started and how each of them ended, how many of the served ones had their end
// of file more than a second after the reply, the longest time from the call to
// connect until the end of file in milliseconds, and a list of the pids that
// replied, each with the number of its replies. Then: how many replies came,
// percentiles and the longest of their times in milliseconds (of a connection
// as a whole, from when it was due, unless it stays), how many took longer than
// -bound, the longest until a busy reply, the replies of each second, and of
// datagrams the replies that came when theirs was over, and those too many.
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
	plan := load.Plan{Window: math.MaxInt64}
	flag.IntVar(&plan.Port, "port", 0, "`port` to connect to")
	flag.StringVar(&plan.Path, "unix", "", "`path` of a Unix socket to connect to instead; @name is an abstract one")
	flag.BoolVar(&plan.Datagrams, "udp", false, "datagrams: each client sends one, and the next after its reply")
	flag.BoolVar(&plan.Echo, "echo", false, "replies without a pid are right, too; they always are with -udp")
	flag.IntVar(&plan.Clients, "clients", 16, "connections at a time; with a rate, at most")
	flag.IntVar(&plan.Limit, "count", 0, "connections in all; 0: see -seconds")
	seconds := flag.Float64("seconds", 0, "how long to begin new ones; 0: see -count")
	flag.Float64Var(&plan.Rate, "rate", 0, "connections begun a second (open loop); 0: as fast as they end")
	setTime(&bound, "bound", 0.05, "count replies that take longer than so many `seconds`")
	setTime(&plan.Timeout, "timeout", 20, "`seconds` that a connection waits for one thing")
	setTime(&plan.GiveUp, "giveup", 0, "`seconds` after which a client leaves without a reply; 0: see -timeout")
	setTime(&plan.Gap, "gap", 0, "send a byte at a time, with so many `seconds` between two")
	flag.IntVar(&plan.Lines, "lines", 1, "lines sent on each connection")
	flag.BoolVar(&plan.Stay, "stay", false, "keep connections, line after line, until -seconds are over")
	flag.Func("pause", "`A,B`: the same with A to B seconds before each line", func(text string) error {
		plan.Stay = true
		return setPause(&plan.Pause, text)
	})
	flag.BoolVar(&plan.HalfEnd, "halfend", false, "shut down sending after the last reply; those kept always do")
	flag.BoolVar(&plan.HTTP, "http", false, "requests and replies with heads")
	flag.StringVar(&plan.Prefix, "prefix", "", "`text` before the number in each line (\"id \", with -http \"id-\")")
	flag.StringVar(&plan.Busy, "busy", "", "`text` of the busy reply; \\r and \\n as in C")
	flag.BoolVar(&plan.Silent, "silent", false, "send -part bytes, no more, until the server closes or -seconds are over")
	flag.IntVar(&plan.Part, "part", 0, "see -silent")
	setPrefix(&plan.Source, "source", "`address` to connect from, or many: 127.0.1.0/24")
	setProxy(&plan.Proxy)
	flag.Parse()
	if *seconds > 0 {
		plan.Window = duration(*seconds)
	}
	complete(&plan)
	return plan, hasTarget(plan) && fits(plan) && plan.Clients > 0 && plan.Lines > 0 && (plan.Limit > 0 || *seconds > 0) && flag.NArg() == 0
}

// hasTarget tells whether a plan says to whom to connect, once.
func hasTarget(plan load.Plan) bool {
	if plan.Path != "" {
		return plan.Port == 0 && !plan.Source.IsValid()
	}
	return plan.Port > 0
}

// fits tells whether datagrams can be sent so: what only a stream can do, they
// can't.
func fits(plan load.Plan) bool {
	streams := plan.Path != "" || plan.Stay || plan.HalfEnd || plan.HTTP || plan.Silent || plan.Busy != "" ||
		plan.Lines != 1 || plan.Gap > 0 || plan.Proxy.Version != 0
	return !plan.Datagrams || !streams
}

// bound is what replies shouldn't take longer than.
var bound time.Duration

// complete fills in what follows from the rest.
func complete(plan *load.Plan) {
	plan.HalfEnd = plan.HalfEnd || plan.Stay
	plan.Echo = plan.Echo || plan.Datagrams
	plan.Busy = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(plan.Busy)
	if plan.Prefix == "" && plan.HTTP {
		plan.Prefix = "id-"
	} else if plan.Prefix == "" {
		plan.Prefix = "id "
	}
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
	fmt.Fprintf(&b, " answers %d p50Ms %.2f p99Ms %.2f maxAnswerMs %.2f over %d", result.Answers,
		millis(result.Latencies, 50), millis(result.Latencies, 99), millis(result.Latencies, 100), result.Over(bound))
	fmt.Fprintf(&b, " maxBusyMs %.2f perSecond {%s}", millis(result.Shed, 100), strings.Trim(fmt.Sprint(result.PerSecond), "[]"))
	fmt.Fprintf(&b, " overdue %d surplus %d", result.Overdue, result.Surplus)
	return b.String()
}

// millis returns the time within which a part of those sorted are (nearest
// rank), in milliseconds; 0 of none.
func millis(sorted []time.Duration, percent float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1].Seconds() * 1000
}
