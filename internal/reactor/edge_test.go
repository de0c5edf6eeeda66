package reactor

import (
	"net"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/queue"
)

// turn lets the test itself be a reactor, whose rounds it makes.
func turn(t *testing.T, rules string) (s *service, workers int) {
	t.Helper()
	leaktest.Check(t)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := newSystem(poll)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := readWanted(rules + "\t" + asks("", 0, 64, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s, workers, err = (&opening{reactor: newReactor(Options{}, sys), handle: 1, wanted: wanted}).start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.fail(0)
		for _, l := range s.ending {
			descriptor.Close(l.receive)
		}
		descriptor.Close(workers)
		s.back.broken()
		descriptor.Close(poll)
	})
	return s, workers
}

func (s *service) client(t *testing.T) net.Conn {
	t.Helper()
	client, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.named[0].Port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// copied is the caller's.
func copied(t *testing.T, fd int) int {
	t.Helper()
	fd, err := copyOf(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// patientAndNot are two listeners, of which only the second has a queue time.
func patientAndNot(t *testing.T, first string) *served {
	t.Helper()
	return begin(t).serveAll(first + asks("", 0, 64, "127.0.0.1") + "queuetime=30\t" + asks("", 0, 64, "127.0.0.1"))
}

// TestKeptExtraIsItsOwn: what comes next hasn't got that of the one before, nor
// its memory.
func TestKeptExtraIsItsOwn(t *testing.T) {
	s, _ := turn(t, "defer=0")
	s.client(t)
	s.take(queue.Message{Kind: queue.KindConnection, Tag: 3}, []byte("tag"), copied(t, s.queue.receive))
	s.keep()
	s.listeners[0].takeOne()
	if s.pending.length() != 2 {
		t.Fatalf("%+v", s.pending)
	}
	s.flush()
	one, two := s.reactor.memory.extra(1), s.reactor.memory.extra(1)
	if &one[0] == &two[0] {
		t.Error("two have the same memory")
	}
}

// TestReportWithConnection: what comes with a report is closed.
func TestReportWithConnection(t *testing.T) {
	s, workers := turn(t, "defer=0")
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(ends[0])
	report := []byte{queue.Version, queue.KindReport, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}
	if err := unix.Sendmsg(workers, report, unix.UnixRights(ends[1]), nil, 0); err != nil {
		t.Fatal(err)
	}
	descriptor.Close(ends[1])
	s.back.ready(0)
	if n, _, err := unix.Recvfrom(ends[0], make([]byte, 1), unix.MSG_DONTWAIT); n != 0 || err != nil {
		t.Errorf("it is open: %d, %v", n, err)
	}
}

// TestRetireEndsWithItsQueue: who was to retire sees the end, and no worker of
// the next queue retires instead.
func TestRetireEndsWithItsQueue(t *testing.T) {
	s := begin(t).serveWith("queuetime=30", "busyreply=62757379")
	s.a.done("retire", "", s.handle, 1)
	client := s.dial()
	s.status("handedOver 1")
	next := s.a.done("renew", "", s.handle).Fds[0]
	defer descriptor.Close(next)
	s.a.done("switch", "", s.handle)
	if got := hears(t, client); got != "busy" {
		t.Errorf("got %q", got)
	}
	client.Close()
	s.status("closing 0}")
	if n, _, err := unix.Recvfrom(next, make([]byte, queue.Size), unix.MSG_DONTWAIT); n > 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestPutBackIsCountedOnce: one that was parked is no new one.
func TestPutBackIsCountedOnce(t *testing.T) {
	s := patientAndNot(t, "")
	patient := s.dial()
	m, fd := s.got("")
	says(t, patient, "more")
	m.Kind, m.Requests = queue.KindPark, 1
	s.sendsBack(m, "", fd)
	s.status("resumed 1")
	s.at("127.0.0.1", 1)
	hears(t, s.dial())
	s.status("shed {queuetime 1 maxqueue 0}")
	s.status("resumed 1")
	s.status("handedOver 2")
	_, fd = s.got("more")
	descriptor.Close(fd)
}

// TestImpatientListener: its queue time counts though another has a longer one.
func TestImpatientListener(t *testing.T) {
	s := patientAndNot(t, "queuetime=60000\t")
	s.dial()
	s.status("handedOver 1")
	s.at("127.0.0.1", 1)
	hears(t, s.dial())
	s.status("shed {queuetime 1 maxqueue 0}")
	_, fd := s.got("")
	descriptor.Close(fd)
}

// TestEndedQueueBehindAPatientOne: a worker takes that one, or none is left.
func TestEndedQueueBehindAPatientOne(t *testing.T) {
	for _, dies := range []bool{false, true} {
		s := patientAndNot(t, "")
		patient := s.dial()
		s.status("handedOver 1")
		s.at("127.0.0.1", 1)
		impatient := s.dial()
		s.status("handedOver 2")
		s.a.done("close", "", s.handle)
		if dies {
			descriptor.Close(s.back)
			s.back = queue.NoConnection
			hears(t, patient)
		} else {
			_, fd := s.got("")
			descriptor.Close(fd)
		}
		hears(t, impatient)
	}
}

// TestCloseWithHalfAHead: it has a moment to become a whole one.
func TestCloseWithHalfAHead(t *testing.T) {
	s, workers := turn(t, "head=0a")
	client := s.client(t)
	says(t, client, "one\n")
	s.listeners[0].takeOne()
	from := queue.NewReceiver()
	if errno := from.Receive(s.queue.receive); errno != 0 {
		t.Fatal(errno)
	}
	m, _, _ := queue.Decode(from.Bytes)
	_, _, _ = unix.Recvfrom(from.Connection, make([]byte, 4), 0)
	m.Kind, m.Requests = queue.KindPark, 1
	if errno := queue.NewSender().Send(workers, &m, nil, from.Connection); errno != 0 {
		t.Fatal(errno)
	}
	descriptor.Close(from.Connection)
	s.back.ready(0)
	says(t, client, "tw")
	s.close()
	if s.counts.Resumed != 0 || s.holding[admit.StageHead] != 1 {
		t.Errorf("%+v, held %v", s.counts, s.holding)
	}
}

// TestCloseDrainsWithRules: what is taken off the backlog has them, too.
func TestCloseDrainsWithRules(t *testing.T) {
	s, _ := turn(t, "queuetime=60000\tskipgone=reset")
	s.client(t)
	receive := copied(t, s.queue.receive)
	defer descriptor.Close(receive)
	s.close()
	from := queue.NewReceiver()
	if errno := from.Receive(receive); errno != 0 {
		t.Fatal(errno)
	}
	defer descriptor.Close(from.Connection)
	if m, _, err := queue.Decode(from.Bytes); m.Patience != 60000 || m.Flags != queue.FlagSkipReset {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestReturnPausesThoughItHasEnded: without a descriptor it isn't looked at again
// and again.
func TestReturnPausesThoughItHasEnded(t *testing.T) {
	s, workers := turn(t, "defer=0")
	if err := unix.Shutdown(workers, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	r := s.reactor
	r.sys.room = func(int) unix.Errno { return unix.EMFILE }
	now := r.sys.now()
	r.sys.now = func() uint64 { return now } // So that the pause doesn't end.
	var events [4]unix.EpollEvent
	for range 10 {
		n, _ := r.sys.wait(events[:], 0)
		for i := range n {
			r.dispatch(&events[i])
		}
	}
	if s.counts.Pauses != 1 {
		t.Errorf("%d pauses", s.counts.Pauses)
	}
}

// TestPanicAfterRelease ends what it concerns alone.
func TestPanicAfterRelease(t *testing.T) {
	f := newFake(t)
	s := f.service()
	f.open[fakeFirst] = true
	s.current = arrival{connection: fakeFirst, message: queue.Message{Patience: 1000}}
	s.hold(admit.StageParked)
	f.r.sys.send = func(int, *queue.Message, []byte, int) unix.Errno { panic("for the test") }
	f.r.dispatch(&unix.EpollEvent{Events: unix.EPOLLIN, Fd: fakeFirst, Pad: f.r.watched[fakeFirst].generation})
	if f.open[fakeFirst] {
		t.Error("it is open")
	}
}

// TestListenersGoOnBeforeAllIsSent: as many may wait.
func TestListenersGoOnBeforeAllIsSent(t *testing.T) {
	f := newFake(t)
	f.accepts, f.sends = repeat(0, 5), append(repeat(unix.EAGAIN, 1), 0, 0, unix.EAGAIN)
	s := f.service()
	s.mayWait = 2
	s.begin()
	for s.accepting() {
		s.listeners[0].takeOne()
	}
	if f.interest[fakeListener] != 0 {
		t.Fatal("the listener isn't held up")
	}
	s.flush()
	if s.pending.length() != 1 || f.interest[fakeListener] == 0 {
		t.Errorf("%d pending, interest %x", s.pending.length(), f.interest[fakeListener])
	}
}

// TestStrangersAreToldAgain: at most once a second, but not only once.
func TestStrangersAreToldAgain(t *testing.T) {
	f := newFake(t)
	s := f.service()
	owner := f.owned(s)
	n := 0
	for range 30 {
		f.clock += 100 * millisecond
		s.tellStrange(&s.current)
		n += len(told(t, owner))
	}
	if n < 2 || n > 4 {
		t.Errorf("told %d times in 3 s", n)
	}
}

// TestParkedWasCalled: a worker that says otherwise doesn't make a new one of it.
func TestParkedWasCalled(t *testing.T) {
	s := begin(t).serve(8)
	client := s.dial()
	m, fd := s.got("")
	says(t, client, "more")
	m.Kind = queue.KindPark
	s.sendsBack(m, "", fd)
	_, fd = s.got("more")
	descriptor.Close(fd)
	s.status("resumed 1")
	s.status("handedOver 1")
}

// TestMemoryOfCountingIsGivenBack, or each service would raise the limit.
func TestMemoryOfCountingIsGivenBack(t *testing.T) {
	const limit = 1 << 40
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	for _, closesFirst := range []bool{false, true} {
		s, workers := turn(t, "maxperaddr=9")
		s.client(t)
		s.listeners[0].takeOne()
		s.sweepLimits()
		if debug.SetMemoryLimit(-1) == limit {
			t.Error("it isn't raised")
		}
		ends := func() {
			_ = unix.Shutdown(workers, unix.SHUT_RDWR)
			s.back.ready(0)
		}
		if closesFirst {
			s.close()
			ends()
		} else {
			ends()
			s.close()
		}
		if got := debug.SetMemoryLimit(-1); got != limit {
			t.Errorf("%d more than before", got-limit)
		}
	}
}
