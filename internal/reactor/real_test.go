package reactor

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/queue"
	"socketserver/internal/table"
)

// asker is a thread that asks a reactor.
type asker struct {
	t      *testing.T
	door   int
	fd     int
	lastID uint32
	last   int64 // Service.

	unheard []control.Message
	buffer  *control.Buffer
}

// TestMain lets the runtime's poller start, which leaktest would see.
func TestMain(m *testing.M) {
	_, _ = table.Runtime()
	os.Exit(m.Run())
}

// begin starts a reactor that ends with the test.
func begin(t *testing.T) *asker {
	t.Helper()
	return beginAs(t, "")
}

// beginAs starts one of some version.
func beginAs(t *testing.T, version string) *asker {
	t.Helper()
	leaktest.Check(t)
	door, inner, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(Options{Inner: inner, Outer: door, Version: version, Beside: map[string]Answerer{
		"twice": func(request, answer *control.Message) {
			answer.Text = append(append(answer.Text, request.Text...), request.Text...)
		},
		"panics": func(_, _ *control.Message) { panic("for the test") },
	}})
	descriptor.Close(inner)
	if err != nil {
		descriptor.Close(door)
		t.Fatal(err)
	}
	a := another(t, door)
	t.Cleanup(func() {
		if a.door >= 0 {
			descriptor.Close(a.door)
		}
	})
	return a
}

// another is one more thread that asks.
func another(t *testing.T, door int) *asker {
	t.Helper()
	fd, its, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendmsg(door, []byte{0}, unix.UnixRights(its), nil, 0); err != nil {
		t.Fatal(err)
	}
	descriptor.Close(its)
	t.Cleanup(func() { descriptor.Close(fd) })
	return &asker{t: t, door: door, fd: fd, buffer: control.NewBuffer()}
}

// ask waits for the answer.
func (a *asker) ask(name string, text string, numbers ...int64) control.Message {
	a.t.Helper()
	a.lastID++
	m := control.Message{ID: a.lastID, Name: name, Text: []byte(text)}
	copy(m.Numbers[:], numbers)
	err := a.buffer.Send(a.fd, &m)
	for err == unix.EAGAIN {
		err = a.buffer.Send(a.fd, &m)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer()
}

// answer waits for that of the latest request; notices are heard later.
func (a *asker) answer() control.Message {
	a.t.Helper()
	for {
		m := a.wait()
		if m.ID == a.lastID {
			return m
		}
		if m.ID != 0 {
			a.t.Fatalf("asked %d, got %+v", a.lastID, m)
		}
		a.unheard = append(a.unheard, m)
	}
}

// done asks for what must succeed.
func (a *asker) done(name string, text string, numbers ...int64) control.Message {
	a.t.Helper()
	answer := a.ask(name, text, numbers...)
	if answer.Name != "" {
		a.t.Fatalf("%s: %s %s", name, answer.Name, answer.Text)
	}
	return answer
}

// hear waits for a notice.
func (a *asker) hear() control.Message {
	a.t.Helper()
	if len(a.unheard) > 0 {
		m := a.unheard[0]
		a.unheard = a.unheard[1:]
		return m
	}
	return a.wait()
}

func (a *asker) wait() control.Message {
	a.t.Helper()
	look := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(look, 5000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			a.t.Fatalf("nothing came: %v", err)
		}
		m, err := a.buffer.Receive(a.fd)
		if err == nil {
			m.Text = bytes.Clone(m.Text)
			return m
		}
		if err != unix.EAGAIN {
			a.t.Fatal(err)
		}
	}
}

// served is a service.
type served struct {
	a         *asker
	handle    int64
	listeners string // What was answered.
	ports     []int
	address   string
	queue     int
	back      int // The workers' end of the return.
}

func (a *asker) serve(backlog int) *served {
	a.t.Helper()
	return a.serveAll(asks("", 0, backlog, "127.0.0.1"))
}

// asks is a line of "serve".
func asks(where string, port, backlog int, addresses string) string {
	return fmt.Sprintf("port=%d\tbacklog=%d\tname=%s\taddresses=%s\n", port, backlog, where, addresses)
}

// serveAll serves some addresses.
func (a *asker) serveAll(text string) *served {
	a.t.Helper()
	a.last++
	m := a.done("serve", text, a.last)
	s := &served{a: a, handle: a.last, queue: m.Fds[0], listeners: string(m.Text)}
	addresses := 0
	for line := range strings.Lines(s.listeners) {
		var name, list string
		var port int
		if n, err := fmt.Sscanf(line, "%s %d {%s", &name, &port, &list); n != 3 {
			a.t.Fatalf("%q: %v", line, err)
		}
		s.ports = append(s.ports, port)
		addresses += 1 + strings.Count(list, ",")
	}
	if len(m.Fds) != 3+addresses {
		a.t.Fatalf("descriptors %v", m.Fds)
	}
	s.back = m.Fds[1]
	descriptor.Close(m.Fds[2:]...)
	s.at("127.0.0.1", 0)
	a.t.Cleanup(func() { descriptor.Close(s.queue, s.back) })
	return s
}

