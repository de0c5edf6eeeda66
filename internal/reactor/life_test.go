package reactor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// long is for how long a test waits for what must come.
const long = 10 * time.Second

// controlled is a service with a control path, whose pool the asker is.
func controlled(a *asker, path, listeners string) *served {
	a.t.Helper()
	s := a.serveAll2(listeners, fmt.Sprintf("use=control\tpath=%s\n", path))
	shown := someBoard(a.t)
	defer descriptor.Close(shown)
	a.doneWith(shown, "pool", "", s.handle, 0)
	a.t.Cleanup(func() {
		if a.door >= 0 {
			a.ask("done", "", s.handle)
		}
	})
	return s
}

// serveAll2 is serveAll with what isn't a listener of the queue's.
func (a *asker) serveAll2(listeners, more string) *served {
	a.t.Helper()
	a.last++
	return a.servedBy(a.done("serve", listeners+more, a.last))
}

// servedBy reads an answer of "serve".
func (a *asker) servedBy(m control.Message) *served {
	a.t.Helper()
	s := &served{a: a, handle: a.last, queue: m.Fds[0], back: m.Fds[1], listeners: string(m.Text)}
	for line := range strings.Lines(s.listeners) {
		var name string
		var port int
		if n, err := fmt.Sscanf(line, "%s %d", &name, &port); n != 2 {
			a.t.Fatalf("%q: %v", line, err)
		}
		s.ports = append(s.ports, port)
	}
	descriptor.Close(m.Fds[2:]...)
	s.at("127.0.0.1", 0)
	a.t.Cleanup(func() { descriptor.Close(s.queue, s.back) })
	return s
}

// doneWith is done with a descriptor.
func (a *asker) doneWith(fd int, name, text string, numbers ...int64) control.Message {
	a.t.Helper()
	a.sendWith([]int{fd}, name, text, numbers...)
	answer := a.answer()
	if answer.Name != "" {
		a.t.Fatalf("%s: %s %s", name, answer.Name, answer.Text)
	}
	return answer
}

func (a *asker) sendWith(fds []int, name, text string, numbers ...int64) {
	a.t.Helper()
	a.lastID++
	m := control.Message{ID: a.lastID, Name: name, Text: []byte(text), Fds: fds}
	copy(m.Numbers[:], numbers)
	if err := a.buffer.Send(a.fd, &m); err != nil {
		a.t.Fatal(err)
	}
}

// commanded waits for something that the pool is to do and answers it.
func (a *asker) commanded(words string) (token int64) {
	a.t.Helper()
	for {
		m := a.hear()
		if m.Name != "COMMAND" {
			a.t.Fatalf("%+v", m)
		}
		if strings.HasPrefix(string(m.Text), "log ") && !strings.HasPrefix(words, "log ") {
			continue
		}
		if !strings.HasPrefix(string(m.Text), words) {
			a.t.Fatalf("%q instead of %q", m.Text, words)
		}
		return m.Numbers[1]
	}
}

