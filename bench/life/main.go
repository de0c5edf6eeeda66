// Life runs what is asked of a server's life, under load that counts every
// outcome: takeovers, crashes, restarts that keep the socket, attached workers,
// rolling restarts behind HAProxy, hostile operators, health while Tcl computes.
//
//	life [-only regexp] [-takeovers n] [-messages n] [-rate n] BUILD
//
// BUILD is the folder of a build. To be run in the benchmark's folder. The exit
// status is 1 unless all is as asked.
package main

import (
	"flag"
	"fmt"

	"socketserver/bench/internal/criterion"
)

// run is what the command line says.
type run struct {
	criterion.Begun
	takeovers int
	messages  int     // hostile ones
	rate      float64 // connections a second, where servers change
}

// criteria are run in this order.
var criteria = []criterion.Criterion[run]{
	{Name: "1 takeovers under load", Try: takeovers},
	{Name: "1 takeover of what is queued and parked", Try: travels},
	{Name: "1 a successor that fails: an error", Try: failing("error broken")},
	{Name: "1 a successor that fails: a crash", Try: failing("exec kill -s KILL [pid]")},
	{Name: "1 a successor that fails: a hang", Try: failing("vwait forever")},
	{Name: "2 the server is killed", Try: killed},
	{Name: "3 restarts that keep the socket", Try: restarts},
	{Name: "4 attached workers", Try: attached},
	{Name: "5 rolling restart behind HAProxy", Try: rolling},
	{Name: "6 hostile operators", Try: hostile},
	{Name: "7 health while Tcl computes", Try: healthy},
}

func main() {
	var r run
	flag.IntVar(&r.takeovers, "takeovers", 10, "how often a successor takes over")
	flag.IntVar(&r.messages, "messages", 200000, "of hostile operators")
	flag.Float64Var(&r.rate, "rate", 5000, "connections a second during takeovers")
	victim := flag.String("attack", "", "be the hostile operators of a control `path`, and nothing else")
	ctx, begun := criterion.Begin("life")
	if *victim != "" {
		fmt.Println(attack(ctx, *victim, r.messages))
		return
	}
	r.Begun = begun
	criterion.Try(ctx, begun, r, criteria)
}
