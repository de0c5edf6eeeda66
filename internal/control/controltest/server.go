// Package controltest lets a test be the server at a control path.
package controltest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
)

// Server is what listens there, until the test ends.
type Server struct {
	Path   string
	fd     int
	mutex  sync.Mutex
	open   map[int]bool
	closed bool
	all    sync.WaitGroup
}

// Start listens. For each connection it calls serve, from which on the
// descriptor is the caller's no longer than until serve returns.
func Start(t testing.TB, serve func(fd int)) *Server {
	t.Helper()
	return StartAt(t, filepath.Join(t.TempDir(), "control"), serve)
}

// StartAt is Start at a path, which another server may have left.
func StartAt(t testing.TB, path string, serve func(fd int)) *Server {
	t.Helper()
	s := &Server{Path: path, open: map[int]bool{}}
	_ = os.Remove(path)
	var err error
	s.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(s.fd, &unix.SockaddrUnix{Name: s.Path})
	}
	if err == nil {
		err = unix.Listen(s.fd, 16)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.all.Go(func() { s.accept(serve) })
	t.Cleanup(s.Stop)
	return s
}

// Stop ends all connections and closes the listening socket.
func (s *Server) Stop() {
	s.mutex.Lock()
	if !s.closed {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	}
	s.closed = true
	for fd := range s.open {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	s.mutex.Unlock()
	s.all.Wait()
}

func (s *Server) accept(serve func(fd int)) {
	defer descriptor.Close(s.fd)
	for {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		s.mutex.Lock()
		if s.closed {
			descriptor.Close(fd)
		} else {
			s.open[fd] = true
			s.all.Go(func() { s.serve(fd, serve) })
		}
		s.mutex.Unlock()
	}
}

func (s *Server) serve(fd int, serve func(fd int)) {
	serve(fd)
	s.mutex.Lock()
	delete(s.open, fd)
	descriptor.Close(fd)
	s.mutex.Unlock()
}

// Answering serves a connection by answering each request.
func Answering(answer func(control.Message) control.Message) func(fd int) {
	return func(fd int) {
		b := control.NewBuffer()
		for {
			request, err := Receive(b, fd)
			if err != nil {
				return
			}
			m := answer(request)
			m.ID = request.ID
			if Send(b, fd, m) != nil {
				return
			}
		}
	}
}

// Receive waits for a message.
func Receive(b *control.Buffer, fd int) (control.Message, error) {
	for {
		m, err := b.Receive(fd)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return m, err
		}
		poll(fd, unix.POLLIN)
	}
}

// Send sends a message, and waits where it must.
func Send(b *control.Buffer, fd int, m control.Message) error {
	for {
		err := b.Send(fd, &m)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return err
		}
		poll(fd, unix.POLLOUT)
	}
}

func poll(fd int, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
}
