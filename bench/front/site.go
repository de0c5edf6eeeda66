package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/server"
	"socketserver/tests/load"
)

const (
	headEnd = "\r\n\r\n"
	busy    = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	workers = "4"
)

// style is how a server serves: its handler, and options.
type style struct {
	handler string
	options []string
}

var (
	accept     = style{"once", []string{"-loop", "accept"}}
	event      = style{"once", []string{"-loop", "event"}}
	acceptKeep = style{"keep", []string{"-loop", "accept", "-keep", "1"}}
	eventPark  = style{"park", []string{"-loop", "event", "-head", headEnd}}
	eventLoop  = style{"event", []string{"-loop", "event"}}
	acceptLoop = style{"loop", []string{"-loop", "accept"}}
)

// site is a server that runs.
type site struct {
	*server.Server
	control string // a file with a port
}

// open starts a server of a build.
func (r run) open(ctx context.Context, build string, s style, options ...string) (*site, error) {
	args := append([]string{r.Tclsh, "front/front.tcl", s.handler, "-workers", workers}, s.options...)
	return r.openScript(ctx, build, append(args, options...))
}

func (r run) openScript(ctx context.Context, build string, args []string) (*site, error) {
	dir, err := os.MkdirTemp("", "front-")
	if err != nil {
		return nil, err
	}
	control := filepath.Join(dir, "control")
	environ := append(contest.TclEnviron(contest.Env{Package: build}), "FRONT_CONTROL="+control)
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

// load makes several loads at once and returns what came of each.
func (s *site) load(ctx context.Context, plans ...load.Plan) ([]load.Result, error) {
	results := make([]load.Result, len(plans))
	errs := make([]error, len(plans))
	var wg sync.WaitGroup
	for i, plan := range plans {
		plan.Port = s.Port
		if plan.Timeout == 0 {
			plan.Timeout = 20 * time.Second
		}
		if plan.Lines == 0 {
			plan.Lines = 1
		}
		wg.Go(func() { results[i], errs[i] = load.Run(ctx, plan, plan.Threads()) })
	}
	wg.Wait()
	return results, errors.Join(errs...)
}

// counted asks the server what it has counted.
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
	return counts, lines.Err()
}

// What is counted of a process's memory.
var pss, ownPSS = server.PSS, server.OwnPSS

// memory returns that of all processes of the server, in MB.
func (s *site) memory(of func(pid int) int) float64 {
	sum := 0
	for _, pid := range s.Pids() {
		sum += of(pid)
	}
	return float64(sum) / 1024
}

// watch samples the memory every second until it is stopped, and returns the
// samples.
func (s *site) watch(of func(pid int) int) (stop func() []float64) {
	quit, samples := make(chan struct{}), make(chan []float64)
	go func() {
		var all []float64
		for {
			select {
			case <-quit:
				samples <- all
				return
			case <-time.After(time.Second):
				all = append(all, s.memory(of))
			}
		}
	}()
	return func() []float64 {
		close(quit)
		return <-samples
	}
}

// outcomes lists how connections ended.
func outcomes(names []string, results []load.Result) string {
	var parts []string
	for i, result := range results {
		text := fmt.Sprintf("%s: started %d", names[i], result.Started)
		for j, n := range result.Outcomes {
			if n > 0 {
				text += fmt.Sprintf(", %v %d", load.Outcome(j), n)
			}
		}
		if n := result.Answers; n > 0 {
			text += fmt.Sprintf(", replies %d", n)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// list writes what a server counted, in this order, as far as it did.
func list(counts map[string]int, names ...string) string {
	var parts []string
	for _, name := range names {
		if n, ok := counts[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	return strings.Join(parts, ", ")
}
