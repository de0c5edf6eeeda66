// Beyond runs what is asked of a build beyond connections that a handler serves:
// datagrams, and programs in inetd's way, under load that counts every outcome.
//
//	beyond [-only regexp] [-datagrams n] [-connections n] [-rounds n] BUILD
//
// BUILD is the folder of a build. To be run in the benchmark's folder. The exit
// status is 1 unless all is as asked.
package main

import (
	"flag"

	"socketserver/bench/internal/criterion"
)

// run is what the command line says.
type run struct {
	criterion.Begun
	datagrams   int
	connections int // to programs
	rounds      int // of comparisons
}

// criteria are run in this order.
var criteria = []criterion.Criterion[run]{
	{Name: "1 datagrams, accept", Try: datagrams("accept")},
	{Name: "1 datagrams, event loop", Try: datagrams("event")},
	{Name: "1 context switches, accept", Try: switches("accept")},
	{Name: "1 context switches, event loop", Try: switches("event")},
	{Name: "1 reloads and kills, accept", Try: disturbed("accept")},
	{Name: "1 reloads and kills, event loop", Try: disturbed("event")},
	{Name: "1 odd datagrams, accept", Try: odd("accept", "udp:127.0.0.1:0", 65507)},
	{Name: "1 odd datagrams, event loop", Try: odd("event", "udp:127.0.0.1:0", 65507)},
	{Name: "1 odd datagrams, IPv6, accept", Try: odd("accept", "udp:[::1]:0", 65527)},
	{Name: "1 odd datagrams, IPv6, event loop", Try: odd("event", "udp:[::1]:0", 65527)},
	{Name: "3 cat for each connection", Try: programs("cat")},
	{Name: "3 a shell script for each connection", Try: programs(script, "line")},
	{Name: "3 what a program has open", Try: inherited},
	{Name: "3 against tcpserver", Try: againstTcpserver},
	{Name: "3 a program that hangs", Try: hanging},
}

func main() {
	var r run
	flag.IntVar(&r.datagrams, "datagrams", 200000, "how many are sent")
	flag.IntVar(&r.connections, "connections", 10000, "how many programs are run")
	flag.IntVar(&r.rounds, "rounds", 5, "of comparisons, which take turns")
	ctx, begun := criterion.Begin("beyond")
	r.Begun = begun
	criterion.Try(ctx, begun, r, criteria)
}