func dialControl(t *testing.T, path string) *control.Conn {
	t.Helper()
	conn, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func refusedWith(t *testing.T, err error, reason string) {
	t.Helper()
	var refusal *control.Error
	if !errors.As(err, &refusal) || refusal.Reason != reason {
		t.Errorf("%v instead of %s", err, reason)
	}
}

func TestOperatorIsAnswered(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	conn := dialControl(t, path)
	for _, name := range []string{"version", "status"} {
		m, err := conn.Ask(name, control.Numbers{}, nil, long)
		var all map[string]any
		if err == nil {
			err = json.Unmarshal(m.Text, &all)
		}
		if err != nil || int(all["pid"].(float64)) != unix.Getpid() {
			t.Errorf("%s: %v %v", name, all, err)
		}
	}
	m, err := conn.Ask("health", control.Numbers{}, nil, long)
	if err != nil || string(m.Text) != "starting" {
		t.Errorf("%q %v", m.Text, err)
	}
	for _, name := range []string{"serve", "close", "commanded", "nonsense", ""} {
		_, err := conn.Ask(name, control.Numbers{s.handle}, nil, long)
		refusedWith(t, err, "USAGE")
	}
}

func TestCommandIsForwarded(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	conn := dialControl(t, path)
	answer := make(chan string)
	ask := func(text string, limit int64) {
		m, err := conn.Ask("command", control.Numbers{limit}, []byte(text), long)
		var refusal *control.Error
		if errors.As(err, &refusal) {
			m.Text = []byte(refusal.Reason + ": " + refusal.Message)
		}
		answer <- string(m.Text)
	}
	go ask("add 2", 0)
	a.done("commanded", "\nfine", s.handle, a.commanded(control.Words("run", "add 2")))
	if got := <-answer; got != "fine" {
		t.Errorf("%q", got)
	}
	go ask("add x", 0)
	a.done("commanded", "USAGE\nno number", s.handle, a.commanded(control.Words("run", "add x")))
	if got := <-answer; got != "USAGE: no number" {
		t.Errorf("%q", got)
	}
	go ask("reload", 1)
	token := a.commanded("run reload")
	if got := <-answer; !strings.HasPrefix(got, "TIMEOUT: ") {
		t.Errorf("%q", got)
	}
	a.done("commanded", "\ntoo late", s.handle, token)
	go ask("\x00", 0)
	if got := <-answer; !strings.HasPrefix(got, "USAGE: ") {
		t.Errorf("%q", got)
	}
}

// TestManyOperators: the idlest gives way.
func TestManyOperators(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	for range 4 * mostOperators {
		dialControl(t, path)
	}
	conn := dialControl(t, path)
	if m, err := conn.Ask("health", control.Numbers{}, nil, long); err != nil {
		t.Errorf("%q %v", m.Text, err)
	}
}

func TestAttach(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	conn, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan control.Message)
	go func() {
		m, _ := conn.Ask("attach", control.Numbers{}, []byte("name"), long)
		done <- m
	}()
	token := a.commanded(fmt.Sprintf("attach %d name", unix.Getpid()))
	a.sendWith([]int{s.queue, s.back, s.queue}, "commanded", "\n257 3\nline\n", s.handle, token)
	a.answer()
	m := <-done
	defer descriptor.Close(m.Fds...)
	if m.Numbers != (control.Numbers{257, 3}) || string(m.Text) != "line\n" || len(m.Fds) != 4 {
		t.Fatalf("%+v", m)
	}
	conn.Close()
	a.commanded(fmt.Sprintf("detached %d", unix.Getpid()))
}

// TestAttachThatDidNotWait: the pool hears of its end all the same.
func TestAttachThatDidNotWait(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("", 0, 64, "127.0.0.1"))
	conn, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Ask("attach", control.Numbers{}, nil, time.Millisecond); !errors.Is(err, control.ErrTimeout) {
		t.Error(err)
	}
	token := a.commanded("attach ")
	conn.Close()
	a.done("status", "", s.handle) // It has seen that.
	a.sendWith([]int{s.queue, s.back, s.queue}, "commanded", "\n257 3\nline\n", s.handle, token)
	a.answer()
	a.commanded("detached ")
}

