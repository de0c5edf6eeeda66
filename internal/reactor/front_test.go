package reactor

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/queue"
)

// serveWith serves 127.0.0.1 with rules: fields of "serve".
func (a *asker) serveWith(rules ...string) *served {
	a.t.Helper()
	return a.serveAll(strings.Join(rules, "\t") + "\t" + asks("", 0, 64, "127.0.0.1"))
}

// status waits until the service's status says something.
func (s *served) status(want string) {
	s.a.t.Helper()
	got := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		got = string(s.a.done("status", "", s.handle).Text)
		if strings.Contains(got+" ", want+" ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	s.a.t.Fatalf("not %q: %s", want, got)
}

// says sends as a client.
func says(t *testing.T, client net.Conn, text string) {
	t.Helper()
	if _, err := client.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hears reads all that a client gets.
func hears(t *testing.T, client net.Conn) string {
	t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// got takes the next connection off the queue, and what its client has sent.
func (s *served) got(want string) (queue.Message, int) {
	s.a.t.Helper()
	m, fds := s.receive()
	if len(fds) != 1 {
		s.a.t.Fatalf("%+v with %v", m, fds)
	}
	buffer := make([]byte, 65536)
	n, _, err := unix.Recvfrom(fds[0], buffer, unix.MSG_DONTWAIT)
	if string(buffer[:max(n, 0)]) != want {
		s.a.t.Errorf("got %q, %v, want %q", buffer[:max(n, 0)], err, want)
	}
	return m, fds[0]
}

// sendsBack sends a connection back as a worker does, whose it is no more.
func (s *served) sendsBack(m queue.Message, extra string, connection int) {
	s.a.t.Helper()
	if errno := queue.NewSender().Send(s.back, &m, []byte(extra), connection); errno != 0 {
		s.a.t.Fatal(errno)
	}
	descriptor.Close(connection)
}

func TestFirstByte(t *testing.T) {
	s := begin(t).serveWith("firstbyte=5000")
	silent, talks := s.dial(), s.dial()
	s.status("firstbyte 2")
	says(t, talks, "x")
	_, fd := s.got("x")
	descriptor.Close(fd)
	s.status("firstbyte 1")
	silent.Close()
	s.status("gone 1")
}

func TestFirstByteTooLate(t *testing.T) {
	s := begin(t).serveWith("firstbyte=10")
	if got := hears(t, s.dial()); got != "" {
		t.Errorf("got %q", got)
	}
	s.status("expired {proxy 0 firstbyte 1 head 0 parked 0}")
}

func TestHead(t *testing.T) {
	s := begin(t).serveWith("firstbyte=5000", "head=0a0a")
	client := s.dial()
	for _, part := range []string{"a", "b\n", "\n", "rest"} {
		says(t, client, part)
	}
	s.status("handedOver 1")
	m, fds := s.receive()
	descriptor.Close(fds...)
	if m.Ready < m.Accepted {
		t.Errorf("%+v", m)
	}

	// One whose side has ended comes as it is, and one that is too long.
	half, long := s.dial(), s.dial()
	says(t, half, "cut")
	_ = half.(*net.TCPConn).CloseWrite()
	_, fd := s.got("cut")
	descriptor.Close(fd)
	says(t, long, strings.Repeat("x", 20000))
	s.status("handedOver 3")
}

func TestHeadTooLate(t *testing.T) {
	s := begin(t).serveWith("head=0a", "headtime=50")
	client := s.dial()
	says(t, client, "x")
	s.status("expired {proxy 0 firstbyte 0 head 1 parked 0}")
	s.status("handedOver 0")
}

func TestProxyHeader(t *testing.T) {
	s := begin(t).serveWith("proxyfrom=127.0.0.0/8", "firstbyte=5000")
	client := s.dial()
	for _, part := range []string{"PROXY TCP4 192.0.2.1 ", "198.51.100.1 1234 80\r", "\nreq", "uest"} {
		says(t, client, part)
	}
	s.status("handedOver 1")
	m, fds := s.receive()
	if m.Port != 1234 || [4]byte(m.Address[:4]) != [4]byte{192, 0, 2, 1} || m.Proxy == 0 {
		t.Errorf("%+v", m)
	}
	descriptor.Close(fds...)
	wrong, probe := s.dial(), s.dial()
	says(t, wrong, "GET / HTTP/1.0\r\n\r\n")
	if told := s.a.hear(); !strings.Contains(string(told.Text), "no PROXY header") {
		t.Errorf("%+v", told)
	}
	probe.Close()
	s.status("malformed 1 probes 1")
}

func TestPark(t *testing.T) {
	s := begin(t).serveWith("head=0a")
	client := s.dial()
	says(t, client, "one\n")
	m, fd := s.got("one\n")
	m.Kind, m.Requests, m.Tag = queue.KindPark, 1, 3
	s.sendsBack(m, "tag", fd)
	s.status("parked 1")
	says(t, client, "two")
	s.status("head 1")
	says(t, client, "\n")
	again, fd := s.got("two\n")
	if again.Requests != 1 || again.Tag != 3 || again.Port != m.Port || again.Accepted != m.Accepted || again.Ready <= m.Ready {
		t.Errorf("%+v became %+v", m, again)
	}

	// It leaves while it is parked: nobody hears of it.
	again.Kind = queue.KindPark
	s.sendsBack(again, "tag", fd)
	s.status("parked 1")
	client.Close()
	s.status("parked 0")
	s.status("gone 0")
}

func TestParkedTooLong(t *testing.T) {
	s := begin(t).serve(8)
	client := s.dial()
	m, fd := s.got("")
	m.Kind, m.Patience = queue.KindPark, 10
	s.sendsBack(m, "", fd)
	if got := hears(t, client); got != "" {
		t.Errorf("got %q", got)
	}
	s.status("expired {proxy 0 firstbyte 0 head 0 parked 1}")
}

// TestCloseWithParked serves the one that has sent.
func TestCloseWithParked(t *testing.T) {
	s := begin(t).serve(8)
	idle, talks := s.dial(), s.dial()
	for n := range 2 {
		m, fd := s.got("")
		m.Kind, m.Requests = queue.KindPark, 1
		s.sendsBack(m, "", fd)
		s.status(fmt.Sprint("parked ", n+1))
	}
	// What comes while it closes: the reactor looks again.
	says(t, talks, "last")
	s.a.done("close", "", s.handle)
	if got := hears(t, idle); got != "" {
		t.Errorf("got %q", got)
	}
	_, fd := s.got("last")
	descriptor.Close(fd)
	s.ends()
}

// TestSentBackWhenClosed: workers see that nothing can be kept.
func TestSentBackWhenClosed(t *testing.T) {
	s := begin(t).serveWith("firstbyte=5000")
	waits, client := s.dial(), s.dial()
	says(t, client, "one")
	m, fd := s.got("one")
	s.status("firstbyte 1")
	s.a.done("close", "", s.handle)
	says(t, client, "two")
	m.Kind, m.Requests = queue.KindPark, 1
	s.sendsBack(m, "", fd)
	_, fd = s.got("two")
	look := []unix.PollFd{{Fd: int32(s.back), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(look, 0); n != 1 || look[0].Revents&unix.POLLRDHUP == 0 {
		t.Errorf("%d, %v, %+v", n, err, look)
	}
	descriptor.Close(fd)
	waits.Close()
	s.ends()
}

// TestSentBackTooLate: the queue has ended.
func TestSentBackTooLate(t *testing.T) {
	s := begin(t).serve(8)
	client := s.dial()
	m, fd := s.got("")
	says(t, client, "more")
	s.a.done("close", "", s.handle)
	s.ends()
	m.Kind, m.Requests = queue.KindPark, 1
	s.sendsBack(m, "", fd)
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("read %d, %v", n, err)
	}
}

// TestUnserved is told apart: it was shed, or its client is gone.
func TestUnserved(t *testing.T) {
	s := begin(t).serveWith("busyreply=62757379", "skipgone=reset", "queuetime=60000")
	waits, gone := s.dial(), s.dial()
	says(t, waits, "unread")
	for range 2 {
		m, fds := s.receive()
		m.Kind = queue.KindUnserved
		if int(m.Port) == gone.LocalAddr().(*net.TCPAddr).Port {
			_ = gone.(*net.TCPConn).SetLinger(0)
			gone.Close()
		}
		s.sendsBack(m, "", fds[0])
	}
	if got := hears(t, waits); got != "busy" {
		t.Errorf("got %q", got)
	}
	waits.Close()
	s.status("shed {queuetime 1 maxqueue 0} gone 1")
	s.status("closing 0}")
}

func TestMaxQueue(t *testing.T) {
	s := begin(t).serveWith("busyreply=62757379", "maxqueue=300")
	for range 300 {
		s.dial()
	}
	s.status("accepted 300")
	if got := hears(t, s.dial()); got != "busy" {
		t.Errorf("got %q", got)
	}
	s.status("shed {queuetime 0 maxqueue 1}")
	ports := map[uint16]bool{}
	for range 300 {
		m, fds := s.receive()
		descriptor.Close(fds...)
		ports[m.Port] = true
	}
	if len(ports) != 300 {
		t.Errorf("%d of 300", len(ports))
	}
}

// TestQueueTime has no worker: the reactor sheds, and asks again to retire.
func TestQueueTime(t *testing.T) {
	s := begin(t).serveWith("queuetime=30", "busyreply=62757379")
	clients := []net.Conn{s.dial(), s.dial()}
	s.a.done("retire", "", s.handle, 1)
	for range 300 {
		clients = append(clients, s.dial())
	}
	for _, client := range clients {
		if got := hears(t, client); got != "busy" {
			t.Fatalf("got %q", got)
		}
	}
	s.status("shed {queuetime 302 maxqueue 0}")
	if m, _ := s.receive(); m.Kind != queue.KindRetire {
		t.Errorf("%+v", m)
	}
}

// TestReturnRefuses what a worker may not send.
func TestReturnRefuses(t *testing.T) {
	s := begin(t).serve(8)
	client := s.dial()
	m, fd := s.got("")
	listening, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Listen(listening, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	park, strange := m, m
	park.Kind, strange.Kind, strange.Listener = queue.KindPark, queue.KindPark, 7
	sender := queue.NewSender()
	for _, c := range []struct {
		m  queue.Message
		fd int
	}{{m, fd}, {park, listening}, {park, int(file.Fd())}, {park, queue.NoConnection}, {strange, fd}} {
		if errno := sender.Send(s.back, &c.m, nil, c.fd); errno != 0 {
			t.Fatal(errno)
		}
	}
	for _, bytes := range []string{"", "\x02\x04", "\x02\x06\x01\x00\x00\x00\x00\x00"} {
		_ = unix.Sendmsg(s.back, []byte(bytes), unix.UnixRights(fd), nil, 0)
	}
	park.Requests = 1
	s.sendsBack(park, "", fd)
	s.status("parked 1")
	descriptor.Close(listening)
	client.Close()
}

// TestFrontAllocatesNothing: nor does the straight way through all stages and back.
func TestFrontAllocatesNothing(t *testing.T) {
	const runs = 60
	leaktest.Check(t)
	r, poll := alone(t)
	wanted, err := readWanted("proxyfrom=127.0.0.1\thead=0a\tmaxperaddr=1000\t" + asks("", 0, 2*runs, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s, workers, err := (&opening{reactor: r, handle: 1, wanted: wanted}).start()
	if err != nil {
		t.Fatal(err)
	}
	s.begin()
	var clients []net.Conn
	for range runs + 1 {
		client, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(s.named[0].Port)))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		says(t, client, "PROXY TCP4 192.0.2.1 198.51.100.1 1234 80\r\nhead")
		clients = append(clients, client)
	}
	without := func(what string, once func()) {
		t.Helper()
		if n := testing.AllocsPerRun(runs, once); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	without("accept and hold", func() { s.listeners[0].takeOne() })
	if s.holding[admit.StageHead] != runs+1 {
		t.Fatalf("held: %v, %+v", s.holding, s.counts)
	}
	for _, client := range clients {
		says(t, client, "\n")
	}
	var events [1]unix.EpollEvent
	r.sys.wait = func(events []unix.EpollEvent, _ int) (int, unix.Errno) { return epollWait(poll, events, 0, true) }
	without("deliver", func() { r.round(events[:]) })
	if s.counts.HandedOver != runs+1 {
		t.Fatalf("held: %v, %+v", s.holding, s.counts)
	}
	from, to := queue.NewReceiver(), queue.NewSender()
	without("send back", func() {
		_ = from.Receive(s.queue.receive)
		m, extra, _ := queue.Decode(from.Bytes)
		m.Kind, m.Requests = queue.KindPark, 1
		_ = to.Send(workers, &m, extra, from.Connection)
		descriptor.Close(from.Connection)
		s.back.ready(0)
	})
	if s.holding[admit.StageParked] != runs+1 {
		t.Fatalf("held: %v, %+v", s.holding, s.counts)
	}
	s.fail(0)
	s.back.end()
	descriptor.Close(workers)
}

// report reports as a worker does.
func (s *served) report(words ...uint32) {
	s.a.t.Helper()
	bytes := []byte{queue.Version, queue.KindReport, byte(len(words)), 0, 7: 0}
	for _, word := range words {
		bytes = binary.NativeEndian.AppendUint32(bytes, word)
	}
	if err := unix.Sendmsg(s.back, bytes, nil, nil, 0); err != nil {
		s.a.t.Fatal(err)
	}
}

func TestMaxPerAddress(t *testing.T) {
	s := begin(t).serveWith("maxperaddr=2", "busyreply=62757379")
	s.dial()
	s.dial()
	one, fds := s.receive()
	descriptor.Close(fds...)
	two, parked := s.receive()
	if one.ID == 0 || two.ID == 0 || one.ID == two.ID {
		t.Fatalf("%+v, %+v", one, two)
	}
	s.report(one.ID, two.ID)
	s.status("handedOver 2")
	if got := hears(t, s.dial()); got != "busy" {
		t.Errorf("got %q", got)
	}
	s.status("refused {maxperaddr 1 rateperaddr 0}")

	// A parked one counts on, one that has ended doesn't, nor one nobody has.
	two.Kind = queue.KindPark
	s.sendsBack(two, "", parked[0])
	s.status("parked 1")
	s.report(one.ID|1<<31, two.ID|1<<31, 12345|1<<31)
	waits := s.dial()
	three, fds := s.receive()
	descriptor.Close(fds...)
	if got := hears(t, s.dial()); got != "busy" {
		t.Errorf("got %q", got)
	}
	s.status("refused {maxperaddr 2 rateperaddr 0}")
	s.report(three.ID, three.ID|1<<31)
	waits.Close()
	s.dial()
	_, fds = s.receive()
	descriptor.Close(fds...)
}

// TestQueueTimeAfterTheEnd: what is on a queue that has ended is shed, too.
func TestQueueTimeAfterTheEnd(t *testing.T) {
	for _, how := range []string{"close", "switch"} {
		s := begin(t).serveWith("queuetime=30", "busyreply=62757379")
		clients := []net.Conn{s.dial(), s.dial()}
		s.status("handedOver 2")
		if how == "switch" {
			m := s.a.done("renew", "", s.handle)
			t.Cleanup(func() { descriptor.Close(m.Fds...) })
		}
		s.a.done(how, "", s.handle)
		for _, client := range clients {
			if got := hears(t, client); got != "busy" {
				t.Errorf("%s: got %q", how, got)
			}
			client.Close()
		}
		s.ends()
	}
}
