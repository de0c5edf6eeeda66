package reactor

import (
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

// checked is a health listener, in a reactor whose rounds the test makes.
type checked struct {
	t       *testing.T
	r       *Reactor
	h       *health
	state   string
	network string
	address string
	later   uint64 // By so much is the reactor's clock fast.
	accepts []unix.Errno
	tried   int // How often it has accepted.
}

// checkedOn has it listen on a Unix socket or on TCP.
func checkedOn(t *testing.T, network string) *checked {
	t.Helper()
	leaktest.Check(t)
	c := &checked{t: t, state: isReady, network: network}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := newSystem(poll)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := listen.Listen(c.options())
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		c.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(opened.Port))
	}
	c.inject(&sys)
	c.r = newReactor(Options{}, sys)
	c.h = newHealth(c.r, opened, func() string { return c.state })
	t.Cleanup(func() {
		if c.h.sockets != nil {
			c.h.close(true)
		}
		descriptor.Close(poll)
		if c.h.checks != 0 || len(c.r.deadlines) != 0 {
			t.Errorf("%d checks, %d deadlines left", c.h.checks, len(c.r.deadlines))
		}
	})
	c.h.begin()
	return c
}

func (c *checked) options() listen.Options {
	o := listen.Options{Backlog: 512, Mode: -1, UID: -1, GID: -1}
	if c.network == "unix" {
		c.address = filepath.Join(c.t.TempDir(), "s")
		o.Path = c.address
		return o
	}
	o.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	return o
}

// inject lets the test move the clock and have accept fail.
func (c *checked) inject(sys *system) {
	now, accept, wait := sys.now, sys.accept, sys.wait
	sys.now = func() uint64 { return now() + c.later }
	sys.accept = func(fd int, m *queue.Message) (int, unix.Errno) {
		c.tried++
		if errno := pop(&c.accepts, 0); errno != 0 {
			return -1, errno
		}
		return accept(fd, m)
	}
	sys.wait = func(events []unix.EpollEvent, milliseconds int) (int, unix.Errno) {
		return wait(events, int(min(uint(milliseconds), 2)))
	}
}

// onBoth runs a test on each kind of socket.
func onBoth(t *testing.T, test func(t *testing.T, c *checked)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { test(t, checkedOn(t, network)) })
	}
}

// until makes rounds until something is so.
func (c *checked) until(is func() bool) {
	c.t.Helper()
	var events [64]unix.EpollEvent
	for end := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(end) {
			c.t.Fatalf("it never comes, with %d checks", c.h.checks)
		}
		c.r.round(events[:])
	}
}

func (c *checked) dial() net.Conn {
	c.t.Helper()
	conn, err := net.Dial(c.network, c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// hears is what comes until the end, an error among it.
func (c *checked) hears(conn net.Conn) string {
	c.t.Helper()
	heard := make(chan string, 1)
	go func() {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		all, err := io.ReadAll(conn)
		if err != nil {
			all = append(all, err.Error()...)
		}
		conn.Close()
		heard <- string(all)
	}()
	var all string
	c.until(func() bool {
		select {
		case all = <-heard:
			return true
		default:
			return false
		}
	})
	return all
}

// asks says something in pieces, one for each round.
func (c *checked) asks(pieces ...string) string {
	c.t.Helper()
	conn := c.dial()
	c.until(func() bool { return c.h.checks > 0 })
	c.says(conn, pieces...)
	return c.hears(conn)
}

func (c *checked) says(conn net.Conn, pieces ...string) {
	c.t.Helper()
	var events [64]unix.EpollEvent
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			c.t.Fatal(err)
		}
		c.r.round(events[:])
	}
}

// silent are so many that say nothing, as far as there is room.
func (c *checked) silent(n int) []net.Conn {
	c.t.Helper()
	var all []net.Conn
	for range n {
		all = append(all, c.dial())
	}
	c.until(func() bool { return c.h.checks == min(n, mostChecks) })
	return all
}

func endsInput(conn net.Conn) {
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
}

const (
	plainGet   = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	saysReady  = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nready"
	unready    = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
	headersEnd = "\r\n\r\n"
)

func TestHealthAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		for _, pieces := range [][]string{
			{plainGet},
			{"GET /health HTTP/1.0\r\n\r\n"},
			{"GET / HTTP/1.0\n\n"},
			strings.Split(plainGet, ""),
			{"\r\nOPTIONS * HTTP/1.1\r\n\r", "\n"},
			{"\x16\x03\x01\x00\xff garbage", "\n\r\n"},
			{"\n\n"},
			{"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", strings.Repeat("x", 4000), strings.Repeat("x", 4000)},
			{strings.Repeat("y", mostRequest-len(headersEnd)) + headersEnd},
		} {
			if got := c.asks(pieces...); got != saysReady {
				t.Errorf("%.30q... got %q", pieces, got)
			}
		}
	})
}

