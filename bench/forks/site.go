package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/server"
)

// workers is how many serve.
const workers = 4

// site is a server that runs.
type site struct {
	*server.Server
	folder string
	own    int // the port of the server process itself
}

// open starts a server, which forks children of these kinds, most of them.
func (r run) open(ctx context.Context, pause time.Duration, kinds string, most int) (*site, error) {
	folder, err := os.MkdirTemp("", "forks-")
	if err != nil {
		return nil, err
	}
	s := &site{folder: folder}
	if err := s.start(ctx, r, pause, kinds, most); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return s, nil
}

func (s *site) start(ctx context.Context, r run, pause time.Duration, kinds string, most int) error {
	err := unix.Mkfifo(s.lines(), 0o600)
	if err != nil {
		return err
	}
	environ := append(contest.TclEnviron(contest.Env{Package: r.Build}),
		"FORKS_CHILDREN="+kinds, "FORKS_MOST="+strconv.Itoa(most))
	s.Server, err = server.Start(ctx, []string{
		r.Tclsh, "forks/forks.tcl", strconv.Itoa(workers), strconv.FormatInt(pause.Milliseconds(), 10), s.folder,
	}, environ)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.folder, "port"))
	if err == nil {
		s.own, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		s.Stop()
	}
	return err
}

// lines is the FIFO that the server reads.
func (s *site) lines() string {
	return filepath.Join(s.folder, "lines")
}

func (s *site) close() {
	s.Stop()
	os.RemoveAll(s.folder)
}

// writing writes numbers to the server until it is told otherwise.
type writing struct {
	enough  chan struct{}
	written chan int
	err     chan error
}

func (s *site) write() (*writing, error) {
	// Not without a reader, and no writer waits for ever.
	file, err := os.OpenFile(s.lines(), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	w := &writing{make(chan struct{}), make(chan int, 1), make(chan error, 1)}
	go func() {
		defer file.Close()
		n, err := numbers(file, w.enough)
		w.written <- n
		w.err <- err
	}()
	return w, nil
}

// numbers writes a line every few milliseconds, and returns how many.
func numbers(file *os.File, enough <-chan struct{}) (int, error) {
	ticker := time.NewTicker(3 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-enough:
			return n, nil
		case <-ticker.C:
		}
		file.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintln(file, n+1); err != nil {
			return n, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
}

// end stops that, and returns how many lines were written.
func (w *writing) end() (int, error) {
	close(w.enough)
	return <-w.written, <-w.err
}
