package service

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/accept"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// fakeHost is a host whose list can be looked at.
type fakeHost struct {
	t *testing.T
	sync.Mutex
	list    map[int]bool
	notices chan accept.Kind
}

func (h *fakeHost) Notice(_ int, kind accept.Kind, _ unix.Errno) {
	h.notices <- kind
}

func (h *fakeHost) Closes(fd int) {
	if h.list[fd] {
		h.t.Errorf("%d is on the list already", fd)
	}
	h.list[fd] = true
}

func (h *fakeHost) Keeps(fd int) {
	if !h.list[fd] {
		h.t.Errorf("%d is not on the list", fd)
	}
	delete(h.list, fd)
}

// TestMain lets the runtime's poller, which goes on the list of the first host
// that serves, start with one that no test looks at.
func TestMain(m *testing.M) {
	Start(&fakeHost{list: map[int]bool{}})
	reply, err := Serve(loopback(1))
	if err != nil {
		panic(err)
	}
	descriptor.Close(reply.Listeners...)
	if err := Close(reply.Handle); err != nil {
		panic(err)
	}
	descriptor.Close(reply.Control, reply.Queue)
	os.Exit(m.Run())
}

// newHost starts the package for one test, which must leave nothing behind:
// no service in the table, nothing on the list, no descriptor.
func newHost(t *testing.T) *fakeHost {
	t.Helper()
	leaktest.Check(t)
	h := &fakeHost{t: t, list: map[int]bool{}, notices: make(chan accept.Kind, 16)}
	Start(h)
	t.Cleanup(func() {
		table.Lock()
		defer table.Unlock()
		h.Lock()
		defer h.Unlock()
		if len(table.all) != 0 || len(h.list) != 0 {
			t.Errorf("still there: services %v, on the list %v", table.all, h.list)
		}
	})
	return h
}

// TestEachLoopHasAProcessor lets as many goroutines run as without the loops.
func TestEachLoopHasAProcessor(t *testing.T) {
	newHost(t)
	one := serve(t, loopback(1))
	two := serve(t, loopback(1))
	if got := runtime.GOMAXPROCS(0); got < table.processors+2 {
		t.Errorf("%d, and %d before there was a loop", got, table.processors)
	}
	closeAll(t, one)
	closeAll(t, two)
}

func loopback(backlog int) Options {
	return Options{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Backlog: backlog}
}

func serve(t *testing.T, options Options) Reply {
	t.Helper()
	reply, err := Serve(options)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// closeAll ends a service as its caller does.
func closeAll(t *testing.T, reply Reply) {
	t.Helper()
	service, known := table.all[reply.Handle]
	descriptor.Close(reply.Listeners...)
	if err := Close(reply.Handle); err != nil {
		t.Error(err)
	}
	descriptor.Close(reply.Control, reply.Queue)
	if known {
		select {
		case <-service.loop.Done():
		case <-time.After(5 * time.Second):
			t.Error("the loop has not ended")
		}
	}
}

func address(reply Reply) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(reply.Port))
}

func TestServeAndClose(t *testing.T) {
	newHost(t)
	reply := serve(t, loopback(8))
	if reply.Handle <= 0 || reply.Port == 0 {
		t.Errorf("%+v", reply)
	}
	client, err := net.Dial("tcp", address(reply))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	deadline := time.Now().Add(5 * time.Second)
	for {
		counts, err := Counts(reply.Handle)
		if err != nil {
			t.Fatal(err)
		}
		if counts.HandedOver == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not handed over: %+v", counts)
		}
		time.Sleep(time.Millisecond)
	}
	closeAll(t, reply)
	if _, err := net.Dial("tcp", address(reply)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("after Close: %v", err)
	}
	again := loopback(8)
	again.Port = reply.Port
	closeAll(t, serve(t, again))
}

func TestStaleHandle(t *testing.T) {
	newHost(t)
	reply := serve(t, loopback(8))
	closeAll(t, reply)
	for _, handle := range []int{reply.Handle, 0, -1, 1 << 30} {
		if err := Close(handle); !errors.Is(err, unix.EBADF) {
			t.Errorf("Close(%d): %v", handle, err)
		}
		if _, err := Counts(handle); !errors.Is(err, unix.EBADF) {
			t.Errorf("Counts(%d): %v", handle, err)
		}
		if _, _, err := Renew(handle); !errors.Is(err, unix.EBADF) {
			t.Errorf("Renew(%d): %v", handle, err)
		}
		if err := Switch(handle, -1); !errors.Is(err, unix.EBADF) {
			t.Errorf("Switch(%d): %v", handle, err)
		}
		if err := Retire(handle, 1); !errors.Is(err, unix.EBADF) {
			t.Errorf("Retire(%d): %v", handle, err)
		}
	}
}

func TestRenewAndMove(t *testing.T) {
	h := newHost(t)
	reply := serve(t, loopback(8))
	for range 3 {
		send, receive, err := Renew(reply.Handle)
		if err != nil {
			t.Fatal(err)
		}
		h.Lock()
		h.Closes(send)
		h.Unlock()
		if err := Switch(reply.Handle, send); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Read(reply.Queue, make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("the old queue has not ended: %d, %v", n, err)
		}
		descriptor.Close(reply.Queue)
		reply.Queue = receive
		if err := Retire(reply.Handle, 1); err != nil {
			t.Error(err)
		}
		if n, err := unix.Read(reply.Queue, make([]byte, 64)); n == 0 || err != nil {
			t.Errorf("nobody was asked to end: %d, %v", n, err)
		}
	}
	closeAll(t, reply)
}

func TestRenewWithoutMove(t *testing.T) {
	newHost(t)
	reply := serve(t, loopback(8))
	send, receive, err := Renew(reply.Handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := Switch(reply.Handle, -1); !errors.Is(err, unix.EBADF) {
		t.Errorf("switched to no queue: %v", err)
	}
	descriptor.Close(send, receive)
	closeAll(t, reply)
}

func TestPortTaken(t *testing.T) {
	newHost(t)
	reply := serve(t, loopback(8))
	taken := loopback(8)
	taken.Port = reply.Port
	if _, err := Serve(taken); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	closeAll(t, reply)
}

func TestServeWithoutDescriptors(t *testing.T) {
	newHost(t)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	reply := serve(t, loopback(8)) // What it takes is there now.
	closeAll(t, reply)

	// At each limit another step fails, until none does.
	few := before
	for few.Cur = 0; few.Cur < 100; few.Cur++ {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		reply, err := Serve(loopback(8))
		if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); restored != nil {
			t.Fatal(restored)
		}
		if err == nil {
			closeAll(t, reply)
			return
		}
		if !errors.Is(err, unix.EMFILE) {
			t.Errorf("limit %d: %v", few.Cur, err)
		}
	}
	t.Error("it never succeeded")
}

func TestManyServices(t *testing.T) {
	newHost(t)
	var replies []Reply
	for range 10 {
		replies = append(replies, serve(t, Options{Backlog: 8}))
	}
	for _, reply := range replies {
		closeAll(t, reply)
	}
}