// at dials another one from now on.
func (s *served) at(host string, listener int) {
	s.address = net.JoinHostPort(host, strconv.Itoa(s.ports[listener]))
}

func (s *served) dial() net.Conn {
	s.a.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.a.t.Fatal(err)
	}
	s.a.t.Cleanup(func() { conn.Close() })
	return conn
}

// receive waits for a message and returns it.
func (s *served) receive() (queue.Message, []int) {
	s.a.t.Helper()
	_ = unix.SetsockoptTimeval(s.queue, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	for {
		bytes, rights := make([]byte, queue.Size+queue.MostExtra), make([]byte, unix.CmsgSpace(4))
		n, nRights, _, _, err := unix.Recvmsg(s.queue, bytes, rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR { // With a time limit the system doesn't begin again.
			continue
		}
		if err != nil {
			s.a.t.Fatal(err)
		}
		m, _, err := queue.Decode(bytes[:n])
		if err != nil {
			s.a.t.Fatal(err)
		}
		if m.Kind != queue.KindNudge {
			return m, control.RightsOf(rights[:nRights])
		}
	}
}

// ends checks that a queue has ended.
func (s *served) ends() {
	s.a.t.Helper()
	if n, err := unix.Read(s.queue, make([]byte, queue.Size)); n != 0 || err != nil {
		s.a.t.Errorf("the queue has not ended: %d, %v", n, err)
	}
}

func TestConnectionReachesTheQueue(t *testing.T) {
	s := begin(t).serve(8)
	client := s.dial()
	m, fds := s.receive()
	defer descriptor.Close(fds...)
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	local := client.LocalAddr().(*net.TCPAddr)
	if m.Family != 4 || int(m.Port) != local.Port || [4]byte(m.Address[:4]) != [4]byte{127, 0, 0, 1} {
		t.Errorf("got %+v from %v", m, local)
	}
	if age := now.Nano() - int64(m.Accepted); age < 0 || age > int64(time.Minute) {
		t.Errorf("accepted %d ns before it was received", age)
	}
	flags, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("not blocking: %#x, %v", flags, err)
	}
	want := "accepted 1 handedOver 1 held 0 lost 0 waits 0 retries 0 pauses 0 parked 0 "
	if got := s.a.done("status", "", s.handle); !strings.HasPrefix(string(got.Text), want) {
		t.Errorf("counted %s", got.Text)
	}
	s.a.done("close", "", s.handle)
	s.ends()
	if conn, err := net.Dial("tcp", s.address); err == nil {
		conn.Close()
		t.Error("still listens")
	}
}

func TestMessagesSayByWhichListener(t *testing.T) {
	s := begin(t).serveAll(asks("one:", 0, 8, "127.0.0.1") + asks("", 0, 8, "127.0.0.2,127.0.0.3"))
	want := fmt.Sprintf("one:%d %d {127.0.0.1} 0\n%d %d {127.0.0.2,127.0.0.3} 0\n",
		s.ports[0], s.ports[0], s.ports[1], s.ports[1])
	if s.listeners != want {
		t.Errorf("got %q, want %q", s.listeners, want)
	}
	for i, host := range []string{"127.0.0.2", "127.0.0.1", "127.0.0.3"} {
		listener := []int{1, 0, 1}[i]
		s.at(host, listener)
		s.dial()
		got, came := s.receive()
		descriptor.Close(came...)
		if int(got.Listener) != listener {
			t.Errorf("%s: got %+v", host, got)
		}
	}
	s.a.done("close", "", s.handle)
	s.ends()
}

func TestManyListeners(t *testing.T) {
	s := begin(t).serveAll(strings.Repeat(asks("", 0, 8, "127.0.0.1,127.0.0.2,127.0.0.3"), 64))
	s.at("127.0.0.3", 63)
	s.dial()
	got, came := s.receive()
	descriptor.Close(came...)
	if got.Listener != 63 {
		t.Errorf("got %+v", got)
	}
	s.a.done("close", "", s.handle)
	s.ends()
}

func TestOneListenerFailsAndAllAreClosed(t *testing.T) {
	a := begin(t)
	taken := a.serve(8)
	free := a.serve(8)
	a.done("close", "", free.handle)
	got := a.ask("serve", asks("", free.ports[0], 8, "127.0.0.1")+asks("", taken.ports[0], 8, "127.0.0.1"), 99)
	if got.Errno != unix.EADDRINUSE {
		t.Errorf("got %+v", got)
	}
	if conn, err := net.Dial("tcp", free.address); err == nil {
		conn.Close()
		t.Error("still listens")
	}
}

func TestClosePutsTheBacklogOnTheQueue(t *testing.T) {
	const clients = 500 // More than the queue has room for.
	s := begin(t).serve(clients)
	for range clients {
		s.dial()
	}
	s.a.done("close", "", s.handle)
	for range clients {
		_, fds := s.receive()
		descriptor.Close(fds...)
	}
	s.ends()
}

func TestRenewSwitchAbandonRetire(t *testing.T) {
	s := begin(t).serve(8)
	for range 3 {
		second := s.a.done("renew", "", s.handle).Fds[0]
		if m := s.a.ask("renew", "", s.handle); m.Name != "RENEWED" {
			t.Errorf("%+v", m)
		}
		s.a.done("switch", "", s.handle)
		s.ends()
		descriptor.Close(s.queue)
		s.queue = second
		s.dial()
		_, fds := s.receive()
		descriptor.Close(fds...)
		s.a.done("retire", "", s.handle, 2)
		for range 2 {
			if m, _ := s.receive(); m.Kind != queue.KindRetire {
				t.Errorf("%+v", m)
			}
		}
		third := s.a.done("renew", "", s.handle).Fds[0]
		s.a.done("abandon", "", s.handle)
		if n, err := unix.Read(third, make([]byte, queue.Size)); n != 0 || err != nil {
			t.Errorf("the abandoned queue has not ended: %d, %v", n, err)
		}
		descriptor.Close(third)
		if m := s.a.ask("switch", "", s.handle); m.Name != "NOTRENEWED" {
			t.Errorf("%+v", m)
		}
	}
}

func TestErrorsComeBack(t *testing.T) {
	a := begin(t)
	s := a.serve(8)
	once := asks("", s.ports[0], 8, "127.0.0.1")
	twice := "reuseport=1\t" + asks("", s.ports[0], 8, "127.0.0.2")
	for _, c := range []struct {
		answer control.Message
		errno  unix.Errno
		says   string
	}{
		{a.ask("serve", once, 99), unix.EADDRINUSE, "can't listen on " + s.address + ": address already in use"},
		{a.ask("serve", asks("", 0, 8, "nonsense"), 99), 0, "not a numeric address"},
		{a.ask("serve", asks("", 0, 8, strings.Repeat("127.0.0.1,", 9)), 99), 0, "the limit is 8"},
		{a.ask("serve", twice+twice, 99), 0, "there are two listeners"},
		{a.ask("serve", "port=0\tnone=8", 99), 0, "has no \"none\""},
		{a.ask("serve", "port=0\tproxyfrom=1.2.3.4/5/6", 99), 0, "bad network"},
		{a.ask("serve", "port=x", 99), 0, "invalid syntax"},
		{a.ask("serve", "", 99), 0, "needs a listener"},
		{a.ask("retire", "", 99), unix.EBADF, "no such service"},
		{a.ask("status", "", 0), unix.EBADF, "no such service"},
		{a.ask("nonsense", ""), 0, `no such request: "nonsense"`},
		{a.ask("panics", ""), 0, "internal error"},
	} {
		usage := c.says == "there are two listeners" || c.says == "bad network"
		if (c.answer.Name != "SERVER") != usage || c.answer.Errno != c.errno || !strings.Contains(string(c.answer.Text), c.says) {
			t.Errorf("%q: got %q, %v, %q", c.says, c.answer.Name, c.answer.Errno, c.answer.Text)
		}
	}
}

func TestAnsweredBeside(t *testing.T) {
	a := begin(t)
	b := another(t, a.door)
	for _, text := range []string{"", "x", strings.Repeat("snapshot ", 100_000)} {
		for _, who := range []*asker{a, b} {
			if m := who.done("twice", text); string(m.Text) != text+text {
				t.Errorf("%d bytes for %d", len(m.Text), len(text))
			}
		}
	}
}

// TestManyThreadsAsk has each get its own answers.
func TestManyThreadsAsk(t *testing.T) {
	a := begin(t)
	done := make(chan bool)
	for i := range 8 {
		who := another(t, a.door)
		go func() {
			right := true
			for n := range 300 {
				text := strconv.Itoa(1000*i + n)
				right = right && string(who.ask("twice", text).Text) == text+text
				right = right && who.ask("status", "", 99).Errno == unix.EBADF
			}
			done <- right
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("an answer was another's")
		}
	}
}

// TestNoticeComesAfterTheReply has a queue that takes nothing.
func TestNoticeComesAfterTheReply(t *testing.T) {
	s := begin(t).serve(8)
	if err := unix.Shutdown(s.queue, unix.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	s.dial()
	m := s.a.hear()
	if m.ID != 0 || m.Name == "" || m.Errno != unix.EPIPE || m.Numbers != (control.Numbers{s.handle, 1}) {
		t.Errorf("got %+v", m)
	}
	if _, err := net.Dial("tcp", s.address); err == nil {
		t.Error("still listens")
	}
	s.a.done("close", "", s.handle)
}

func TestServiceOutlivesWhoAskedForIt(t *testing.T) {
	a := begin(t)
	b := another(t, a.door)
	s := b.serve(8)
	_ = unix.Shutdown(b.fd, unix.SHUT_RDWR)
	s.dial()
	_, fds := s.receive()
	descriptor.Close(fds...)
	a.done("close", "", s.handle)
}

func TestFewDescriptors(t *testing.T) {
	a := begin(t)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	a.ask("nonsense", "") // It has its end of the control socket now.
	few := before
	for few.Cur = 3; few.Cur < 100; few.Cur++ {
		// Here there must be room for what the answer brings.
		a.lastID++
		m := control.Message{ID: a.lastID, Name: "serve", Text: []byte(asks("", 0, 8, "127.0.0.1")), Numbers: control.Numbers{int64(few.Cur)}}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &few)
		err := control.NewBuffer().Send(a.fd, &m)
		look := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: max(few.Cur, 64), Max: before.Max})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = unix.Poll(look, 5000)
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
		answer := a.hear()
		descriptor.Close(answer.Fds...)
		if answer.Name == "" {
			a.done("close", "", int64(few.Cur))
			return
		}
		if answer.Errno != unix.EMFILE {
			t.Errorf("limit %d: %v, %s", few.Cur, answer.Errno, answer.Text)
		}
	}
	t.Error("it never succeeded")
}

