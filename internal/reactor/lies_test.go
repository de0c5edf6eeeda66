package reactor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

// lies is a predecessor that does what the test does: it listens.
func lies(t *testing.T, path string) (listener int) {
	t.Helper()
	opened, err := listen.Listen(listen.Options{Path: path, Packets: true, Mode: controlMode, UID: -1, GID: -1, Backlog: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(opened.Fds[0]) })
	return opened.Fds[0]
}

// accepts waits for who takes over; what it asks is heard as an asker's answers are.
func accepts(t *testing.T, listener int) *asker {
	t.Helper()
	look := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	if n, err := unix.Poll(look, 5000); n != 1 {
		t.Fatalf("nobody came: %v", err)
	}
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	l := &asker{t: t, fd: fd, buffer: control.NewBuffer()}
	t.Cleanup(l.dies)
	return l
}

func (a *asker) dies() {
	descriptor.Close(a.fd)
	a.fd = -1
}

func (a *asker) says(m control.Message) {
	a.t.Helper()
	if err := a.buffer.Send(a.fd, &m); err != nil {
		a.t.Fatal(err)
	}
}

// takenFrom is a service that has taken over from a predecessor that lies, but for
// "ready".
func (a *asker) takenFrom(listener int, path string) (s *served, l *asker) {
	a.t.Helper()
	a.last++
	a.sendWith(nil, "serve", asks("127.0.0.1:", 0, 64, "127.0.0.1")+fmt.Sprintf("use=takeover\tpath=%s\n", path), a.last)
	l = accepts(a.t, listener)
	l.says(control.Message{ID: l.wait().ID, Numbers: control.Numbers{takeoverLevel, travelLevel}})
	s = a.servedBy(a.answer())
	a.t.Cleanup(func() { a.ask("done", "", s.handle) })
	return s, l
}

