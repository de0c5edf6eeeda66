package reactor

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// observed is a service whose status is to be seen where the test listens.
func observed(a *asker, path string) *served {
	a.t.Helper()
	a.last++
	m := a.done("serve", asks("127.0.0.1:", 0, 64, "127.0.0.1")+fmt.Sprintf("use=control\tpath=%s\n", path)+
		"use=status\tname=127.0.0.1:\tport=0\taddresses=127.0.0.1\n", a.last)
	service, shown, _ := strings.Cut(string(m.Text), "\n")
	var name string
	var port int
	if n, err := fmt.Sscanf(shown, "status %s %d", &name, &port); n != 2 || name != fmt.Sprintf("127.0.0.1:%d", port) {
		a.t.Fatalf("%q: %v", shown, err)
	}
	m.Text = []byte(service)
	s := a.servedBy(m)
	s.ports = append(s.ports, port)
	seen := someBoard(a.t)
	defer descriptor.Close(seen)
	a.doneWith(seen, "pool", "", s.handle, 0)
	a.t.Cleanup(func() { a.ask("done", "", s.handle) })
	return s
}

// observes asks with an operator of its own, and limits what comes along.
func observes(t *testing.T, path string, number int64) control.Message {
	t.Helper()
	conn := dialControl(t, path)
	conn.Limit(1<<20, 64)
	m, err := conn.Ask("observe", control.Numbers{number}, nil, long)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(m.Fds...) })
	return m
}

func TestObserve(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := observed(a, path)
	var all struct {
		Status struct{ StatusListener string }
		Slots  [][4]int
	}
	m := observes(t, path, 0)
	if err := json.Unmarshal(m.Text, &all); err != nil || all.Slots == nil || len(m.Fds) != 0 ||
		all.Status.StatusListener != fmt.Sprintf("127.0.0.1:%d", s.ports[1]) {
		t.Errorf("%s: %v, %v", m.Text, err, m.Fds)
	}
	m = observes(t, path, 1)
	if len(m.Fds) != 3 {
		t.Fatal(m.Fds)
	}
	seen, err := board.Map(m.Fds[0])
	if err != nil {
		t.Fatal(err)
	}
	seen.Close()
	client, err := net.Dial("tcp", all.Status.StatusListener)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	look := []unix.PollFd{{Fd: int32(m.Fds[2]), Events: unix.POLLIN}}
	if n, err := unix.Poll(look, 5000); n != 1 {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept4(m.Fds[2], unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	descriptor.Close(fd)
}

// TestStatusListenerEnds: nobody can connect when the pool has ended, even where who
// observes it still has the socket.
func TestStatusListenerEnds(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := observed(a, path)
	observes(t, path, 1)
	a.done("close", "", s.handle)
	a.done("done", "", s.handle)
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.ports[1])); err == nil {
		c.Close()
		t.Error("somebody listens")
	}
}

func TestStatusListenerIsForThisMachine(t *testing.T) {
	a := begin(t)
	for _, c := range []struct{ line, reason string }{
		{"name=\tport=0", "USAGE"},
		{"name=0.0.0.0:\tport=0\taddresses=0.0.0.0", "USAGE"},
		{"name=x\tport=0\taddresses=127.0.0.1,0.0.0.0", "USAGE"},
		{"name=unix:@x\tpath=@x", "USAGE"},
		{"open=1\tname=0.0.0.0:\tport=0\taddresses=0.0.0.0", ""},
		{"name=[::1]:\tport=0\taddresses=::1", ""},
		{"name=unix:x\tpath=" + filepath.Join(t.TempDir(), "s"), ""},
		{fmt.Sprintf("name=unix:@x\tpath=@socketserver-test-%d", unix.Getpid()), "USAGE"}, // Any user can connect there.
		{fmt.Sprintf("open=1\tname=unix:@x\tpath=@socketserver-test-%d", unix.Getpid()), ""},
	} {
		a.last++
		m := a.ask("serve", asks("127.0.0.1:", 0, 64, "127.0.0.1")+"use=status\t"+c.line+"\n", a.last)
		if m.Name != c.reason {
			t.Errorf("%s: %q %s", c.line, m.Name, m.Text)
		}
		descriptor.Close(m.Fds...)
		a.ask("close", "", a.last)
	}
}

// TestPassedStatusListenerIsForThisMachine: a service manager may have opened
// anything, and several sockets of one name.
func TestPassedStatusListenerIsForThisMachine(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct{ passed, open, reason string }{
		{"127.0.0.1:0", "0", ""}, {"0.0.0.0:0", "0", "USAGE"}, {"0.0.0.0:0", "1", ""},
		{path, "0", ""}, {"@" + path, "0", "USAGE"}, {"@" + path, "1", ""},
		{"127.0.0.1:0 [::1]:0 " + path, "0", ""}, {"0.0.0.0:0 " + path, "0", "USAGE"},
	} {
		var fds []int
		for name := range strings.FieldsSeq(c.passed) {
			fds = append(fds, passes(t, name))
		}
		a.last++
		a.sendWith(fds, "serve", asks("127.0.0.1:", 0, 64, "127.0.0.1")+
			fmt.Sprintf("use=status\topen=%s\tname=fd:x\tfds=%d\n", c.open, len(fds)), a.last)
		descriptor.Close(fds...)
		m := a.answer()
		if m.Name != c.reason {
			t.Errorf("%+v: %q %s", c, m.Name, m.Text)
		}
		descriptor.Close(m.Fds...)
		a.ask("close", "", a.last)
	}
}

