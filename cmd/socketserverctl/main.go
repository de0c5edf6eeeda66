// Socketserverctl asks and commands a running server through its control path.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"socketserver/internal/control"
)

// version is set by the linker.
var version = "unknown"

// What the exit status says.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitNobody
	exitTimeout
)

// errUsage is wrapped by what is wrong with the command line.
var errUsage = errors.New("usage")

// unreachable says that there is no connection to a server.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// exit ends the program without a word.
type exit int

func (exit) Error() string { return "" }

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program; its result is the exit status.
func run(words []string, in *os.File, out, errs io.Writer) int {
	p := &program{in: in, out: out, errs: errs}
	root := p.root()
	root.SetArgs(plain(root, words))
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	if err.Error() != "" {
		// What cobra says may have several lines.
		fmt.Fprintln(errs, "socketserverctl:", clean(strings.Join(strings.Fields(err.Error()), " ")))
	}
	return p.status(err)
}

// status is what the exit status says of an error. What comes before a command
// begins is an error of the command line.
func (p *program) status(err error) int {
	var nobody unreachable
	var refused *control.Error
	var code exit
	switch {
	case errors.As(err, &code):
		return int(code)
	case !p.begun || errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, control.ErrTimeout):
		return exitTimeout
	case errors.As(err, &refused) && refused.Reason == "TIMEOUT":
		return exitTimeout
	case errors.As(err, &nobody):
		return exitNobody
	}
	return exitFailed
}

// usage makes an error of the command line.
func usage(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...))
}

type usageError string

func (u usageError) Error() string { return string(u) }
func (usageError) Unwrap() error   { return errUsage }
