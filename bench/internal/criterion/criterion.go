// Package criterion runs what is asked of a build, one thing after the other, and
// prints what was seen.
package criterion

import (
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

	"socketserver/bench/internal/server"
)

// ErrSkipped says that what a criterion needs wasn't given.
var ErrSkipped = errors.New("skipped")

// Row is what became of a criterion.
type Row struct {
	Asked    string
	Seen     string
	Outcomes string
	OK       bool
}

// Criterion is one of those that R, what the command line says, is for.
type Criterion[R any] struct {
	Name string
	Try  func(ctx context.Context, r R) (Row, error)
}

// Begun is what the command line says to each program that runs criteria.
type Begun struct {
	Tclsh  string // the Tcl shell
	Build  string // the folder of a build
	chosen *regexp.Regexp
}

// Begin reads the command line of a program, which has defined what flags it has
// beyond the usual ones, and makes it the parent of what servers leave behind. What
// is wrong with it ends the process; a signal ends the context.
func Begin(name string) (context.Context, Begun) {
	log.SetFlags(0)
	log.SetPrefix(name + ": ")
	var b Begun
	flag.StringVar(&b.Tclsh, "tclsh", "tclsh", "the Tcl `shell`")
	only := flag.String("only", "", "criteria, a regular `expression`")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("one build is wanted")
	}
	var err error
	if b.chosen, err = regexp.Compile(*only); err == nil {
		b.Build, err = Built(flag.Arg(0))
	}
	if err == nil {
		err = server.Adopt()
	}
	if err != nil {
		log.Fatal(err)
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return ctx, b
}

// Try runs the criteria that are chosen; the exit status is 1 unless all is as
// asked.
func Try[R any](ctx context.Context, b Begun, r R, all []Criterion[R]) {
	if !tryAll(ctx, r, all, b.chosen) {
		os.Exit(1)
	}
}

// tryAll runs those that are chosen, and tells whether all is as asked.
func tryAll[R any](ctx context.Context, r R, all []Criterion[R], chosen *regexp.Regexp) bool {
	ok := true
	for _, c := range all {
		if !chosen.MatchString(c.Name) || ctx.Err() != nil {
			continue
		}
		got, err := c.Try(ctx, r)
		verdict := "as asked"
		switch {
		case errors.Is(err, ErrSkipped):
			verdict = "skipped"
		case err != nil:
			verdict, ok = "could not run", false
			got.Seen = err.Error()
		case !got.OK:
			verdict, ok = "NOT AS ASKED", false
		}
		fmt.Printf("%s: %s\n", c.Name, verdict)
		got.print()
	}
	return ok
}

func (r Row) print() {
	for _, part := range []struct{ title, text string }{
		{"asked", r.Asked}, {"seen", r.Seen}, {"outcomes", r.Outcomes},
	} {
		if part.text != "" {
			fmt.Printf("    %-9s %s\n", part.title, part.text)
		}
	}
}

// Built returns the whole path of a build.
func Built(folder string) (string, error) {
	if _, err := os.Stat(filepath.Join(folder, "pkgIndex.tcl")); err != nil {
		return "", fmt.Errorf("%s is no build", folder)
	}
	return filepath.Abs(folder)
}