func TestHealthHead(t *testing.T) {
	c := checkedOn(t, "tcp")
	for _, pieces := range [][]string{
		{"HEAD / HTTP/1.1\r\n\r\n"}, {"\r\nHE", "AD / HTTP/1.0\n\n"},
	} {
		if got := c.asks(pieces...); got != strings.TrimSuffix(saysReady, "ready") {
			t.Errorf("%q: got %q", pieces, got)
		}
	}
	if got := c.asks("HEADER / HTTP/1.1\r\n\r\n"); got != saysReady {
		t.Errorf("got %q", got)
	}
}

func TestHealthUnready(t *testing.T) {
	c := checkedOn(t, "tcp")
	for _, c.state = range []string{isStarting, isDraining, isStopping} {
		if got := c.asks(plainGet); got != unready+c.state {
			t.Errorf("got %q", got)
		}
	}
}

// TestHealthEndOfInput ends a request as an empty line does, but where there is none.
func TestHealthEndOfInput(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		for request, want := range map[string]string{"": "", "anything": saysReady} {
			conn := c.dial()
			_, _ = io.WriteString(conn, request)
			endsInput(conn)
			if got := c.hears(conn); got != want {
				t.Errorf("%q got %q", request, got)
			}
		}
	})
}

func TestHealthConnectAndClose(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		for range 100 {
			c.dial().Close()
		}
		reset := c.dial()
		if tcp, ok := reset.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.until(func() bool { return c.h.checks > 0 })
		reset.Close()
		if got := c.asks(plainGet); got != saysReady {
			t.Errorf("got %q", got)
		}
		c.until(func() bool { return c.h.checks == 0 })
	})
}

func TestHealthSilent(t *testing.T) {
	c := checkedOn(t, "tcp")
	all := c.silent(3)
	c.says(all[1], "GET / HTTP/1.1\r\nHost: h\r\n")
	c.later = checkTime - 1e9
	c.says(all[2], plainGet)
	if c.h.checks != 3 {
		t.Errorf("%d checks are left", c.h.checks)
	}
	c.later = checkTime
	for i, want := range []string{"", "", saysReady} {
		if got := c.hears(all[i]); got != want {
			t.Errorf("%d got %q", i, got)
		}
	}
}

// TestHealthLingers: who has its answer has a moment to go.
func TestHealthLingers(t *testing.T) {
	c := checkedOn(t, "tcp")
	conn := c.silent(1)[0]
	clock := c.r.sys.now()
	c.r.sys.now = func() uint64 { return clock }
	c.says(conn, plainGet)
	c.until(func() bool { return c.r.deadlines[0].at == clock+closingTime })
	clock += closingTime
	c.until(func() bool { return c.h.checks == 0 })
	if got := c.hears(conn); got != saysReady {
		t.Errorf("got %q", got)
	}
}

func TestHealthTooLong(t *testing.T) {
	for _, request := range []string{strings.Repeat("z", mostRequest), strings.Repeat("z\r\n", 4000)} {
		if got := checkedOn(t, "unix").asks(request); strings.Contains(got, "HTTP") {
			t.Errorf("got %q", got)
		}
	}
}

// TestHealthManyAtOnce: who has been silent for longest gives way.
func TestHealthManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		all := c.silent(300)
		if c.h.checks != mostChecks {
			t.Errorf("%d checks", c.h.checks)
		}
		for _, conn := range all[len(all)-mostChecks:] {
			_, _ = io.WriteString(conn, plainGet)
		}
		for _, conn := range all[len(all)-mostChecks:] {
			if got := c.hears(conn); got != saysReady {
				t.Fatalf("got %q", got)
			}
		}
		if got := c.asks(plainGet); got != saysReady {
			t.Errorf("got %q", got)
		}
	})
}

// TestHealthWithoutDescriptors: it pauses, and goes on by itself.
func TestHealthWithoutDescriptors(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EINVAL} {
		c := checkedOn(t, "tcp")
		c.accepts = repeat(errno, 4)
		clock := c.r.sys.now() // Stands still, so that the pause doesn't end.
		now := c.r.sys.now
		c.r.sys.now = func() uint64 { return clock }
		conn := c.silent(0)
		conn = append(conn, c.dial())
		c.until(func() bool { return c.tried > 0 })
		var events [64]unix.EpollEvent
		for range 20 {
			c.r.round(events[:])
		}
		if c.tried != 1 {
			t.Errorf("%v: %d tries in one pause", errno, c.tried)
		}
		c.r.sys.now = now
		_, _ = io.WriteString(conn[0], plainGet)
		if got := c.hears(conn[0]); got != saysReady || c.tried < 5 {
			t.Errorf("%v: got %q after %d tries", errno, got, c.tried)
		}
	}
}

func TestHealthTransientErrors(t *testing.T) {
	c := checkedOn(t, "tcp")
	c.accepts = repeat(unix.ECONNABORTED, patience+3)
	if got := c.asks(plainGet); got != saysReady {
		t.Errorf("got %q", got)
	}
}