// someBoard is the scoreboard of nobody.
func someBoard(t *testing.T) int {
	t.Helper()
	fd, err := unix.MemfdCreate("board", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, 4*boardSlot)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// successor is a reactor that takes over from another one.
func (a *asker) takesOver(path, listeners string) *served {
	a.t.Helper()
	s := a.serveAll2(listeners, fmt.Sprintf("use=control\tpath=%s\nuse=takeover\tpath=%s\ttime=5000\n", path, path))
	shown := someBoard(a.t)
	defer descriptor.Close(shown)
	a.doneWith(shown, "pool", "", s.handle, 0)
	return s
}

// parks has a worker take a connection and send it back for later.
func (s *served) parks() {
	s.a.t.Helper()
	m, fds := s.receive()
	m.Kind, m.Requests = queue.KindPark, 1
	s.sendsBack(m, "", fds[0])
}

func TestTakeover(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	again := asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1")
	parked, queued := before.dial(), before.dial()
	defer parked.Close()
	before.parks()
	after := two.takesOver(path, again)
	if after.ports[0] != before.ports[0] {
		t.Fatalf("ports %v %v", before.ports, after.ports)
	}
	one.commanded("log info")

	// Until it is ready the old one accepts.
	dialControl(t, path)
	before.dial()
	before.status("accepted 3")
	if m := two.done("ready", "", after.handle); string(m.Text) != fmt.Sprint(unix.Getpid()) {
		t.Errorf("ready: %q", m.Text)
	}
	one.commanded("handedover ")
	after.status("parked 1")

	// The old one parks there, too.
	before.parks()
	after.status("parked 2")
	parked.Write([]byte("x"))
	m, fds := after.receive()
	if m.Requests != 1 {
		t.Errorf("%+v", m)
	}
	descriptor.Close(fds...)
	after.dial()
	after.status("accepted 1")
	_, fds = after.receive()
	descriptor.Close(fds...)

	// What is left on the old queue comes when the old one is done.
	one.done("close", "", before.handle)
	descriptor.Close(before.back)
	one.done("done", "", before.handle)
	_, fds = after.receive()
	descriptor.Close(fds...)
	queued.Close()
	if conn := dialControl(t, path); conn != nil {
		if _, err := conn.Ask("version", control.Numbers{}, nil, long); err != nil {
			t.Error(err)
		}
	}
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
	if err := unix.Access(path, unix.F_OK); err != unix.ENOENT {
		t.Errorf("%s: %v", path, err)
	}
}

// TestTakeoverOfMany: "done" is answered when all have travelled, for then the
// process may end.
func TestTakeoverOfMany(t *testing.T) {
	const many = 1000 // More than the connection between the two holds.
	two, one := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	for range many {
		before.dial()
		before.parks()
	}
	before.status(fmt.Sprintf("parked %d", many))
	after := two.takesOver(path, asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	two.done("ready", "", after.handle)
	one.done("close", "", before.handle)
	one.done("done", "", before.handle)
	descriptor.Close(one.door)
	one.door = -1
	after.status(fmt.Sprintf("parked %d", many))
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
}

// TestLeftWithoutDescriptors: what is left on a predecessor's queue waits there.
func TestLeftWithoutDescriptors(t *testing.T) {
	s, _ := turn(t, "defer=0")
	s.client(t)
	send, receive, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if errno := s.listeners[0].accept(&s.current); errno != 0 {
		t.Fatal(errno)
	}
	s.address()
	if errno := queue.NewSender().Send(send, &s.current.message, nil, s.current.connection); errno != 0 {
		t.Fatal(errno)
	}
	s.drop(&s.current)
	descriptor.Close(send)
	r := s.reactor
	d := &predecessor{reactor: r, fd: -1, pool: &pool{service: s}, names: []string{s.named[0].name}, queues: []int{receive}}
	d.again.due, d.again.owner = d.listen, d
	room := r.sys.room
	r.sys.room = func(int) unix.Errno { return unix.EMFILE }
	d.takeRest()
	if len(d.queues) != 1 || d.again.place == 0 {
		t.Errorf("%+v", d)
	}
	r.sys.room = room
	r.deadlines.clear(&d.again)
	d.listen()
	if n := r.sys.queued(s.queue.receive); n != 1 || len(d.queues) != 0 {
		t.Errorf("%d queued", n)
	}
}

// TestTakeoverByAnotherVersion: connections stay with the old one.
func TestTakeoverByAnotherVersion(t *testing.T) {
	one, two := beginAs(t, "1"), beginAs(t, "2")
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	before.dial()
	before.parks()
	before.status("parked 1")
	before.dial()
	after := two.takesOver(path, asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	two.done("ready", "", after.handle)
	before.status("parked 1")
	after.dial()
	after.status("accepted 1")
	_, fds := before.receive()
	descriptor.Close(fds...)
	for _, s := range []*served{before, after} {
		s.a.done("close", "", s.handle)
		s.a.done("done", "", s.handle)
	}
}

// TestTakeoverThatFails: the old one goes on.
func TestTakeoverThatFails(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	after := two.takesOver(path, asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	third := begin(t)
	m := third.ask("serve", "use=takeover\tpath="+path+"\n"+asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"), 1)
	if m.Name != "TAKEOVER" || !strings.Contains(string(m.Text), "takes over already") {
		t.Errorf("%+v", m)
	}
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
	one.commanded("log info")
	one.commanded("log warning")
	before.dial()
	before.status("accepted 1")
	dialControl(t, path)
	conn, err := net.Dial("tcp", before.address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestTakeoverWithoutPredecessor is an ordinary start.
func TestTakeoverWithoutPredecessor(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := a.takesOver(path, asks("", 0, 64, "127.0.0.1"))
	s.dial()
	s.status("accepted 1")
	if m := a.done("ready", "", s.handle); len(m.Text) != 0 {
		t.Errorf("%q", m.Text)
	}
	a.done("close", "", s.handle)
	a.done("done", "", s.handle)
}

// TestPredecessorEndsBefore: the successor has its sockets.
func TestPredecessorEndsBefore(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	before := controlled(one, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	after := two.takesOver(path, asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"))
	one.done("close", "", before.handle)
	one.done("done", "", before.handle)
	after.dial()
	if m := two.done("ready", "", after.handle); len(m.Text) != 0 {
		t.Errorf("%q", m.Text)
	}
	after.status("accepted 1")
	two.done("close", "", after.handle)
	two.done("done", "", after.handle)
}
