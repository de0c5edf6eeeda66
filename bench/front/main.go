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
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"socketserver/bench/internal/server"
)

// run is what the command line says.
type run struct {
	tclsh   string
	build   string
	old     string
	seconds float64 // of each criterion, if not 0
	rounds  int     // of comparisons
	clients int     // that are kept
}

// window is how long a criterion's load lasts.
func (r run) window(usual time.Duration) time.Duration {
	return cmp.Or(time.Duration(r.seconds*float64(time.Second)), usual)
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
	{"1 kept, accept", keptClients(acceptKeep)},
	{"1 kept, event loop", keptClients(eventPark)},
	{"1 reloads and kills, accept", disturbed(acceptKeep)},
	{"1 reloads and kills, event loop", disturbed(eventPark)},
	{"2 busy clients, against the old event loop", busyAgainstOld},
	{"3 three busy clients, against a worker each", busyAgainstLoop},
	{"4 silent and half heads, accept", silentClients(accept)},
	{"4 silent and half heads, event loop", silentClients(event)},
	{"5 overload, accept", overload(accept)},
	{"5 overload, event loop", overload(event)},
	{"5 all workers blocked, accept", blocked(accept)},
	{"5 all workers blocked, event loop", blocked(event)},
	{"6 one address, accept", oneAddress(acceptKeep)},
	{"6 one address, event loop", oneAddress(eventPark)},
	{"8 PROXY headers and children", children},
	{"9 few descriptors, accept", fewDescriptors(acceptKeep)},
	{"9 few descriptors, event loop", fewDescriptors(eventPark)},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("front: ")
	var r run
	flag.StringVar(&r.tclsh, "tclsh", "tclsh", "the Tcl `shell`")
	flag.StringVar(&r.old, "old", "", "the `folder` of a build to compare with")
	flag.Float64Var(&r.seconds, "seconds", 0, "how long each load lasts, instead of as long as is asked for")
	flag.IntVar(&r.rounds, "rounds", 5, "of comparisons, which take turns")
	flag.IntVar(&r.clients, "clients", 10000, "how many are kept")
	only := flag.String("only", "", "criteria, a regular `expression`")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("one build is wanted")
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	if r.build, err = built(flag.Arg(0)); err == nil && r.old != "" {
		r.old, err = built(r.old)
	}
	if err == nil {
		err = server.Adopt()
	}
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
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
		switch {
		case errors.Is(err, errSkipped):
			verdict = "skipped"
		case err != nil:
			verdict, ok = "could not run", false
			got.seen = err.Error()
		case !got.ok:
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

// built returns the whole path of a build.
func built(folder string) (string, error) {
	if _, err := os.Stat(filepath.Join(folder, "pkgIndex.tcl")); err != nil {
		return "", fmt.Errorf("%s is no build", folder)
	}
	return filepath.Abs(folder)
}
