package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/tally"
	"socketserver/tests/load"
)

// site is a server that runs.
type site struct {
	*server.Server
	control string // a file with a port
}

// open starts a server; a handler "" is for one with -exec.
func (r run) open(ctx context.Context, handler, listener string, options ...string) (*site, error) {
	dir, err := os.MkdirTemp("", "beyond-")
	if err != nil {
		return nil, err
	}
	control := filepath.Join(dir, "control")
	environ := append(contest.TclEnviron(contest.Env{Package: r.Build}), "BEYOND_CONTROL="+control)
	args := append([]string{r.Tclsh, "beyond/beyond.tcl", handler, listener}, options...)
	srv, err := server.Start(ctx, args, environ)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &site{srv, control}, nil
}

func (s *site) close() {
	s.Stop()
	os.RemoveAll(filepath.Dir(s.control))
}

// counted asks the server what it has counted of datagrams.
func (s *site) counted() (map[string]int, error) {
	port, err := os.ReadFile(s.control)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(port)))
	if err != nil {
		return nil, err
	}
	counts, err := tally.Ask(number, "datagrams")
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, s.Complaint())
	}
	return counts, nil
}

// list writes what a server counted.
func list(counts map[string]int) string {
	return fmt.Sprintf("received %d, answered %d, dropped %d", counts["received"], counts["answered"], counts["dropped"])
}

// outcomes lists how connections or datagrams ended.
func outcomes(result load.Result) string {
	text := fmt.Sprintf("started %d", result.Started)
	for i, n := range result.Outcomes {
		if n > 0 {
			text += fmt.Sprintf(", %v %d", load.Outcome(i), n)
		}
	}
	return fmt.Sprintf("%s, overdue %d, surplus %d, longest %v",
		text, result.Overdue, result.Surplus, result.Longest.Round(time.Millisecond))
}
