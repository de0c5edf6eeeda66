package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/server"
)

// site is where servers follow each other: a port, and a folder of their paths.
type site struct {
	run
	port    int
	folder  string
	handler string
	serving []*server.Server
}

// newSite finds a free port and makes a folder.
func (r run) newSite(handler string) (*site, error) {
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "life-")
	return &site{run: r, port: port, folder: folder, handler: handler}, err
}

// close ends all servers that were started.
func (s *site) close() {
	for _, srv := range s.serving {
		srv.Stop()
	}
	os.RemoveAll(s.folder)
}

// path names a file of the site.
func (s *site) path(name string) string {
	return filepath.Join(s.folder, name)
}

func (s *site) control() string {
	return s.path("control")
}

// start runs a server, which takes over from the one before where there is one,
// and returns when it is ready.
func (s *site) start(ctx context.Context, options ...string) (*server.Server, error) {
	listeners := fmt.Sprintf("127.0.0.1:%d,unix:%s", s.port, s.path("unix"))
	return s.serve(ctx, listeners, append([]string{"-control", s.control(), "-takeover", s.control()}, options...))
}

// serve runs life.tcl.
func (s *site) serve(ctx context.Context, listeners string, options []string, files ...*os.File) (*server.Server, error) {
	args := append([]string{s.Tclsh, "life/life.tcl", s.handler, listeners}, options...)
	if len(files) > 0 {
		passing := fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=life exec "$@"`, len(files))
		args = append([]string{"sh", "-c", passing, "sh"}, args...)
	}
	return s.launch(ctx, args, files...)
}

// launch runs a program that says when it is ready.
func (s *site) launch(ctx context.Context, args []string, files ...*os.File) (*server.Server, error) {
	environ := append(contest.TclEnviron(contest.Env{Package: s.Build}), "LIFE_STALL="+s.path("stall"))
	srv, err := server.Start(ctx, args, environ, files...)
	if err == nil {
		s.serving = append(s.serving, srv)
	}
	return srv, err
}

// ended waits for the end of a server.
func ended(srv *server.Server) error {
	select {
	case <-srv.Ended():
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("process %d doesn't end%s", srv.Pid(), srv.Complaint())
	}
}

// asks has one line answered, by way of "unix" or "tcp4", and returns whether it
// was.
func asks(network, address string) error {
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintln(conn, "id 1")
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err == nil && !strings.HasSuffix(string(buf[:n]), " id 1\n") {
		err = fmt.Errorf("answered %q", buf[:n])
	}
	return err
}

// tcp is the site's port.
func (s *site) tcp() string {
	return fmt.Sprintf("127.0.0.1:%d", s.port)
}