// TestHealthCannotWatch: neither a connection nor the socket itself is lost.
func TestHealthCannotWatch(t *testing.T) {
	c := checkedOn(t, "tcp")
	c.h.pause()
	failing, interest := 0, c.r.sys.interest
	c.r.sys.interest = func(op, fd int, event *unix.EpollEvent) unix.Errno {
		if op == unix.EPOLL_CTL_ADD && failing > 0 {
			failing--
			return unix.ENOSPC
		}
		return interest(op, fd, event)
	}
	failing = 2
	c.h.begin()
	if got := c.asks(plainGet); got != saysReady || failing != 0 {
		t.Errorf("got %q", got)
	}
	failing = 1
	if got := c.hears(c.dial()); got != "" || c.h.checks != 0 {
		t.Errorf("got %q", got)
	}
	if got := c.asks(plainGet); got != saysReady {
		t.Errorf("got %q", got)
	}
}

// TestHealthPanics ends one check alone.
func TestHealthPanics(t *testing.T) {
	c := checkedOn(t, "tcp")
	state := c.h.state
	c.h.state = func() string { panic("for the test") }
	if got := c.asks(plainGet); strings.Contains(got, "HTTP") {
		t.Errorf("got %q", got)
	}
	c.h.state = state
	if got := c.asks(plainGet); got != saysReady {
		t.Errorf("got %q", got)
	}
	c.until(func() bool { return c.h.checks == 0 })
}

// TestHealthPauses: who is there is answered, who comes waits.
func TestHealthPauses(t *testing.T) {
	c := checkedOn(t, "unix")
	there := c.silent(1)[0]
	c.h.pause()
	comes := c.dial()
	_, _ = io.WriteString(comes, plainGet)
	c.says(there, plainGet)
	if got := c.hears(there); got != saysReady {
		t.Errorf("got %q", got)
	}
	c.until(func() bool { return c.h.checks == 0 })
	c.h.begin()
	if got := c.hears(comes); got != saysReady {
		t.Errorf("got %q", got)
	}
}

// TestHealthCloses answers who has asked, and listens no more in any process.
func TestHealthCloses(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		elsewhere := copied(t, c.h.opened.Fds[0])
		defer descriptor.Close(elsewhere)
		all := c.silent(3)
		_, _ = io.WriteString(all[0], plainGet)
		_, _ = io.WriteString(all[1], "GET / HTTP/1.1\r\n")
		c.state = isStopping
		c.h.close(true)
		for i, want := range []string{unready + isStopping, "", ""} {
			got := c.hears(all[i])
			if i == 1 && strings.Contains(got, "HTTP") || i != 1 && got != want {
				t.Errorf("%d got %q", i, got)
			}
		}
		if conn, err := net.Dial(c.network, c.address); err == nil {
			conn.Close()
			t.Error("still listens")
		}
		if unix.Access(c.address, unix.F_OK) == nil {
			t.Error("the path is there")
		}
	})
}

// TestHealthIsHandedOver: somebody else goes on with the socket.
func TestHealthIsHandedOver(t *testing.T) {
	onBoth(t, func(t *testing.T, c *checked) {
		elsewhere := copied(t, c.h.opened.Fds[0])
		opened := c.h.opened
		opened.Fds = []int{elsewhere}
		c.h.pause()
		waits := c.dial()
		_, _ = io.WriteString(waits, plainGet)
		c.h.close(false)
		c.h = newHealth(c.r, opened, func() string { return isReady })
		c.h.begin()
		if got := c.hears(waits); got != saysReady {
			t.Errorf("got %q", got)
		}
		if got := c.asks(plainGet); got != saysReady {
			t.Errorf("got %q", got)
		}
	})
}

// TestHealthSharedSocket is never shut down.
func TestHealthSharedSocket(t *testing.T) {
	c := checkedOn(t, "tcp")
	elsewhere := copied(t, c.h.opened.Fds[0])
	defer descriptor.Close(elsewhere)
	c.h.opened.Shared = true
	c.h.close(true)
	if listening, err := unix.GetsockoptInt(elsewhere, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening != 1 {
		t.Errorf("%d, %v", listening, err)
	}
	c.dial()
}

// TestHealthAllocatesNothing once there have been as many checks.
func TestHealthAllocatesNothing(t *testing.T) {
	c := checkedOn(t, "unix")
	request := []byte(plainGet)
	got := testing.AllocsPerRun(100, func() {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		c.h.admit(ends[0])
		check := c.r.watched[ends[0]].watcher
		_, _ = unix.Write(ends[1], request)
		check.ready(unix.EPOLLIN)
		descriptor.Close(ends[1])
		check.ready(unix.EPOLLIN)
	})
	if got != 0 || c.h.checks != 0 {
		t.Errorf("%v allocations, %d checks", got, c.h.checks)
	}
}
