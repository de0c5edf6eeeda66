package control_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/control/controltest"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// Long enough for any machine, and so short that a test may wait for it.
const (
	long  = 30 * time.Second
	short = 20 * time.Millisecond
)

// dial connects to a server that serves in some way.
func dial(t *testing.T, serve func(fd int)) *control.Conn {
	t.Helper()
	leaktest.Check(t)
	c, err := control.Dial(controltest.Start(t, serve).Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAsk(t *testing.T) {
	c := dial(t, controltest.Answering(func(m control.Message) control.Message {
		if m.Name == "fail" {
			return control.Message{Name: "BUSY", Errno: unix.EADDRINUSE, Text: []byte("taken")}
		}
		return control.Message{Numbers: m.Numbers, Text: append([]byte(m.Name), m.Text...)}
	}))
	text := bytes.Repeat([]byte("long"), 1<<18)
	for range 2 {
		got, err := c.Ask("status", control.Numbers{1, -1}, text, long)
		if err != nil || got.Numbers != (control.Numbers{1, -1}) || string(got.Text) != "status"+string(text) {
			t.Errorf("got %d bytes, %v", len(got.Text), err)
		}
		var refused *control.Error
		_, err = c.Ask("fail", control.Numbers{}, nil, long)
		if !errors.As(err, &refused) || refused.Reason != "BUSY" || err.Error() != "taken" || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAskDropsWhatNobodyAskedFor(t *testing.T) {
	c := dial(t, func(fd int) {
		b := control.NewBuffer()
		for {
			m, err := controltest.Receive(b, fd)
			if err != nil {
				return
			}
			for _, id := range []uint32{0, m.ID + 1, m.ID} {
				_ = controltest.Send(b, fd, control.Message{ID: id, Text: []byte("text"), Fds: []int{fd, fd}})
			}
		}
	})
	for range 3 {
		m, err := c.Ask("status", control.Numbers{}, nil, long)
		if err != nil || len(m.Fds) != 2 {
			t.Fatalf("got %+v, %v", m, err)
		}
		descriptor.Close(m.Fds...)
	}
}

func TestAskEndsInTime(t *testing.T) {
	for name, serve := range map[string]func(fd int){
		"silence": func(fd int) { _, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, -1) },
		"notices": func(fd int) {
			b := control.NewBuffer()
			for controltest.Send(b, fd, control.Message{Name: "notice"}) == nil {
			}
		},
	} {
		c := dial(t, serve)
		if _, err := c.Ask("status", control.Numbers{}, nil, short); !errors.Is(err, control.ErrTimeout) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Ask("long", control.Numbers{}, make([]byte, control.MostText), short); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAskWhereTheServerCloses(t *testing.T) {
	c := dial(t, func(int) {})
	for range 2 {
		if _, err := c.Ask("status", control.Numbers{}, nil, long); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAskLimitsTheAnswer(t *testing.T) {
	for _, answer := range []control.Message{
		{Text: make([]byte, 2*control.Inline)}, {Fds: []int{0, 0}},
	} {
		c := dial(t, controltest.Answering(func(control.Message) control.Message { return answer }))
		c.Limit(control.Inline, 1)
		if _, err := c.Ask("status", control.Numbers{}, nil, long); !errors.Is(err, control.ErrMessage) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDialFails(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]error{
		"":                               unix.ENAMETOOLONG,
		"/" + strings.Repeat("x", 107):   unix.ENAMETOOLONG,
		filepath.Join(dir, "nobody"):     unix.ENOENT,
		file:                             unix.ECONNREFUSED,
		"@socketserver-nobody-is-there.": unix.ECONNREFUSED,
	} {
		if _, err := control.Dial(path); !errors.Is(err, why) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// full is a server that accepts nobody, and its backlog is full.
func full(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "full")
	sock := func() int {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { descriptor.Close(fd) })
		return fd
	}
	listening := sock()
	if err := errors.Join(unix.Bind(listening, &unix.SockaddrUnix{Name: path}), unix.Listen(listening, 0)); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		if unix.Connect(sock(), &unix.SockaddrUnix{Name: path}) == unix.EAGAIN {
			break
		}
	}
	return path
}

func TestDialEndsInTime(t *testing.T) {
	leaktest.Check(t)
	if _, err := control.DialTimeout(full(t), short); !errors.Is(err, control.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}
