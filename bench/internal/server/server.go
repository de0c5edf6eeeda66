// Package server starts a contestant, watches what its processes cost, and
// ends all of them.
//
// A contestant runs in a session of its own; whatever it forks stays in it,
// and that is how its processes are found. It prints the port it listens on,
// "port N", "listening on N" or the number alone, when it is ready.
package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits on what a contestant may take to start and to end.
const (
	startTimeout = 60 * time.Second
	endTimeout   = 2 * time.Second
)

// Server is a contestant that runs.
type Server struct {
	Port    int
	command *exec.Cmd
	stdout  *os.File
	stderr  *os.File
	ended   chan struct{} // closed when the first process has ended
}

// Adopt makes this process the parent of whatever its descendants leave
// behind, so that it can be reaped.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	return nil
}

// Start runs a command line and waits until it says that it listens. The files
// are its descriptors from 3 on; they stay the caller's.
func Start(ctx context.Context, args, env []string, files ...*os.File) (*Server, error) {
	stderr, err := os.CreateTemp("", "bench-stderr-")
	if err != nil {
		return nil, err
	}
	os.Remove(stderr.Name())
	out, in, err := os.Pipe()
	if err != nil {
		stderr.Close()
		return nil, err
	}
	s := &Server{stdout: out, stderr: stderr, ended: make(chan struct{})}
	s.command = exec.Command(args[0], args[1:]...)
	s.command.Env = append(os.Environ(), env...)
	s.command.Stdout, s.command.Stderr = in, stderr
	s.command.ExtraFiles = files
	s.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = s.command.Start()
	in.Close()
	if err != nil {
		out.Close()
		stderr.Close()
		return nil, err
	}
	go func() {
		s.command.Wait()
		close(s.ended)
	}()
	if err := s.awaitPort(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// awaitPort reads what the contestant prints first.
func (s *Server) awaitPort(ctx context.Context) error {
	s.stdout.SetReadDeadline(time.Now().Add(startTimeout))
	stop := context.AfterFunc(ctx, func() { s.stdout.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(s.stdout).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("did not listen within %v%s", startTimeout, s.Complaint())
	case err != nil:
		return fmt.Errorf("ended before it listened%s", s.Complaint())
	}
	number := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "port "), "listening on ")
	port, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("printed %q instead of its port%s", line, s.Complaint())
	}
	s.Port = port
	return nil
}

// Complaint returns the last line that the contestant wrote to stderr, after a
// colon; nothing when it wrote none.
func (s *Server) Complaint() string {
	const most = 2000
	size, err := s.stderr.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return ""
	}
	text := make([]byte, min(size, most))
	s.stderr.ReadAt(text, size-int64(len(text)))
	return lastLine(text)
}

// lastLine returns the last line of what a program complained, after a colon;
// nothing when there is none.
func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return ""
	}
	return ": " + withoutPaths(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}

// withoutPaths shortens the file names in a message: what is reported should
// be the same wherever it ran.
func withoutPaths(message string) string {
	words := strings.Fields(message)
	for i, word := range words {
		if strings.Contains(word, "/") {
			words[i] = filepath.Base(word)
		}
	}
	return strings.Join(words, " ")
}

// Stop ends every process of the contestant and returns what the first one,
// and all that it had reaped, had cost; nil when that isn't known.
func (s *Server) Stop() *syscall.Rusage {
	defer s.stdout.Close()
	defer s.stderr.Close()
	if !s.end(unix.SIGTERM) {
		s.end(unix.SIGKILL)
	}
	<-s.ended
	usage, _ := s.command.ProcessState.SysUsage().(*syscall.Rusage)
	return usage
}

// end sends a signal to every process of the contestant, those that it still
// forks included, until none is left, and reaps those that were left to this
// process. It returns false when that takes too long. The processes are those
// of a session that no other can have while one of them is there.
func (s *Server) end(signal unix.Signal) bool {
	deadline := time.Now().Add(endTimeout)
	for {
		pids := s.Pids()
		if len(pids) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		for _, pid := range pids {
			unix.Kill(pid, signal)
			if pid != s.leader() {
				unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Ended is closed when the first process has ended.
func (s *Server) Ended() <-chan struct{} {
	return s.ended
}

// FreePort returns a port that nobody listens on.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// Pid returns the first process, the one that signals steer.
func (s *Server) Pid() int {
	return s.leader()
}

// leader returns the pid of the first process, which is also its session's.
func (s *Server) leader() int {
	return s.command.Process.Pid
}
