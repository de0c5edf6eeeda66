// Forks runs what is asked of a server that forks all the time while it and its
// workers work: it misses no event, and they lose no connection.
//
//	forks [-only regexp] [-tclsh shell] [-runs n] [-connections n] [-children n] BUILD
//
// BUILD is the folder of a build. To be run in the benchmark's folder. The exit
// status is 1 unless all is as asked.
package main

import (
	"flag"
	"time"

	"socketserver/bench/internal/criterion"
)

// run is what the command line says.
type run struct {
	criterion.Begun
	runs        int
	connections int
	children    int
	rate        float64 // connections a second
	pause       time.Duration
}

// criteria are run in this order.
var criteria = []criterion.Criterion[run]{
	{Name: "1 forks under load", Try: underLoad},
	{Name: "2 children that exit", Try: children("exit")},
	{Name: "2 children that close everything", Try: children("close")},
	{Name: "2 children with events of their own", Try: children("add own")},
}

func main() {
	var r run
	flag.IntVar(&r.runs, "runs", 10, "how often there are forks under load")
	flag.IntVar(&r.connections, "connections", 16000, "to the workers, in each run")
	flag.IntVar(&r.children, "children", 1000, "how many end in each way")
	flag.Float64Var(&r.rate, "rate", 1000, "connections a second")
	flag.DurationVar(&r.pause, "pause", 50*time.Millisecond, "between two forks under load")
	ctx, begun := criterion.Begin("forks")
	r.Begun = begun
	criterion.Try(ctx, begun, r, criteria)
}
