package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/server"
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
	conn, err := net.DialTimeout("tcp4", "127.0.0.1:"+strings.TrimSpace(string(port)), 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("the server doesn't tell what it counted: %w", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	counts := map[string]int{}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var name string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &name, &n); err == nil {
			counts[name] = n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("the server counts no datagrams%s", s.Complaint())
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