// passes listens at an address or a path.
func passes(t *testing.T, name string) int {
	t.Helper()
	network := "tcp"
	if !strings.Contains(name, ":") {
		network = "unix"
	}
	l, err := net.Listen(network, name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// question is a worker's end of a pair whose other end the reactor has.
func (s *served) question(kind int) *asker {
	s.a.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.a.t.Fatal(err)
	}
	s.sendsBack(queue.Message{Kind: queue.KindAsk}, "", pair[1])
	return &asker{t: s.a.t, fd: pair[0], buffer: control.NewBuffer()}
}

// hangsUp waits for the other end's end.
func (a *asker) hangsUp() {
	a.t.Helper()
	_ = unix.SetsockoptTimeval(a.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	if n, err := unix.Read(a.fd, make([]byte, 1)); n != 0 || err != nil {
		a.t.Errorf("%d, %v", n, err)
	}
	a.dies()
}

func TestWorkerAsks(t *testing.T) {
	a := begin(t)
	s := controlled(a, filepath.Join(t.TempDir(), "c"), asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	worker := s.question(unix.SOCK_SEQPACKET)
	worker.sendWith(nil, "status", "")
	token := a.commanded("status")
	a.done("commanded", "\nall is well", s.handle, token)
	if m := worker.answer(); m.Name != "" || string(m.Text) != "all is well" {
		t.Errorf("%q %s", m.Name, m.Text)
	}
	worker.dies()
	for _, name := range []string{"command", "takeover", "observe", "attach", "workers", "stack"} {
		worker := s.question(unix.SOCK_SEQPACKET)
		defer worker.dies()
		if m := worker.ask(name, ""); m.Name != "USAGE" {
			t.Errorf("%s: %q %s", name, m.Name, m.Text)
		}
	}
}

// TestWorkerAsksOnce: who keeps the socket keeps nobody else from asking; and one
// that has given both ends away doesn't have the server talk to itself for ever.
func TestWorkerAsksOnce(t *testing.T) {
	a := begin(t)
	s := controlled(a, filepath.Join(t.TempDir(), "c"), asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	worker := s.question(unix.SOCK_SEQPACKET)
	worker.sendWith(nil, "status", "")
	a.done("commanded", "\nall is well", s.handle, a.commanded("status"))
	if m := worker.answer(); string(m.Text) != "all is well" {
		t.Errorf("%q %s", m.Name, m.Text)
	}
	worker.hangsUp()

	worker = s.question(unix.SOCK_SEQPACKET)
	defer worker.dies()
	other, err := unix.Dup(worker.fd)
	if err != nil {
		t.Fatal(err)
	}
	worker.sendWith(nil, "begin", "")
	s.sendsBack(queue.Message{Kind: queue.KindAsk}, "", other)
	look := []unix.PollFd{{Fd: int32(worker.fd), Events: unix.POLLIN}}
	for range mostAskers { // Of what it is answered it may read some, or the server does.
		if n, err := unix.Poll(look, 5000); n != 1 && err != unix.EINTR {
			t.Fatal(n, err)
		}
		n, err := unix.Read(worker.fd, make([]byte, 1))
		if n == 0 || err == unix.ECONNRESET {
			return
		}
	}
	t.Error("the server talks to itself")
}

// TestWorkersLeaveQuestions: who asks and doesn't wait takes from operators nothing of
// what Tcl answers.
func TestWorkersLeaveQuestions(t *testing.T) {
	a := begin(t)
	s := controlled(a, filepath.Join(t.TempDir(), "c"), asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	var tokens []int64
	for range mostAskers {
		worker := s.question(unix.SOCK_SEQPACKET)
		worker.sendWith(nil, "status", "")
		tokens = append(tokens, a.commanded("status"))
		worker.dies()
	}
	worker := s.question(unix.SOCK_SEQPACKET)
	defer worker.dies()
	_ = unix.SetsockoptTimeval(worker.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	if m := worker.ask("status", ""); m.Name != "BUSY" {
		t.Errorf("%q %s", m.Name, m.Text)
	}
	for _, token := range tokens {
		a.done("commanded", "\nall is well", s.handle, token)
	}
}

// TestWorkersAskTooMuch: what a worker sends is no reason to serve others worse.
func TestWorkersAskTooMuch(t *testing.T) {
	a := begin(t)
	path := filepath.Join(t.TempDir(), "c")
	s := controlled(a, path, asks("127.0.0.1:", 0, 64, "127.0.0.1"))
	s.question(unix.SOCK_STREAM).hangsUp()
	var all []*asker
	for range mostAskers {
		all = append(all, s.question(unix.SOCK_SEQPACKET))
	}
	s.question(unix.SOCK_SEQPACKET).hangsUp()
	if m := observes(t, path, 1); len(m.Fds) != 2 {
		t.Error(m.Fds)
	}
	for _, worker := range all {
		worker.dies()
	}
	a.done("status", "", s.handle) // All of that was seen.
	worker := s.question(unix.SOCK_SEQPACKET)
	defer worker.dies()
	if m := worker.ask("version", ""); m.Name != "USAGE" {
		t.Errorf("%q %s", m.Name, m.Text)
	}
}
