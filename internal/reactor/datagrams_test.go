package reactor

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
)

// What "serve" answers of a service with a UDP listener.
const (
	fdQueue = iota
	fdReturn
	fdCounters
	fdGate
	fdTally
	fdSocket
)

// serveDatagrams serves a UDP port of 127.0.0.1; all that is answered is closed with
// the test. The client is connected to it.
func serveDatagrams(a *asker) (handle int64, m control.Message, client net.Conn) {
	a.t.Helper()
	a.last++
	m = a.done("serve", "name=udp:\ttype=udp\tport=0\taddresses=127.0.0.1\n", a.last)
	a.t.Cleanup(func() { descriptor.Close(m.Fds...) })
	name, rest, _ := strings.Cut(string(m.Text), " ")
	if len(m.Fds) != fdSocket+1 || rest != "0 {127.0.0.1} 1\n" {
		a.t.Fatalf("%q, descriptors %v", m.Text, m.Fds)
	}
	client, err := net.Dial("udp", "127.0.0.1:"+strings.TrimPrefix(name, "udp:"))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { client.Close() })
	return a.last, m, client
}

// isReadable waits for a moment, or for long.
func isReadable(fd int, patience time.Duration) bool {
	look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(look, int(patience.Milliseconds()))
	return n == 1 && look[0].Revents&unix.POLLIN != 0
}

func send(t *testing.T, client net.Conn, text string) {
	t.Helper()
	if _, err := client.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func receiveDatagram(t *testing.T, fd int, want string) {
	t.Helper()
	if !isReadable(fd, long) {
		t.Fatal("no datagram")
	}
	text := make([]byte, 100)
	n, _, err := unix.Recvfrom(fd, text, unix.MSG_DONTWAIT)
	if err != nil || string(text[:n]) != want {
		t.Fatalf("got %q, %v instead of %q", text[:max(n, 0)], err, want)
	}
}

// What nobody takes wakes another worker, each time after a while.
func TestDatagramThatIsLeftNudges(t *testing.T) {
	a := begin(t)
	handle, m, client := serveDatagrams(a)
	for _, text := range []string{"one", "two"} {
		send(t, client, text)
		for range 2 {
			if !isReadable(m.Fds[fdQueue], long) {
				t.Fatal("no nudge came")
			}
			_, _ = unix.Read(m.Fds[fdQueue], make([]byte, 600))
		}
		receiveDatagram(t, m.Fds[fdSocket], text)
	}
	a.done("close", "", handle)
}

func TestGateOpensWithTheQueue(t *testing.T) {
	a := begin(t)
	handle, m, _ := serveDatagrams(a)
	if !isReadable(m.Fds[fdGate], long) {
		t.Error("the first gate is shut")
	}
	next := a.done("renew", "", handle)
	defer descriptor.Close(next.Fds...)
	if len(next.Fds) != 2 {
		t.Fatalf("descriptors %v", next.Fds)
	}
	if isReadable(next.Fds[1], 0) {
		t.Error("the second gate is open before the switch")
	}
	a.done("switch", "", handle)
	if !isReadable(next.Fds[1], long) {
		t.Error("the second gate is shut after it")
	}
	a.done("close", "", handle)
}

func TestCloseKeepsWhatHasCome(t *testing.T) {
	a := begin(t)
	handle, m, client := serveDatagrams(a)
	send(t, client, "before")
	if !isReadable(m.Fds[fdSocket], long) {
		t.Fatal("no datagram")
	}
	a.done("close", "", handle)
	_, _ = client.Write([]byte("after")) // Nobody is there: an error is as good.
	receiveDatagram(t, m.Fds[fdSocket], "before")
	if listen.Waiting(m.Fds[fdSocket]) {
		t.Error("something came after the close")
	}
}

// Who has the socket can shut it down; then waiting for datagrams never ends.
func TestSocketThatIsShutDownEndsTheService(t *testing.T) {
	for _, how := range []int{unix.SHUT_RD, unix.SHUT_RDWR} {
		a := begin(t)
		_, m, _ := serveDatagrams(a)
		_ = unix.Shutdown(m.Fds[fdSocket], how) // An error, but it is shut down.
		look := []unix.PollFd{{Fd: int32(m.Fds[fdQueue])}}
		n, err := unix.Poll(look, int(long.Milliseconds()))
		if n != 1 || look[0].Revents&unix.POLLHUP == 0 {
			t.Errorf("%d, %v: the queue goes on", n, err)
		}
		if listen.Waiting(m.Fds[fdSocket]) {
			t.Error("a datagram is said to wait")
		}
	}
}

func TestDatagramsAreCounted(t *testing.T) {
	a := begin(t)
	handle, m, _ := serveDatagrams(a)
	memory, err := unix.Mmap(m.Fds[fdTally], 0, 1024, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	memory[0], memory[8] = 7, 5
	got := string(a.done("status", "", handle).Text)
	if !strings.HasSuffix(got, "datagrams {received 7 answered 5 dropped 0}") {
		t.Errorf("counted %s", got)
	}
	a.done("close", "", handle)
}
