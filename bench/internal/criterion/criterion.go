// Package criterion runs what is asked of a build, one thing after the other, and
// prints what was seen.
package criterion

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

// TryAll runs the criteria that are chosen, and tells whether all is as asked.
func TryAll[R any](ctx context.Context, r R, all []Criterion[R], chosen *regexp.Regexp) bool {
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