// alone is a reactor without a thread, and its epoll.
func alone(t *testing.T) (r *Reactor, poll int) {
	t.Helper()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(poll) })
	sys, err := newSystem(poll)
	if err != nil {
		t.Fatal(err)
	}
	return newReactor(Options{}, sys), poll
}

// TestAllocatesNothing takes each path in turn.
func TestAllocatesNothing(t *testing.T) {
	const runs = 50
	s := begin(t).serve(2 * runs) // For clients to connect to.
	s.a.done("close", "", s.handle)
	r, _ := alone(t)
	wanted, err := readWanted(asks("", 0, 2*runs, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	service, workers, err := (&opening{reactor: r, handle: 1, wanted: wanted}).start()
	if err != nil {
		t.Fatal(err)
	}
	service.begin()
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(service.named[0].Port))
	for range runs + 1 {
		s.dial()
	}
	events := make([]unix.EpollEvent, 8)
	l := service.listeners[0]
	if n := testing.AllocsPerRun(runs, func() { l.takeOne() }); n != 0 || service.counts.HandedOver != runs+1 {
		t.Errorf("accept and send: %v allocations, %+v", n, service.counts)
	}
	wait := r.sys.wait
	r.sys.wait = func(events []unix.EpollEvent, milliseconds int) (int, unix.Errno) {
		return wait(events, min(max(milliseconds, 0), 1))
	}
	for _, errno := range []unix.Errno{unix.EAGAIN, unix.ECONNABORTED, unix.EMFILE} {
		r.sys.accept = func(int, *queue.Message) (int, unix.Errno) { return -1, errno }
		if n := testing.AllocsPerRun(runs, func() { l.ready(0); r.round(events) }); n != 0 {
			t.Errorf("accept, %v: %v allocations", errno, n)
		}
	}
	for _, first := range []unix.Errno{unix.EAGAIN, unix.ETOOMANYREFS, unix.EINTR} {
		errno := first
		r.sys.send = func(int, *queue.Message, []byte, int) unix.Errno {
			if errno == 0 {
				errno = first
				return 0
			}
			errno = 0
			return first
		}
		r.sys.accept = func(int, *queue.Message) (int, unix.Errno) {
			fd, _, errno := unix.RawSyscall(unix.SYS_DUP, uintptr(workers), 0, 0)
			return int(fd), errno
		}
		if n := testing.AllocsPerRun(runs, func() { l.takeOne(); service.flush(); r.round(events) }); n != 0 {
			t.Errorf("send, %v: %v allocations", first, n)
		}
	}
	service.fail(0)
	service.back.end()
	descriptor.Close(workers)
}