// TestWhoAskedIsGone: what it asked is answered to nobody, least of all to who has
// its number now.
func TestWhoAskedIsGone(t *testing.T) {
	two := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s, l := two.takenFrom(lies(t, path), path)
	other := another(t, two.door)
	other.lastID = 100
	other.sendWith(nil, "ready", "", s.handle)
	ready := l.wait()
	if err := unix.Shutdown(other.fd, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	two.done("status", "", s.handle)
	next := another(t, two.door)
	two.done("status", "", s.handle) // Both have been seen.
	l.says(control.Message{ID: ready.ID, Numbers: control.Numbers{1}})
	s.dial()
	s.status("accepted 1")
	next.done("status", "", s.handle)
	two.done("close", "", s.handle)
}

// TestPredecessorDiesReady: it was told, and nobody knows what it did.
func TestPredecessorDiesReady(t *testing.T) {
	two := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s, l := two.takenFrom(lies(t, path), path)
	two.sendWith(nil, "ready", "", s.handle)
	l.wait()
	l.dies()
	if m := two.answer(); m.Name != "" || len(m.Text) != 0 {
		t.Errorf("%+v", m)
	}
	s.dial()
	s.status("accepted 1")
	two.done("close", "", s.handle)
}

// TestPoolEndsBeforeReady: who waits for the predecessor hears of it.
func TestPoolEndsBeforeReady(t *testing.T) {
	two := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s, l := two.takenFrom(lies(t, path), path)
	other := another(t, two.door)
	other.sendWith(nil, "ready", "", s.handle)
	l.wait()
	two.done("done", "", s.handle)
	if m := other.answer(); m.Name != "TAKEOVER" {
		t.Errorf("%+v", m)
	}
	two.done("close", "", s.handle)
}

// TestSecondSuccessor: what listened is the first one's, and its numbers may be
// anybody's by now.
func TestSecondSuccessor(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	conn := dialControl(t, path)
	if _, err := conn.Ask("version", control.Numbers{}, nil, long); err != nil {
		t.Fatal(err)
	}
	after := two.takesOver(path, asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	two.done("ready", "", after.handle)
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
	m, err := conn.Ask("takeover", control.Numbers{1000, travelLevel}, nil, long)
	for err != nil && strings.Contains(err.Error(), "takes over already") { // Its end isn't known yet.
		m, err = conn.Ask("takeover", control.Numbers{1000, travelLevel}, nil, long)
	}
	descriptor.Close(m.Fds...)
	refusedWith(t, err, "STOPPING")
}

// TestReadyWhileStopping: who was to be served by this server travels, and its
// queue ends.
func TestReadyWhileStopping(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	rules := "firstbyte=60000\t"
	before := controlled(one, path, rules+asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	client := before.dial()
	before.status("firstbyte 1")
	after := two.takesOver(path, rules+asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	one.done("close", "", before.handle)
	two.done("ready", "", after.handle)
	after.status("firstbyte 1")
	says(t, client, "x")
	_, fds := after.receive()
	descriptor.Close(fds...)
	if err := unix.SetsockoptTimeval(before.queue, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	before.ends()
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
}

// TestLongCommandsInARow: what an owner that doesn't read gets in parts isn't mixed
// with what comes later.
func TestLongCommandsInARow(t *testing.T) {
	const operators = 8
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	for i := range operators {
		conn := dialControl(t, path)
		text := strings.Repeat(string(rune('a'+i)), operatorText-1)
		_, err := conn.Ask("command", control.Numbers{}, []byte(text), 1)
		if !errors.Is(err, control.ErrTimeout) {
			t.Fatal(err)
		}
		_, err = conn.Ask("health", control.Numbers{}, nil, long)
		refusedWith(t, err, "BUSY") // All has come.
	}
	if m := a.ask("status", "", s.handle); !strings.HasPrefix(string(m.Text), "accepted 0") {
		t.Errorf("%.99q", m.Text)
	}
	for i := range operators {
		a.commanded("run " + strings.Repeat(string(rune('a'+i)), operatorText-1))
	}
}

// TestManyCommands that nobody answers are refused.
func TestManyCommands(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	for range 4 * mostOperators {
		conn, err := control.Dial(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Ask("command", control.Numbers{1e9}, []byte("add"), 0)
		conn.Close()
		var refusal *control.Error
		if errors.As(err, &refusal) {
			t.Fatal(err)
		}
	}
	_, err := dialControl(t, path).Ask("command", control.Numbers{1e9}, []byte("add"), long)
	refusedWith(t, err, "BUSY")
	a.done("status", "", s.handle)
}

// TestOwnerGoes: who waits for it waits no longer.
func TestOwnerGoes(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	owner := another(t, a.door)
	owner.last = a.last
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	shown := someBoard(t)
	defer descriptor.Close(shown)
	owner.doneWith(shown, "pool", "", s.handle, 0)
	answer := make(chan error)
	conn := dialControl(t, path)
	go func() {
		_, err := conn.Ask("command", control.Numbers{}, []byte("add"), long)
		answer <- err
	}()
	owner.commanded("run add")
	if err := unix.Shutdown(owner.fd, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, <-answer, "NOPOOL")
}

// TestQuestionsAtATime: an answer has the number of what was asked.
func TestQuestionsAtATime(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	o := &asker{t: t, fd: dialControl(t, path).Fd(), buffer: control.NewBuffer()}
	o.sendWith(nil, "command", "add")
	token := a.commanded("run add")
	for _, name := range []string{"nonsense", "health"} {
		if m := o.ask(name, ""); m.Name != "BUSY" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	a.done("commanded", "\nfine", s.handle, token)
	if m := o.wait(); m.ID != 1 || string(m.Text) != "fine" {
		t.Errorf("%+v", m)
	}
}

// TestPoolTwice: only one scoreboard is mapped.
func TestPoolTwice(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	for range 2 {
		shown := someBoard(t)
		a.doneWith(shown, "pool", "", s.handle, 0)
		descriptor.Close(shown)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if n := strings.Count(string(maps), "memfd:board"); err != nil || n != 1 {
		t.Errorf("%d boards, %v", n, err)
	}
}

// poor has the process open no descriptors while it does something.
func poor(t *testing.T, do func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	do()
}

// events takes all that there is, some times over, and returns how many there were.
func (r *Reactor) events(times int) (all int) {
	var events [8]unix.EpollEvent
	for range times {
		n, _ := r.sys.wait(events[:], 0)
		for i := range n {
			r.dispatch(&events[i])
		}
		all += n
	}
	return all
}

// takingOver is what has asked such a predecessor.
func takingOver(t *testing.T, s *service) (d *predecessor, l *asker, asked control.Message, answered *error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c")
	listener := lies(t, path)
	d, err := s.reactor.findPredecessor(path)
	if err != nil || d == nil {
		t.Fatal(d, err)
	}
	t.Cleanup(d.end)
	l = accepts(t, listener)
	waits := errors.New("not yet")
	answered = &waits
	d.ask(control.Message{Name: "takeover"}, func(err error) { *answered = err })
	return d, l, l.wait(), answered
}

// TestPredecessorEndsWhilePoor: without a descriptor it isn't looked at again and
// again.
func TestPredecessorEndsWhilePoor(t *testing.T) {
	s, _ := turn(t, "defer=0")
	_, l, _, _ := takingOver(t, s)
	r := s.reactor
	r.sys.room = func(int) unix.Errno { return unix.EMFILE }
	l.dies()
	if n := r.events(10); n > 2 { // Its end is told once more.
		t.Errorf("%d events", n)
	}
}

// TestPredecessorIsLateWhilePoor: it has no more time for that.
func TestPredecessorIsLateWhilePoor(t *testing.T) {
	s, _ := turn(t, "defer=0")
	d, l, _, answered := takingOver(t, s)
	r := s.reactor
	room := r.sys.room
	r.sys.room = func(int) unix.Errno { return unix.EMFILE }
	l.says(control.Message{Numbers: control.Numbers{1}})
	r.events(1)
	r.sys.room = room
	r.later(1e9)
	r.later(answerTime)
	if d.fd >= 0 || !strings.Contains(fmt.Sprint(*answered), "doesn't answer") {
		t.Errorf("%d %v", d.fd, *answered)
	}
}

// TestAnswerWhilePoor: its descriptors are lost, and what that means is told.
func TestAnswerWhilePoor(t *testing.T) {
	s, _ := turn(t, "defer=0")
	_, l, asked, answered := takingOver(t, s)
	s.reactor.sys.room = func(int) unix.Errno { return 0 }
	l.says(control.Message{ID: asked.ID, Text: []byte("queue\t8888\t1\n"), Fds: []int{l.fd}})
	poor(t, func() { s.reactor.events(1) })
	if !errors.Is(*answered, unix.EMFILE) {
		t.Error(*answered)
	}
}

// TestControlPathIsShut: somebody has shut it down who has it, too.
func TestControlPathIsShut(t *testing.T) {
	s, _ := turn(t, "defer=0")
	path := filepath.Join(t.TempDir(), "c")
	fd := lies(t, path)
	p := s.reactor.newPool(s)
	c := newControlPath(p, named{Opened: listen.Opened{Path: path, Fds: []int{copied(t, fd)}, Shared: true}})
	c.begin()
	_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	if n := s.reactor.events(10); n != 1 {
		t.Errorf("%d events", n)
	}
	c.close()
}

// TestUnixListenerIsShut: that ends the service.
func TestUnixListenerIsShut(t *testing.T) {
	s, _ := turn(t, "name=unix:x\tpath="+filepath.Join(t.TempDir(), "s")+"\ndefer=0")
	s.begin()
	_ = unix.Shutdown(s.listeners[0].fd, unix.SHUT_RDWR)
	s.reactor.events(10)
	if s.state != failed {
		t.Errorf("state %d", s.state)
	}
}

// TestTravellersAreCounted by what counts, once they have one that does.
func TestTravellersAreCounted(t *testing.T) {
	s, _ := turn(t, "maxperaddr=8\tproxyfrom=unix")
	var clients []int
	arrive := func(stage admit.Stage, pid int32) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		var m queue.Message
		m.SetPeerUnix(pid, 1000, 1000)
		s.arrive(uint8(stage), m, nil, pair[0], 0)
		clients = append(clients, pair[1])
	}
	arrive(admit.StageProxy, 1)
	if n := s.limits.Addresses(); n != 0 {
		t.Errorf("%d addresses of proxies", n)
	}
	arrive(admit.StageParked, 2)
	arrive(admit.StageParked, 3)
	if n := s.limits.Addresses(); n != 1 {
		t.Errorf("%d addresses of one user", n)
	}
	descriptor.Close(clients...)
}

// TestTravellerOfNoListener: nobody serves it, and that is counted.
func TestTravellerOfNoListener(t *testing.T) {
	s, _ := turn(t, "defer=0")
	d, l, _, _ := takingOver(t, s)
	d.pool, d.accepted, d.names = s.reactor.newPool(s), true, []string{"gone"}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := arrival{message: queue.Message{Kind: queue.KindConnection}}
	l.says(control.Message{Name: "arrival", Text: encodeTraveller(stageQueued, &a), Fds: pair[:1]})
	descriptor.Close(pair[0])
	s.reactor.events(1)
	if n, err := unix.Read(pair[1], make([]byte, 1)); n != 0 || err != nil || s.counts.Lost != 1 {
		t.Errorf("%d %v, %d lost", n, err, s.counts.Lost)
	}
	descriptor.Close(pair[1])
}

// notified is a pool that tells a socket.
func notified(t *testing.T, s *service) (p *pool, fd int) {
	t.Helper()
	p = s.reactor.newPool(s)
	p.notify = filepath.Join(t.TempDir(), "notify")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: p.notify})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(fd) })
	return p, fd
}

// later has all deadlines be due that are within some time.
func (r *Reactor) later(by uint64) {
	clock, wait := r.sys.now, r.sys.wait
	r.sys.now = func() uint64 { return clock() + by }
	r.sys.wait = func(events []unix.EpollEvent, _ int) (int, unix.Errno) { return wait(events, 0) }
	r.round(make([]unix.EpollEvent, 4))
	r.sys.wait = wait
}

// TestNoteWhilePoor: systemd hears of it when there is a descriptor.
func TestNoteWhilePoor(t *testing.T) {
	s, _ := turn(t, "defer=0")
	p, fd := notified(t, s)
	poor(t, func() { p.note("READY=1") })
	s.reactor.later(1e9)
	bytes := make([]byte, 100)
	if n, err := unix.Read(fd, bytes); err != nil || string(bytes[:n]) != "READY=1" {
		t.Errorf("%q, %v", bytes[:max(n, 0)], err)
	}
}

// TestNotesThatNobodyReads: there are few of them, and the last one comes.
func TestNotesThatNobodyReads(t *testing.T) {
	s, _ := turn(t, "defer=0")
	p, fd := notified(t, s)
	for range 1000 {
		p.note("WATCHDOG=1", "EXTEND_TIMEOUT_USEC=1")
	}
	if len(p.notes) > 2 {
		t.Errorf("%d notes", len(p.notes))
	}
	p.lastNote("MAINPID=1")
	p.note("WATCHDOG=1")
	bytes, last := make([]byte, 100), ""
	for range 10 {
		for n, err := unix.Read(fd, bytes); err == nil; n, err = unix.Read(fd, bytes) {
			last = string(bytes[:n])
		}
		s.reactor.later(1e9)
	}
	if last != "MAINPID=1" {
		t.Errorf("%q", last)
	}
}
