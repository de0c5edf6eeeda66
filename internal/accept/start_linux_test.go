package accept

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/handoff"
	"socketserver/internal/leaktest"
	"socketserver/internal/listen"
)

// bench is what a real loop works with; the test's process owns it all.
type bench struct {
	t        *testing.T
	listener int
	address  string
	send     int
	receive  int
	read     int
	write    int
}

func newBench(t *testing.T, backlog int) *bench {
	t.Helper()
	leaktest.Check(t)
	b := &bench{t: t}
	listeners, port, err := listen.Listen(listen.Options{
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Backlog: backlog,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.listener, b.address = listeners[0], net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if b.send, b.receive, err = handoff.Pair(); err != nil {
		t.Fatal(err)
	}
	if b.write, b.read, err = handoff.Pair(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) options(backlog int) Options {
	return Options{Listeners: []int{b.listener}, Queue: b.send, Control: b.read, Backlog: backlog}
}

// dial connects a client, closed at the test's end.
func (b *bench) dial() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// receiveOne waits for a connection and returns it.
func (b *bench) receiveOne() (handoff.Message, int) {
	b.t.Helper()
	bytes, control := make([]byte, handoff.Size), make([]byte, unix.CmsgSpace(4))
	_ = unix.SetsockoptTimeval(b.receive, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	n, nControl, _, _, err := unix.Recvmsg(b.receive, bytes, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := handoff.Decode(bytes[:n])
	if err != nil {
		b.t.Fatal(err)
	}
	records, err := unix.ParseSocketControlMessage(control[:nControl])
	if err != nil || len(records) != 1 {
		b.t.Fatal(records, err)
	}
	fds, err := unix.ParseUnixRights(&records[0])
	if err != nil || len(fds) != 1 {
		b.t.Fatal(fds, err)
	}
	return m, fds[0]
}

func finished(t *testing.T, l *Loop) {
	t.Helper()
	select {
	case <-l.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the loop has not ended")
	}
}

// requirePrivate skips a test where the system refuses a table.
func (b *bench) requirePrivate(l *Loop) {
	b.t.Helper()
	if l.Private() {
		return
	}
	if err := l.Stop(b.write); err != nil {
		b.t.Error(err)
	}
	finished(b.t, l)
	descriptor.Close(b.receive, b.write)
	b.t.Skip("no descriptor table of its own here")
}

func TestConnectionReachesTheQueue(t *testing.T) {
	b := newBench(t, 8)
	l, err := Start(b.options(8))
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	descriptor.Close(b.send, b.read)
	client := b.dial()
	m, fd := b.receiveOne()
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	local := client.LocalAddr().(*net.TCPAddr)
	if m.Family != 4 || int(m.Port) != local.Port || [4]byte(m.Address[:4]) != [4]byte{127, 0, 0, 1} {
		t.Errorf("got %+v from %v", m, local)
	}
	if age := now.Nano() - int64(m.Accepted); age < 0 || age > int64(time.Minute) {
		t.Errorf("accepted %d ns before it was received", age)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("not blocking: %#x, %v", flags, err)
	}
	descriptor.Close(fd, b.listener)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	if n, err := unix.Read(b.receive, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("no end of file after the loop: %d, %v", n, err)
	}
	if _, err := net.Dial("tcp", b.address); err == nil {
		t.Error("still listens")
	}
	descriptor.Close(b.receive, b.write)
}

// TestTableHasNothingElse looks at the table through the thread's own /proc.
func TestTableHasNothingElse(t *testing.T) {
	b := newBench(t, 8)
	extra, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	sys := newSystem()
	claim := sys.claim
	tid := 0
	sys.claim = func(keep []int) bool {
		tid = unix.Gettid()
		return claim(keep)
	}
	l, err := start(b.options(8), sys)
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	entries, err := os.ReadDir("/proc/self/task/" + strconv.Itoa(tid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		fd, _ := strconv.Atoi(entry.Name())
		target, _ := os.Readlink("/proc/self/task/" + strconv.Itoa(tid) + "/fd/" + entry.Name())
		switch {
		case fd < 3 && target == "/dev/null":
		case slices.Contains([]int{b.listener, b.send, b.read}, fd):
		case target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]":
		default:
			t.Errorf("descriptor %d is %s", fd, target)
		}
	}
	if len(entries) < 8 { // Null devices, its own three, the runtime's two.
		t.Errorf("only %v", entries)
	}
	descriptor.Close(b.send, b.read, b.listener)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	descriptor.Close(b.receive, b.write)
}

// TestRuntimeSurvivesOnTheLoopsThread makes the Go runtime use its poller from
// the thread, which the loop avoids but can't rule out.
func TestRuntimeSurvivesOnTheLoopsThread(t *testing.T) {
	b := newBench(t, 8)
	sys := newSystem()
	send := sys.send
	sys.send = func(queue int, m *handoff.Message, connection int) unix.Errno {
		for range 20 {
			time.AfterFunc(time.Hour, func() {}).Reset(time.Minute)
			runtime.GC()
			runtime.Gosched()
		}
		return send(queue, m, connection)
	}
	l, err := start(b.options(8), sys)
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	descriptor.Close(b.send, b.read)
	b.dial()
	_, fd := b.receiveOne()
	descriptor.Close(fd, b.listener)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	descriptor.Close(b.receive, b.write)
}

func TestStopDeliversTheBacklog(t *testing.T) {
	const clients = 20
	b := newBench(t, clients)
	_ = unix.SetsockoptInt(b.send, unix.SOL_SOCKET, unix.SO_SNDBUF, 1) // Room for a few.
	l, err := Start(b.options(clients))
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	descriptor.Close(b.send, b.read)
	for range clients {
		b.dial()
	}
	descriptor.Close(b.listener)
	if err := l.Stop(b.write); err != nil {
		t.Fatal(err)
	}
	if c := l.Counts(); c.Accepted != clients || c.Held == 0 {
		t.Errorf("the queue was not full: %+v", c)
	}
	for range clients {
		_, fd := b.receiveOne()
		descriptor.Close(fd)
	}
	finished(t, l)
	if c := l.Counts(); c.HandedOver != clients || c.Lost != 0 || c.Held != 0 {
		t.Errorf("%+v", c)
	}
	descriptor.Close(b.receive, b.write)
}

// TestMoveToAnotherQueue moves a loop with a table of its own.
func TestMoveToAnotherQueue(t *testing.T) {
	b := newBench(t, 8)
	l, err := Start(b.options(8))
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	descriptor.Close(b.send, b.read)
	b.dial()
	_, fd := b.receiveOne()
	descriptor.Close(fd)
	send, receive, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Switch(b.write, send); err != nil {
		t.Fatal(err)
	}
	descriptor.Close(send)
	if n, err := unix.Read(b.receive, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the old queue has not ended: %d, %v", n, err)
	}
	descriptor.Close(b.receive)
	b.receive = receive
	b.dial()
	_, fd = b.receiveOne()
	descriptor.Close(fd)
	if err := l.Retire(b.write, 2); err != nil {
		t.Error(err)
	}
	for range 2 {
		bytes := make([]byte, handoff.Size)
		n, err := unix.Read(b.receive, bytes)
		m, decoded := handoff.Decode(bytes[:max(n, 0)])
		if err != nil || decoded != nil || m.Kind != handoff.KindRetire {
			t.Errorf("got %+v, %v, %v", m, err, decoded)
		}
	}
	descriptor.Close(b.listener)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	if c := l.Counts(); c.Accepted != 2 || c.HandedOver != 2 {
		t.Errorf("%+v", c)
	}
	descriptor.Close(b.receive, b.write)
}

// TestMoveWithoutATableOfItsOwn hands the descriptor over to the loop.
func TestMoveWithoutATableOfItsOwn(t *testing.T) {
	b := newBench(t, 8)
	send, receive, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	g := &fakeGuard{t: t, list: map[int]bool{b.listener: true, b.send: true, b.read: true, send: true}}
	sys := newSystem()
	sys.claim = func([]int) bool { return false }
	options := b.options(8)
	options.Guard = g
	l, err := start(options, sys)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Switch(b.write, send); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(b.receive, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the old queue has not ended: %d, %v", n, err)
	}
	descriptor.Close(b.receive)
	b.receive = receive
	b.dial()
	_, fd := b.receiveOne()
	descriptor.Close(fd)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	if len(g.list) != 0 {
		t.Errorf("on the list: %v", g.list)
	}
	descriptor.Close(b.receive, b.write)
}

func TestWithoutATableOfItsOwn(t *testing.T) {
	b := newBench(t, 8)
	g := &fakeGuard{t: t, list: map[int]bool{b.listener: true, b.send: true, b.read: true}}
	sys := newSystem()
	sys.claim = func([]int) bool { return false }
	options := b.options(8)
	options.Guard = g
	l, err := start(options, sys)
	if err != nil {
		t.Fatal(err)
	}
	if l.Private() {
		t.Fatal("claims to have a table")
	}
	b.dial()
	_, fd := b.receiveOne()
	descriptor.Close(fd)
	if err := l.Stop(b.write); err != nil {
		t.Error(err)
	}
	finished(t, l)
	if len(g.list) != 0 {
		t.Errorf("on the list: %v", g.list)
	}
	descriptor.Close(b.receive, b.write)
}

func TestLostReceiverIsTold(t *testing.T) {
	b := newBench(t, 8)
	told := make(chan notice, 8)
	options := b.options(8)
	options.Notice = func(kind Kind, errno unix.Errno) { told <- notice{kind, errno} }
	l, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	b.requirePrivate(l)
	descriptor.Close(b.send, b.read, b.receive)
	b.dial()
	finished(t, l)
	if got := <-told; got != (notice{Failed, unix.EPIPE}) {
		t.Errorf("told %v", got)
	}
	if err := l.Stop(b.write); err != nil {
		t.Errorf("stopping one that has ended: %v", err)
	}
	descriptor.Close(b.listener, b.write)
}

// TestAllocatesNothing takes each path of a round in turn.
func TestAllocatesNothing(t *testing.T) {
	const runs = 50
	b := newBench(t, 2*runs)
	l, err := newLoop(b.options(2*runs), newSystem())
	if err != nil {
		t.Fatal(err)
	}
	l.private = true
	for range runs + 1 {
		b.dial()
	}
	if n := testing.AllocsPerRun(runs, l.round); n != 0 || l.Counts().HandedOver != runs+1 {
		t.Errorf("accept and send: %v allocations, %+v", n, l.Counts())
	}
	real := l.sys.poll
	l.sys.poll = func(events []unix.PollFd, milliseconds int) (bool, unix.Errno) {
		return real(events, min(max(milliseconds, 0), 1))
	}
	for _, errno := range []unix.Errno{unix.EAGAIN, unix.ECONNABORTED, unix.EMFILE} {
		l.sys.accept = func(int, *handoff.Message) (int, unix.Errno) { return -1, errno }
		if n := testing.AllocsPerRun(runs, l.round); n != 0 {
			t.Errorf("accept, %v: %v allocations", errno, n)
		}
	}
	for _, first := range []unix.Errno{unix.EAGAIN, unix.ETOOMANYREFS, unix.EINTR} {
		errno := first
		l.sys.send = func(int, *handoff.Message, int) unix.Errno {
			if errno == 0 {
				errno = first
				return 0
			}
			errno = 0
			return first
		}
		l.sys.accept = func(int, *handoff.Message) (int, unix.Errno) {
			fd, _, errno := unix.RawSyscall(unix.SYS_DUP, uintptr(b.read), 0, 0)
			return int(fd), errno
		}
		if n := testing.AllocsPerRun(runs, l.round); n != 0 {
			t.Errorf("send, %v: %v allocations", first, n)
		}
	}
	descriptor.Close(b.listener, b.send, b.receive, b.read, b.write)
}

// TestObeyAllocatesNothing gives commands to a loop that doesn't run.
func TestObeyAllocatesNothing(t *testing.T) {
	const runs = 20
	b := newBench(t, 2)
	l, err := newLoop(b.options(2), newSystem())
	if err != nil {
		t.Fatal(err)
	}
	l.private = true
	given := []command{{retire, 1}, {switchQueue, b.send}}
	for range runs + 1 {
		for _, c := range given {
			if err := l.command(b.write, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if l.options.Queue, err = unix.FcntlInt(uintptr(b.send), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		t.Fatal(err)
	}
	obeyed := 0
	real := l.sys.command
	l.sys.command = func(control int, private bool, c *command) unix.Errno {
		if obeyed++; obeyed%(len(given)+1) == 0 {
			return unix.EAGAIN
		}
		return real(control, private, c)
	}
	if n := testing.AllocsPerRun(runs, l.obey); n != 0 || obeyed != (runs+1)*(len(given)+1) {
		t.Errorf("%v allocations, obeyed %d", n, obeyed)
	}
	descriptor.Close(l.options.Queue, b.listener, b.send, b.receive, b.read, b.write)
}
