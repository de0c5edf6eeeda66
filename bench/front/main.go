// Front runs what is asked of the server's front, with clients that count every
// outcome: connections that are kept, clients that are silent or slow, overload,
// one address that wants too much, want of descriptors, PROXY headers.
//
//	front [-only regexp] [-seconds n] [-rounds n] [-old BUILD] BUILD
//
// BUILD is the folder of a build, -old that of one to compare with. To be run
// in the benchmark's folder. The exit status is 1 unless all is as asked.
package main

import (
	"cmp"
	"flag"
	"log"
	"time"

	"socketserver/bench/internal/criterion"
)

// run is what the command line says.
type run struct {
	criterion.Begun
	old     string
	seconds float64 // of each criterion, if not 0
	rounds  int     // of comparisons
	clients int     // that are kept
}

// window is how long a criterion's load lasts.
func (r run) window(usual time.Duration) time.Duration {
	return cmp.Or(time.Duration(r.seconds*float64(time.Second)), usual)
}

// criteria are run in this order.
var criteria = []criterion.Criterion[run]{
	{Name: "1 kept, accept", Try: keptClients(acceptKeep)},
	{Name: "1 kept, event loop", Try: keptClients(eventPark)},
	{Name: "1 reloads and kills, accept", Try: disturbed(acceptKeep)},
	{Name: "1 reloads and kills, event loop", Try: disturbed(eventPark)},
	{Name: "2 busy clients, against the old event loop", Try: busyAgainstOld},
	{Name: "3 three busy clients, against a worker each", Try: busyAgainstLoop},
	{Name: "4 silent and half heads, accept", Try: silentClients(accept)},
	{Name: "4 silent and half heads, event loop", Try: silentClients(event)},
	{Name: "5 overload, accept", Try: overload(accept)},
	{Name: "5 overload, event loop", Try: overload(event)},
	{Name: "5 all workers blocked, accept", Try: blocked(accept)},
	{Name: "5 all workers blocked, event loop", Try: blocked(event)},
	{Name: "6 one address, accept", Try: oneAddress(acceptKeep)},
	{Name: "6 one address, event loop", Try: oneAddress(eventPark)},
	{Name: "8 PROXY headers and children", Try: children},
	{Name: "9 few descriptors, accept", Try: fewDescriptors(acceptKeep)},
	{Name: "9 few descriptors, event loop", Try: fewDescriptors(eventPark)},
}

func main() {
	var r run
	old := flag.String("old", "", "the `folder` of a build to compare with")
	flag.Float64Var(&r.seconds, "seconds", 0, "how long each load lasts, instead of as long as is asked for")
	flag.IntVar(&r.rounds, "rounds", 5, "of comparisons, which take turns")
	flag.IntVar(&r.clients, "clients", 10000, "how many are kept")
	ctx, begun := criterion.Begin("front")
	r.Begun = begun
	if *old != "" {
		var err error
		if r.old, err = criterion.Built(*old); err != nil {
			log.Fatal(err)
		}
	}
	criterion.Try(ctx, begun, r, criteria)
}
