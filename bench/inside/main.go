// Inside runs what is asked of those who look inside a server: Prometheus under
// load, answers while Tcl computes, what all that costs, stacks on demand, counters
// that workers share.
//
//	inside [-only regexp] [-rate n] [-seconds n] [-rounds n] [-stacks n] [-incr n] [-kills n] BUILD
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
	rate    float64 // connections a second
	seconds float64 // of the load that Prometheus sees
	rounds  int     // of the comparison
	stacks  int
	incr    int // of a counter
	kills   int
}

// window is how long Prometheus looks.
func (r run) window() time.Duration {
	return time.Duration(r.seconds * float64(time.Second))
}

// criteria are run in this order.
var criteria = []criterion.Criterion[run]{
	{Name: "1 Prometheus under load", Try: scraped},
	{Name: "3 while Tcl computes", Try: computing},
	{Name: "3 the exporter is killed", Try: exporterKilled},
	{Name: "3 the server is killed", Try: serverKilled},
	{Name: "4 what it costs", Try: costs},
	{Name: "5 stacks on demand", Try: stacks},
	{Name: "6 counters", Try: counting},
	{Name: "6 counters of workers that are killed", Try: countingKilled},
}

func main() {
	var r run
	flag.Float64Var(&r.rate, "rate", 5000, "connections a second")
	flag.Float64Var(&r.seconds, "seconds", 60, "how long Prometheus looks")
	flag.IntVar(&r.rounds, "rounds", 9, "of the comparison, which take turns")
	flag.IntVar(&r.stacks, "stacks", 10000, "how many stacks are asked for")
	flag.IntVar(&r.incr, "incr", 1000000, "how often a counter is incremented")
	flag.IntVar(&r.kills, "kills", 200, "how many workers are killed that increment")
	ctx, begun := criterion.Begin("inside")
	r.Begun = begun
	criterion.Try(ctx, begun, r, criteria)
}
