package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/tests/load"
)

const (
	computes = 10 * time.Second
	prompt   = 50 * time.Millisecond
	// during is how many connections come while Tcl computes.
	during = 2000
)

// shown is where a server is looked at, and how long that took at most.
type shown struct {
	name    string
	look    func() (string, error)
	right   func(text string) error
	longest time.Duration
	count   int
}

// computing asks for answers while Tcl gives none.
func computing(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("Tcl computes for %v: /metrics, /, /status.json and top answer within %v each time, and are right", computes, prompt)}
	s, err := r.open(ctx, "counted", "-workers", "4")
	if err != nil {
		return got, err
	}
	defer s.close()
	places := s.places()
	for i := range places {
		if _, err := places[i].look(); err != nil { // what is read for the first time
			return got, err
		}
	}
	if err := s.stall(); err != nil {
		return got, err
	}
	began := time.Now()
	result, err := load.Run(ctx, load.Plan{
		Port: s.Port, Clients: 4, Limit: during, Prefix: "id ", Lines: 1, Window: computes / 2, Timeout: 5 * time.Second,
	}, 1)
	time.Sleep(300 * time.Millisecond) // whoever looks at the same time gets the same
	for time.Since(began) < computes && err == nil && ctx.Err() == nil {
		err = visit(places)
		time.Sleep(20 * time.Millisecond)
	}
	s.resume()
	got.OK = result.Failed() == 0 && result.Started == during && err == nil
	var seen []string
	for _, place := range places {
		seen = append(seen, fmt.Sprintf("%s %d times, the longest %v", place.name, place.count, place.longest.Round(10*time.Microsecond)))
		got.OK = got.OK && place.count > 0 && place.longest <= prompt
	}
	got.Seen = strings.Join(seen, "; ")
	if err != nil {
		got.Seen += "; " + err.Error()
	}
	got.Outcomes = loading.Outcomes(result)
	return got, nil
}

// visit looks everywhere once.
func visit(places []shown) error {
	for i := range places {
		place := &places[i]
		before := time.Now()
		text, err := place.look()
		place.longest = max(place.longest, time.Since(before))
		place.count++
		if err == nil {
			err = place.right(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", place.name, err)
		}
	}
	return nil
}

// places are where a server is looked at. Right is what tells of its workers, and
// of the connections that have come.
func (s *site) places() []shown {
	pids := func(text string) error {
		for _, pid := range s.workers() {
			if !strings.Contains(text, strconv.Itoa(pid)) {
				return fmt.Errorf("nothing of worker %d", pid)
			}
		}
		return nil
	}
	counts := func(text string) error {
		m, err := readMetrics(text)
		if err != nil {
			return err
		}
		for _, name := range []string{"socketserver_connections_accepted_total", "socketserver_connections_served_total", "socketserver_application"} {
			if n := m.sum(name); n != during {
				return fmt.Errorf("%s is %v, not %d", name, n, during)
			}
		}
		return nil
	}
	page := func(path string) func() (string, error) {
		return func() (string, error) { return s.get(path) }
	}
	return []shown{
		{name: "/metrics", look: page("/metrics"), right: counts},
		{name: "/", look: page("/"), right: pids},
		{name: "/status.json", look: page("/status.json"), right: pids},
		{name: "top", look: s.top, right: pids},
	}
}

// deaths is how often the exporter is killed.
const deaths = 3

// exporterKilled asks that it comes back, and that the server doesn't notice.
func exporterKilled(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("the exporter is killed %d times: back within 1 s each time; none of 1000 connections/s fails, no worker ends", deaths)}
	s, err := r.open(ctx, "counted", "-workers", "4")
	if err != nil {
		return got, err
	}
	defer s.close()
	running := loading.Begin(ctx, load.Plan{Port: s.Port, Rate: 1000})
	var longest time.Duration
	for range deaths {
		time.Sleep(time.Second)
		before := time.Now()
		if err = s.exporterAgain(); err != nil {
			break
		}
		longest = max(longest, time.Since(before))
	}
	result, err2 := running.End()
	if err := errors.Join(err, err2); err != nil {
		return got, err
	}
	time.Sleep(300 * time.Millisecond)
	m, err := s.metrics()
	if err != nil {
		return got, err
	}
	served, exits := m.sum("socketserver_connections_served_total"), m.sum("socketserver_worker_exits_total")
	got.Seen = fmt.Sprintf("back after %v at most; failed %d of %d; /metrics says %v served, %v exits",
		longest.Round(time.Millisecond), loading.Lost(result), result.Started, served, exits)
	got.Outcomes = loading.Outcomes(result)
	got.OK = longest <= time.Second && loading.Lost(result) == 0 && served == float64(result.Started) && exits == 0
	return got, nil
}

// exporterAgain kills the exporter and waits for the next.
func (s *site) exporterAgain() error {
	pid := s.exporter()
	if pid == 0 {
		return errors.New("no exporter is found")
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return err
	}
	for s.exporter() == pid {
		time.Sleep(time.Millisecond)
	}
	return s.awaitShown()
}

// serverKilled asks that the exporter doesn't outlive its server.
func serverKilled(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "the server is killed: its exporter ends within 1 s"}
	s, err := r.open(ctx, "counted", "-workers", "4")
	if err != nil {
		return got, err
	}
	defer s.close()
	pid := s.exporter()
	before := time.Now()
	unix.Kill(s.Pid(), unix.SIGKILL)
	for isExporter(pid) && time.Since(before) < 10*time.Second {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(before)
	_, err = s.get("/healthz")
	got.Seen = fmt.Sprintf("ended after %v; then: %v", took.Round(time.Millisecond), err)
	got.OK = pid != 0 && took <= time.Second && err != nil
	return got, nil
}
