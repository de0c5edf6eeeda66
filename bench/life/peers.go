package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/operator"
	"socketserver/bench/internal/server"
	"socketserver/tests/load"
)

// attached asks that workers that nobody forked are as good as others.
func attached(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "4 attached workers, one in a mount namespace of its own, beside 4 forked; one killed, a reload, some retired:" +
		" none of 1000 connections/s fails but what the killed one held"}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	if _, err := s.start(ctx); err != nil {
		return got, err
	}
	workers, err := s.attach(ctx, 4)
	if err != nil {
		return got, err
	}
	// So that more workers are busy than were forked.
	running := loading.Begin(ctx, load.Plan{Port: s.port, Rate: 1000, Prefix: "sleep5 "})
	time.Sleep(2 * time.Second)
	unix.Kill(workers[0].Pid(), unix.SIGKILL)
	time.Sleep(time.Second)
	var failures []error
	for _, command := range []string{"retire 2", "add 2", "reload"} {
		if _, err := operator.Ask(s.control(), "command", [2]int64{}, command); err != nil {
			failures = append(failures, err)
		}
		time.Sleep(2 * time.Second)
	}
	again, err := s.attach(ctx, 4)
	time.Sleep(2 * time.Second)
	result, err2 := running.End()
	if err != nil || err2 != nil {
		return got, fmt.Errorf("%w, %w", err, err2)
	}
	served := 0
	for _, worker := range append(workers, again...) {
		served += result.Pids[worker.Pid()]
	}
	got.Seen = fmt.Sprintf("failed %d of %d; attached ones served %d; commands: %v", loading.Lost(result), result.Started, served, failures)
	got.Outcomes = loading.Outcomes(result)
	got.OK = loading.Lost(result) <= 1 && served > result.Started/10 && len(failures) == 0
	return got, nil
}

// attach starts workers of their own, the first in a mount namespace.
func (s *site) attach(ctx context.Context, count int) ([]*server.Server, error) {
	var workers []*server.Server
	for i := range count {
		args := []string{s.Tclsh, "life/attached.tcl", s.control()}
		if i == 0 {
			args = append([]string{"unshare", "-m"}, args...)
		}
		worker, err := s.launch(ctx, args)
		if err != nil {
			return workers, err
		}
		workers = append(workers, worker)
	}
	return workers, nil
}

// proxyConfig is HAProxy's: its port; then each server's port and that of its
// health.
const proxyConfig = `global
    maxconn 3000
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen life
    bind 127.0.0.1:%d
    balance roundrobin
    option httpchk GET /
    default-server check inter 100 fall 1 rise 1 maxconn 100
    server a 127.0.0.1:%d port %d
    server b 127.0.0.1:%d port %d
    server c 127.0.0.1:%d port %d
`

// rolling asks that a proxy's clients don't notice restarts.
func rolling(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "three servers behind HAProxy, 1000 connections/s, restarted one after the other with -drain 0.6: none of 6000 fails"}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	ports := []any{s.port}
	for range 6 {
		port, err := server.FreePort()
		if err != nil {
			return got, err
		}
		ports = append(ports, port)
	}
	member := func(i int) (*server.Server, error) {
		return s.serve(ctx, fmt.Sprintf("127.0.0.1:%d", ports[1+2*i]), []string{"-drain", "0.6", "-health", fmt.Sprintf("127.0.0.1:%d", ports[2+2*i])})
	}
	var members [3]*server.Server
	for i := range members {
		if members[i], err = member(i); err != nil {
			return got, err
		}
	}
	stop, err := s.proxy(ctx, fmt.Sprintf(proxyConfig, ports...))
	if err != nil {
		return got, err
	}
	defer stop()
	began := time.Now()
	running := loading.Begin(ctx, load.Plan{Port: s.port, Rate: 1000})
	for i, old := range members {
		time.Sleep(time.Second / 2) // HAProxy has seen that the one before is back
		unix.Kill(old.Pid(), unix.SIGTERM)
		if err = ended(old); err == nil {
			_, err = member(i)
		}
		if err != nil {
			break
		}
	}
	time.Sleep(max(0, 6*time.Second-time.Since(began)))
	result, err2 := running.End()
	if err != nil || err2 != nil {
		return got, fmt.Errorf("%w, %w", err, err2)
	}
	got.Seen = fmt.Sprintf("failed %d of %d", loading.Lost(result), result.Started)
	got.Outcomes = loading.Outcomes(result)
	got.OK = loading.Lost(result) == 0 && result.Answers >= 5000
	return got, nil
}

// proxy runs HAProxy until stop is called, and waits until its clients are
// served.
func (s *site) proxy(ctx context.Context, config string) (stop func(), err error) {
	path := s.path("haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	command := exec.Command("haproxy", "-db", "-f", path)
	if err := command.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		command.Process.Kill()
		command.Wait()
	}
	for range 100 {
		if err = asks("tcp4", s.tcp()); err == nil {
			return stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, fmt.Errorf("HAProxy doesn't serve: %w", err)
}

// healthy asks for answers while Tcl gives none.
func healthy(ctx context.Context, r run) (criterion.Row, error) {
	const computing = 5 * time.Second
	got := criterion.Row{Asked: fmt.Sprintf("while Tcl computes for %v health is told within 10 ms, each time", computing)}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	port, err := server.FreePort()
	if err != nil {
		return got, err
	}
	if _, err := s.start(ctx, "-health", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		return got, err
	}
	if err := os.WriteFile(s.path("stall"), nil, 0o600); err != nil {
		return got, err
	}
	time.Sleep(100 * time.Millisecond) // it has seen the file
	_, busy := operator.Ask(s.control(), "command", [2]int64{100}, "configure -grace 9")
	var longest time.Duration
	count, wrong := 0, 0
	for end := time.Now().Add(computing); time.Now().Before(end) && ctx.Err() == nil; count++ {
		before := time.Now()
		if !ready(port) {
			wrong++
		}
		longest = max(longest, time.Since(before))
		time.Sleep(5 * time.Millisecond)
	}
	os.Remove(s.path("stall"))
	got.Seen = fmt.Sprintf("%d answers, %d wrong, the longest after %v; Tcl meanwhile: %v", count, wrong, longest.Round(time.Microsecond), busy)
	got.OK = count > 0 && wrong == 0 && longest <= 10*time.Millisecond && busy != nil
	return got, nil
}

// ready asks a health listener.
func ready(port int) bool {
	conn, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	return len(answer) > 12 && string(answer[9:12]) == "200"
}
