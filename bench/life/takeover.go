package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/operator"
	"socketserver/bench/internal/server"
	"socketserver/tests/load"
)

// change starts a successor and waits for its predecessor's end.
func (s *site) change(ctx context.Context, old *server.Server, options ...string) (*server.Server, error) {
	next, err := s.start(ctx, options...)
	if err != nil {
		return nil, err
	}
	return next, ended(old)
}

// takeovers asks that nobody notices one.
func takeovers(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("%d takeovers at %.0f connections/s, and 300 a second by a Unix path: none fails", r.takeovers, r.rate)}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	srv, err := s.start(ctx)
	if err != nil {
		return got, err
	}
	began := time.Now()
	tcp := loading.Begin(ctx, load.Plan{Port: s.port, Rate: r.rate})
	local := loading.Begin(ctx, load.Plan{Path: s.path("unix"), Rate: 300})
	var longest time.Duration
	for range r.takeovers {
		if err != nil {
			break
		}
		before := time.Now()
		srv, err = s.change(ctx, srv)
		longest = max(longest, time.Since(before))
		time.Sleep(time.Second / 2)
	}
	enough := time.Duration(float64(5000*r.takeovers)/r.rate*float64(time.Second)) - time.Since(began)
	time.Sleep(max(0, enough))
	result, err2 := tcp.End()
	other, err3 := local.End()
	for _, err := range []error{err, err2, err3} {
		if err != nil {
			return got, err
		}
	}
	got.Seen = fmt.Sprintf("failed %d of %d, and %d of %d; longest takeover %v",
		loading.Lost(result), result.Started, loading.Lost(other), other.Started, longest.Round(time.Millisecond))
	got.Outcomes = loading.Outcomes(result) + "; unix: " + loading.Outcomes(other)
	got.OK = loading.Lost(result)+loading.Lost(other) == 0 && result.Answers > 0 && other.Answers > 0
	return got, nil
}

// travels asks that those who wait are answered.
func travels(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "270 queued and 1000 parked while a successor takes over: all are answered"}
	s, err := r.newSite("park")
	if err != nil {
		return got, err
	}
	defer s.close()
	srv, err := s.start(ctx, "-parktimeout", "600")
	if err != nil {
		return got, err
	}
	parked := loading.Begin(ctx, load.Plan{
		Port: s.port, Clients: 1000, Stay: true, HalfEnd: true,
		Pause: load.Pause{Least: 2 * time.Second, Most: 4 * time.Second},
	})
	time.Sleep(5 * time.Second) // each has asked once
	queued := loading.Begin(ctx, load.Plan{Port: s.port, Clients: 270, Limit: 270, Prefix: "sleep50 ", HalfEnd: true})
	time.Sleep(time.Second / 2) // each has connected
	_, err = s.change(ctx, srv, "-parktimeout", "600")
	waited, err2 := queued.Wait()
	time.Sleep(5 * time.Second) // each of the parked asks again
	result, err3 := parked.End()
	for _, err := range []error{err, err2, err3} {
		if err != nil {
			return got, err
		}
	}
	got.Seen = fmt.Sprintf("failed %d of %d queued, %d of %d parked", loading.Lost(waited), waited.Started, loading.Lost(result), result.Started)
	got.Outcomes = "queued: " + loading.Outcomes(waited) + "; parked: " + loading.Outcomes(result)
	got.OK = loading.Lost(waited)+loading.Lost(result) == 0 && waited.Answers == 270 && result.Answers >= 2000
	return got, nil
}

// failing asks that the old one goes on when the new one doesn't come up.
func failing(initcmd string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("the successor's workers do \"%s\": the predecessor serves on, none of %.0f connections/s fails", initcmd, r.rate)}
		s, err := r.newSite("once")
		if err != nil {
			return got, err
		}
		defer s.close()
		srv, err := s.start(ctx)
		if err != nil {
			return got, err
		}
		running := loading.Begin(ctx, load.Plan{Port: s.port, Rate: r.rate})
		_, failure := s.start(ctx, "-firststart", "2", "-initcmd", initcmd)
		time.Sleep(time.Second)
		version, askErr := operator.Ask(s.control(), "version", [2]int64{}, "")
		result, err := running.End()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("the successor: %v; failed %d of %d; control path: %s %v", failure, loading.Lost(result), result.Started, version, askErr)
		got.Outcomes = loading.Outcomes(result)
		got.OK = failure != nil && askErr == nil && loading.Lost(result) == 0 && result.Answers > 0 && unix.Kill(srv.Pid(), 0) == nil
		return got, nil
	}
}

// killed asks that a new server has nothing to clean up after SIGKILL, and that
// the old one's workers serve its queue.
func killed(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "SIGKILL with 300 queued, then a new server at once: they are served, port, Unix path and control path work"}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	srv, err := s.start(ctx)
	if err != nil {
		return got, err
	}
	queued := loading.Begin(ctx, load.Plan{Port: s.port, Clients: 300, Limit: 300, Prefix: "sleep30 "})
	time.Sleep(time.Second / 2) // each has connected
	unix.Kill(srv.Pid(), unix.SIGKILL)
	_, err = s.start(ctx)
	if err != nil {
		return got, err
	}
	works := []error{asks("tcp4", s.tcp()), asks("unix", s.path("unix"))}
	_, err = operator.Ask(s.control(), "health", [2]int64{}, "")
	works = append(works, err)
	result, err := queued.Wait()
	if err != nil {
		return got, err
	}
	got.Seen = fmt.Sprintf("failed %d of %d; port, path, control path: %v", loading.Lost(result), result.Started, works)
	got.Outcomes = loading.Outcomes(result)
	got.OK = loading.Lost(result) == 0 && result.Answers == 300 && works[0] == nil && works[1] == nil && works[2] == nil
	return got, nil
}

// restarts asks that nobody notices one when the socket stays open.
func restarts(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "three restarts with a socket that somebody else keeps open, 1000 connections/s: none fails"}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	file, err := listening(s.port)
	if err != nil {
		return got, err
	}
	defer file.Close()
	running := loading.Begin(ctx, load.Plan{Port: s.port, Rate: 1000})
	for range 4 {
		var srv *server.Server
		if srv, err = s.serve(ctx, "fd:life", nil, file); err != nil {
			break
		}
		time.Sleep(2 * time.Second)
		unix.Kill(srv.Pid(), unix.SIGTERM)
		if err = ended(srv); err != nil {
			break
		}
	}
	if err == nil {
		_, err = s.serve(ctx, "fd:life", nil, file)
	}
	result, err2 := running.End()
	if err != nil || err2 != nil {
		return got, fmt.Errorf("%w, %w", err, err2)
	}
	got.Seen = fmt.Sprintf("failed %d of %d", loading.Lost(result), result.Started)
	got.Outcomes = loading.Outcomes(result)
	got.OK = loading.Lost(result) == 0 && result.Answers > 0
	return got, nil
}

// listening opens a socket as a service manager does.
func listening(port int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = unix.Listen(fd, 4096)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}
