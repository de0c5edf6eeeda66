package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answerUnix answers lines on a Unix socket.
func answerUnix(t *testing.T, path string) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				line, _ := bufio.NewReader(conn).ReadString('\n')
				fmt.Fprint(conn, echo(line))
			}()
		}
	}()
}

func unixPlan(path string) Plan {
	return Plan{Path: path, Clients: 8, Limit: 200, Lines: 1, Window: 10 * time.Second, Timeout: 5 * time.Second}
}

func TestUnix(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "s"), fmt.Sprintf("@load-%d", unix.Getpid())} {
		answerUnix(t, path)
		result, err := Run(context.Background(), unixPlan(path), 2)
		if err != nil || result.Outcomes[Served] != 200 {
			t.Errorf("%s: %+v, %v", path, result.Counts, err)
		}
	}
}

func TestUnixNobody(t *testing.T) {
	result, err := Run(context.Background(), unixPlan(filepath.Join(t.TempDir(), "s")), 1)
	if err != nil || result.Failed() != 200 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
	if _, err := Run(context.Background(), unixPlan("/"+strings.Repeat("x", 200)), 1); err == nil {
		t.Error("a path that is too long is no error")
	}
}

// A backlog that is full makes a connection wait, not fail.
func TestUnixBacklog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 64)
		for range 40 {
			time.Sleep(2 * time.Millisecond)
			conn, _, err := unix.Accept(fd)
			if err != nil {
				return
			}
			n, _ := unix.Read(conn, buf)
			unix.Write(conn, append([]byte("1 "), buf[:n]...))
			unix.Close(conn)
		}
	}()
	plan := unixPlan(path)
	plan.Limit = 40
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Served] != 40 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}
