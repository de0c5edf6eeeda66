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
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"socketserver/bench/internal/server"
)

// run is what the command line says.
type run struct {
	tclsh     string
	build     string
	takeovers int
	messages  int     // hostile ones
	rate      float64 // connections a second, where servers change
}

// row is what became of a criterion.
type row struct {
	asked    string
	seen     string
	outcomes string
	ok       bool
}

// criteria are run in this order.
var criteria = []struct {
	name string
	try  func(ctx context.Context, r run) (row, error)
}{
	{"1 takeovers under load", takeovers},
	{"1 takeover of what is queued and parked", travels},
	{"1 a successor that fails: an error", failing("error broken")},
	{"1 a successor that fails: a crash", failing("exec kill -s KILL [pid]")},
	{"1 a successor that fails: a hang", failing("vwait forever")},
	{"2 the server is killed", killed},
	{"3 restarts that keep the socket", restarts},
	{"4 attached workers", attached},
	{"5 rolling restart behind HAProxy", rolling},
	{"6 hostile operators", hostile},
	{"7 health while Tcl computes", healthy},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("life: ")
	var r run
	flag.StringVar(&r.tclsh, "tclsh", "tclsh", "the Tcl `shell`")
	flag.IntVar(&r.takeovers, "takeovers", 10, "how often a successor takes over")
	flag.IntVar(&r.messages, "messages", 200000, "of hostile operators")
	flag.Float64Var(&r.rate, "rate", 5000, "connections a second during takeovers")
	victim := flag.String("attack", "", "be the hostile operators of a control `path`, and nothing else")
	only := flag.String("only", "", "criteria, a regular `expression`")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("one build is wanted")
	}
	chosen, err := regexp.Compile(*only)
	if err == nil {
		r.build, err = filepath.Abs(flag.Arg(0))
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(r.build, "pkgIndex.tcl"))
	}
	if err == nil {
		err = server.Adopt()
	}
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *victim != "" {
		fmt.Println(attack(ctx, *victim, r.messages))
		return
	}
	if !tryAll(ctx, r, chosen) {
		os.Exit(1)
	}
}

// tryAll runs the criteria that are chosen, and tells whether all is as asked.
func tryAll(ctx context.Context, r run, chosen *regexp.Regexp) bool {
	ok := true
	for _, c := range criteria {
		if !chosen.MatchString(c.name) || ctx.Err() != nil {
			continue
		}
		got, err := c.try(ctx, r)
		verdict := "as asked"
		if err != nil {
			verdict, ok = "could not run", false
			got.seen = err.Error()
		} else if !got.ok {
			verdict, ok = "NOT AS ASKED", false
		}
		fmt.Printf("%s: %s\n", c.name, verdict)
		for _, part := range []struct{ title, text string }{
			{"asked", got.asked}, {"seen", got.seen}, {"outcomes", got.outcomes},
		} {
			if part.text != "" {
				fmt.Printf("    %-9s %s\n", part.title, part.text)
			}
		}
	}
	return ok
}
