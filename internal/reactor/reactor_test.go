package reactor

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

// The descriptors of a reactor whose straight way is all fake.
const (
	fakeListener = 1000
	fakeQueue    = 1001
	fakeOther    = 1002
	fakeReceive  = 1003 // Of every queue.
	fakeFirst    = 2000 // Connections from here on.
)

// fake answers a reactor's system calls from scripts, with a clock of its own.
type fake struct {
	t *testing.T
	r *Reactor

	accepts []unix.Errno // Answers of accept; then EAGAIN.
	sends   []unix.Errno // Answers of send; then 0.
	stuck   bool         // Nobody receives.

	// onWait is called in each wait, with the milliseconds, before it ends.
	onWait func(milliseconds int)

	clock    uint64
	next     int            // The next connection.
	open     map[int]bool   // Connections and the service's own.
	interest map[int]uint32 // What the epoll looks for.
	sent     []int
	to       []int // Where each was sent.
	waits    []int // How long it waited when nothing happened; the last is -1.
}

func newFake(t *testing.T) *fake {
	f := &fake{
		t: t, clock: 1, next: fakeFirst,
		open:     map[int]bool{fakeListener: true, fakeQueue: true},
		interest: map[int]uint32{},
	}
	f.r = newReactor(Options{}, system{
		accept: f.accept, send: f.send, close: f.close, interest: f.epoll, wait: f.wait,
		queued: f.queued,
		hush:   func(int) {},
		now:    func() uint64 { return f.clock },
	})
	return f
}

func (f *fake) queued(int) int {
	if f.stuck {
		return 1
	}
	return 0
}

// pop takes the first answer of a script.
func pop(script *[]unix.Errno, otherwise unix.Errno) unix.Errno {
	if len(*script) == 0 {
		return otherwise
	}
	first := (*script)[0]
	*script = (*script)[1:]
	return first
}

func (f *fake) accept(int, *queue.Message) (int, unix.Errno) {
	errno := pop(&f.accepts, unix.EAGAIN)
	if errno != 0 {
		return -1, errno
	}
	f.next++
	f.open[f.next] = true
	return f.next, 0
}

func (f *fake) send(to int, _ *queue.Message, _ []byte, connection int) unix.Errno {
	errno := pop(&f.sends, 0)
	if errno == 0 {
		f.sent, f.to = append(f.sent, connection), append(f.to, to)
	}
	return errno
}

func (f *fake) close(fd int) {
	if fd == fakeReceive {
		return
	}
	if !f.open[fd] {
		f.t.Errorf("closes %d, which isn't open", fd)
	}
	delete(f.open, fd)
}

func (f *fake) epoll(op, fd int, event *unix.EpollEvent) unix.Errno {
	if op == unix.EPOLL_CTL_DEL {
		delete(f.interest, fd)
	} else {
		f.interest[fd] = event.Events
	}
	return 0
}

// wait tells of the listener while there is something to accept.
func (f *fake) wait(events []unix.EpollEvent, milliseconds int) (int, unix.Errno) {
	if f.onWait != nil {
		f.onWait(milliseconds)
	}
	if len(f.accepts) > 0 && f.interest[fakeListener]&unix.EPOLLIN != 0 {
		events[0] = unix.EpollEvent{
			Events: unix.EPOLLIN, Fd: fakeListener, Pad: f.r.watched[fakeListener].generation,
		}
		return 1, 0
	}
	f.waits = append(f.waits, milliseconds)
	f.clock += uint64(max(milliseconds, 0)) * millisecond
	return 0, 0
}

func fakeLine(send int) *line {
	return &line{send: send, receive: fakeReceive}
}

// service begins a service with the fake.
func (f *fake) service() *service {
	s := f.r.newService(1, fakeLine(fakeQueue))
	s.addListener(listening(fakeListener))
	return s
}

func listening(fd int) named {
	return named{Opened: listen.Opened{Fds: []int{fd}, Port: 80}, rules: &admit.Rules{}, asked: listen.Options{Backlog: 8}}
}

// run lets the reactor work until it would wait without end.
func (f *fake) run() {
	var events [4]unix.EpollEvent
	for len(f.waits) == 0 || f.waits[len(f.waits)-1] != -1 {
		f.r.round(events[:])
		if len(f.waits) > 500 {
			f.t.Fatalf("it never rests: %v", f.waits[:50])
		}
	}
}

// ran runs a service until nothing is left to do.
func (f *fake) ran() *service {
	s := f.service()
	s.begin()
	f.run()
	return s
}

// owned gives a service an owner, and returns the other end of its socket.
func (f *fake) owned(s *service) int {
	f.t.Helper()
	leaktest.Check(f.t)
	one, other, err := queue.Pair()
	if err != nil {
		f.t.Fatal(err)
	}
	f.r.admit(one)
	for c := range f.r.clients {
		if c.fd == one {
			s.owner = c
		}
	}
	f.t.Cleanup(func() {
		descriptor.Close(other)
		if f.r.watched[one].watcher != nil {
			descriptor.Close(one)
		}
	})
	return other
}

// toldOf is which notice came, and why.
func toldOf(m control.Message) string {
	for n, text := range noticeTexts {
		if strings.HasPrefix(string(m.Text), "port 80: "+text) && (m.Numbers[1] != 0) == (notice(n) == ended) {
			return []string{"paused", "held", "failed", "strange"}[n] + " " + unix.ErrnoName(m.Errno)
		}
	}
	return string(m.Text)
}

// told returns the notices that came.
func told(t *testing.T, fd int) []string {
	var all []string
	for {
		m, err := control.NewBuffer().Receive(fd)
		if errors.Is(err, unix.EAGAIN) {
			return all
		}
		if err != nil || m.ID != 0 {
			t.Fatalf("%+v, %v", m, err)
		}
		all = append(all, toldOf(m))
	}
}

// holds checks what is open.
func (f *fake) holds(fds ...int) {
	f.t.Helper()
	if got := slices.Sorted(maps.Keys(f.open)); !slices.Equal(got, fds) {
		f.t.Errorf("open: %v, want %v", got, fds)
	}
}

// repeat is a script of one answer, n times.
func repeat(errno unix.Errno, n int) []unix.Errno {
	return slices.Repeat([]unix.Errno{errno}, n)
}

// waited checks how long it waited, but for the last time, which has no end.
func (f *fake) waited(want ...int) {
	f.t.Helper()
	if !slices.Equal(f.waits, append(want, -1)) {
		f.t.Errorf("waited %v, want %v", f.waits, want)
	}
}

func TestAcceptAndSend(t *testing.T) {
	f := newFake(t)
	f.accepts = repeat(0, 3*batch)
	s := f.ran()
	if s.counts != (counts{Accepted: 3 * batch, HandedOver: 3 * batch}) || !slices.IsSorted(f.sent) {
		t.Errorf("%+v", s.counts)
	}
	f.waited(nudgePause)
	f.holds(fakeListener, fakeQueue)
}

func TestTransientErrorsOfAccept(t *testing.T) {
	f := newFake(t)
	f.accepts = append(repeat(unix.ECONNABORTED, 3), unix.EINTR, unix.EPROTO, unix.EPERM, unix.ENONET, 0)
	s := f.ran()
	if s.counts != (counts{Accepted: 1, HandedOver: 1, Retries: 7}) {
		t.Errorf("%+v", s.counts)
	}
	f.waited(nudgePause)
}

func TestEndlessTransientErrorPauses(t *testing.T) {
	f := newFake(t)
	f.accepts = append(repeat(unix.EPROTO, patience+3), 0)
	f.ran()
	f.waited(5, 10, 20, nudgePause)
}

func TestStarvedAcceptPausesAndGoesOn(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		f := newFake(t)
		f.accepts = append(append(append(repeat(errno, 7), 0), repeat(errno, 2)...), 0)
		s := f.service()
		owner := f.owned(s)
		f.onWait = func(int) {
			if s.listeners[0].resume.place > 0 && f.interest[fakeListener] != 0 {
				t.Error("the epoll looks while it pauses")
			}
		}
		s.begin()
		f.run()
		if s.counts.Accepted != 2 || s.counts.Pauses != 9 {
			t.Errorf("%v: %+v", errno, s.counts)
		}
		if len(f.waits) < 9 || !slices.Equal(f.waits[:7], []int{5, 10, 20, 40, 80, 100, 100}) {
			t.Errorf("%v: waited %v", errno, f.waits)
		}
		if got := told(t, owner); !slices.Equal(got, []string{"paused " + unix.ErrnoName(errno)}) {
			t.Errorf("%v: once, though it comes and goes, but told %v", errno, got)
		}
	}
}

func TestFreeDescriptorEndsThePause(t *testing.T) {
	f := newFake(t)
	f.accepts = []unix.Errno{unix.EMFILE, 0}
	s := f.service()
	f.open[fakeFirst] = true
	s.current = arrival{connection: fakeFirst, message: queue.Message{Patience: 1}}
	s.hold(admit.StageParked)
	s.begin()
	f.run()
	f.waited(1, nudgePause)
	f.holds(fakeListener, fakeQueue)
}

func TestHopelessErrorOfAcceptIsToldAndCloses(t *testing.T) {
	for _, accepts := range [][]unix.Errno{{unix.EINVAL}, {0, 0, unix.EINVAL}} {
		f := newFake(t)
		f.accepts = accepts
		s := f.service()
		owner := f.owned(s)
		s.begin()
		f.run()
		if int(s.counts.HandedOver) != len(accepts)-1 {
			t.Errorf("%+v", s.counts)
		}
		if got := told(t, owner); !slices.Equal(got, []string{"failed EINVAL"}) {
			t.Errorf("told %v", got)
		}
		f.holds()
		if len(f.r.services) != 0 {
			t.Error("it is still known")
		}
		f.asks(s, "renew", "SERVER")
		f.asks(s, "close", "")
	}
}

// TestServiceThatFailedUntold stays until it is closed.
func TestServiceThatFailedUntold(t *testing.T) {
	f := newFake(t)
	f.accepts = repeat(unix.EINVAL, 1)
	s := f.ran()
	f.asks(s, "renew", "SERVER")
	f.asks(s, "abandon", "NOTRENEWED")
	f.asks(s, "close", "")
	if len(f.r.services) != 0 {
		t.Error("it is still known")
	}
}

// asks asks something of a service, and checks how that ends.
func (f *fake) asks(s *service, name, want string) {
	f.t.Helper()
	m := control.Message{Name: name, Numbers: control.Numbers{int64(s.handle), 1}}
	answer := requests[name](f.r, s.owner, &m)
	descriptor.Close(answer.Fds...)
	if answer.Name != want {
		f.t.Errorf("%s: %q, want %q", name, answer.Name, want)
	}
}

func TestFullQueueHoldsBackTheListener(t *testing.T) {
	f := newFake(t)
	f.accepts, f.sends = repeat(0, 2), repeat(unix.EAGAIN, 3)
	s := f.service()
	f.onWait = func(int) {
		if (s.pending.length() > 0) != (f.interest[fakeListener] == 0) {
			t.Error("the epoll looks at the listener while the queue is full, or not when it isn't")
		}
		if s.pending.length() > 0 && f.interest[fakeQueue]&unix.EPOLLOUT == 0 {
			t.Error("the epoll doesn't look for room")
		}
	}
	s.begin()
	f.run()
	if s.counts != (counts{Accepted: 2, HandedOver: 2, Waits: 1}) || !slices.IsSorted(f.sent) {
		t.Errorf("%+v, %v", s.counts, f.sent)
	}
	f.waited(100, 100, 100, nudgePause)
}

func TestRoomIsUsedAtOnce(t *testing.T) {
	f := newFake(t)
	f.accepts, f.sends = repeat(0, 1), repeat(unix.EAGAIN, 1)
	s := f.service()
	s.begin()
	f.r.dispatch(&unix.EpollEvent{Events: unix.EPOLLOUT, Fd: fakeQueue, Pad: f.r.watched[fakeQueue].generation})
	if s.counts.HandedOver != 1 {
		t.Errorf("%+v", s.counts)
	}
}

func TestHeldConnectionIsSentLater(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ETOOMANYREFS, unix.ENOBUFS, unix.ENOMEM, unix.EMFILE} {
		f := newFake(t)
		f.accepts, f.sends = repeat(0, 2), append(repeat(errno, 3), 0, errno, 0)
		s := f.service()
		owner := f.owned(s)
		s.begin()
		f.run()
		if s.counts != (counts{Accepted: 2, HandedOver: 2, Pauses: 4}) {
			t.Errorf("%v: %+v", errno, s.counts)
		}
		if got := told(t, owner); !slices.Equal(got, []string{"held " + unix.ErrnoName(errno)}) {
			t.Errorf("%v: told %v", errno, got)
		}
		f.waited(5, 10, 20, 5, 20, 5)
	}
}

func TestInterruptedSendIsRetried(t *testing.T) {
	f := newFake(t)
	f.accepts, f.sends = repeat(0, 1), repeat(unix.EINTR, 2)
	if s := f.ran(); s.counts != (counts{Accepted: 1, HandedOver: 1, Retries: 2}) {
		t.Errorf("%+v", s.counts)
	}
}

func TestNoReceiverEndsTheService(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPIPE, unix.ECONNREFUSED, unix.ECONNRESET} {
		f := newFake(t)
		f.accepts, f.sends = repeat(0, 2), []unix.Errno{errno}
		s := f.service()
		owner := f.owned(s)
		s.begin()
		f.run()
		if s.counts != (counts{Accepted: 1, Lost: 1}) {
			t.Errorf("%v: %+v", errno, s.counts)
		}
		if got := told(t, owner); !slices.Equal(got, []string{"failed " + unix.ErrnoName(errno)}) {
			t.Errorf("%v: told %v", errno, got)
		}
		f.holds()
	}
}

func TestPanicEndsTheServiceAlone(t *testing.T) {
	f := newFake(t)
	s := f.service()
	owner := f.owned(s)
	s.begin()
	f.accepts = repeat(0, 1)
	f.r.sys.send = func(int, *queue.Message, []byte, int) unix.Errno { panic("for the test") }
	f.run()
	if got := told(t, owner); !slices.Equal(got, []string{"failed "}) {
		t.Errorf("told %v", got)
	}
	f.holds()
}

func TestPanicOfADeadlineEndsTheServiceAlone(t *testing.T) {
	f := newFake(t)
	f.sends = repeat(unix.EAGAIN, 1)
	f.accepts = repeat(0, 1)
	s := f.service()
	owner := f.owned(s)
	s.begin()
	f.r.sys.send = func(int, *queue.Message, []byte, int) unix.Errno { panic("for the test") }
	f.run()
	if got := told(t, owner); !slices.Equal(got, []string{"failed "}) {
		t.Errorf("told %v", got)
	}
	f.holds()
}

func TestOthersAreServedWhileOneQueueIsFull(t *testing.T) {
	const listener, second = 1500, 1501
	f := newFake(t)
	f.open[listener], f.open[second] = true, true
	f.accepts, f.sends = repeat(0, 1), repeat(unix.EAGAIN, 1)
	full := f.service()
	full.begin()
	other := f.r.newService(2, fakeLine(second))
	other.addListener(listening(listener))
	f.accepts = repeat(0, 5)
	other.begin()
	for range 3 {
		other.listeners[0].ready(unix.EPOLLIN)
	}
	if full.counts.HandedOver != 0 || other.counts.HandedOver != 5 {
		t.Errorf("%+v, %+v", full.counts, other.counts)
	}
}

func TestCloseTakesTheBacklogAndDeliversItInOrder(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.accepts, f.sends = repeat(0, 6), repeat(unix.EAGAIN, 4)
	s.close()
	if f.open[fakeListener] || !f.open[fakeQueue] || s.counts.Accepted != 6 || len(f.sent) != 0 {
		t.Errorf("%+v, open %v", s.counts, f.open)
	}
	f.run()
	if s.counts.HandedOver != 6 || s.counts.Lost != 0 || !slices.IsSorted(f.sent) {
		t.Errorf("%+v, sent %v", s.counts, f.sent)
	}
	f.holds()
}

func TestCloseOfABusyServiceEnds(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.accepts = repeat(0, 1000)
	s.close()
	if s.counts.Accepted != 8+1 {
		t.Errorf("no more than the backlog can hold, but %+v", s.counts)
	}
	f.holds()
}

func TestCloseWithoutDescriptorsMakesRoom(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.accepts = []unix.Errno{0, 0, unix.EMFILE, 0, unix.ECONNABORTED, 0}
	s.close()
	if s.counts.HandedOver != 4 || s.counts.Lost != 0 || !slices.IsSorted(f.sent) {
		t.Errorf("%+v, sent %v", s.counts, f.sent)
	}
	f.holds()
}

func TestCloseWhileTheQueueIsFull(t *testing.T) {
	f := newFake(t)
	f.accepts, f.sends = repeat(0, 1), repeat(unix.EAGAIN, 2)
	s := f.service()
	s.begin()
	f.accepts = repeat(0, 3)
	s.close()
	f.run()
	if s.counts.HandedOver != 4 || !slices.IsSorted(f.sent) {
		t.Errorf("%+v, sent %v", s.counts, f.sent)
	}
	f.holds()
}

func TestNoReceiverWhileClosing(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.accepts, f.sends = repeat(0, 4), []unix.Errno{unix.EAGAIN, unix.EPIPE}
	s.close()
	f.run()
	if s.counts.Lost != 4 {
		t.Errorf("%+v", s.counts)
	}
	f.holds()
}

func TestHeldConnectionGoesToTheNewQueue(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EAGAIN, unix.ETOOMANYREFS} {
		f := newFake(t)
		f.open[fakeOther] = true
		f.accepts, f.sends = repeat(0, 1), repeat(errno, 1)
		s := f.service()
		s.begin()
		s.retiring = 3 // They see the end of the old one.
		s.next = fakeLine(fakeOther)
		f.asks(s, "switch", "")
		f.accepts = repeat(0, 1)
		f.run()
		if !slices.Equal(f.to, []int{fakeOther, fakeOther}) || s.counts.Lost != 0 {
			t.Errorf("%v: sent to %v, %+v", errno, f.to, s.counts)
		}
		f.holds(fakeListener, fakeOther)
	}
}

func TestAbandonAndCloseEndTheSecondQueue(t *testing.T) {
	for _, name := range []string{"abandon", "close"} {
		f := newFake(t)
		f.open[fakeOther] = true
		s := f.service()
		s.begin()
		s.next = fakeLine(fakeOther)
		f.asks(s, "renew", "RENEWED")
		f.asks(s, name, "")
		if f.open[fakeOther] || f.open[fakeQueue] != (name == "abandon") {
			t.Errorf("%s: open %v", name, f.open)
		}
	}
}

func TestRetire(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.sends = []unix.Errno{unix.EAGAIN}
	f.asks(s, "retire", "")
	f.asks(s, "retire", "")
	f.run()
	if !slices.Equal(f.sent, []int{queue.NoConnection, queue.NoConnection}) || s.counts != (counts{}) {
		t.Errorf("sent %v, %+v", f.sent, s.counts)
	}
}

// TestBusyServiceRetires has a full queue at first, and then no idle moment.
func TestBusyServiceRetires(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	f.sends = []unix.Errno{unix.EAGAIN}
	f.asks(s, "retire", "")
	f.accepts = repeat(0, 3)
	f.run()
	if len(f.sent) != 4 || f.sent[0] != queue.NoConnection {
		t.Errorf("sent %v", f.sent)
	}
}

func TestNudgesWhileSomethingStaysQueued(t *testing.T) {
	f := newFake(t)
	f.accepts, f.stuck = repeat(0, 1), true
	f.ran()
	var want []int
	for n := range maxNudges + 1 {
		want = append(want, nudgePause<<n)
	}
	f.waited(want...)
	if len(f.sent) != 1+maxNudges || f.sent[1] != queue.NoConnection {
		t.Errorf("sent %v", f.sent)
	}
}

func TestConnectionBeginsNudgesAnew(t *testing.T) {
	f := newFake(t)
	f.stuck = true
	s := f.ran()
	s.nudger.nudges = 3
	f.clock += 1e9
	s.wasSent()
	if s.nudger.nudges != 0 || s.nudger.next.at != f.clock+nudgePause*millisecond {
		t.Errorf("%+v at %d", s.nudger, f.clock)
	}
}

func TestFewNudgesWhileWorkersAreBusy(t *testing.T) {
	f := newFake(t)
	f.stuck = true
	s := f.ran()
	nudges := func() int {
		before := len(f.sent)
		for range 3 * mostNudges {
			s.wasSent()
			f.clock += nudgePause * millisecond
			s.sendNudge()
		}
		return len(f.sent) - before
	}
	if n := nudges(); n != mostNudges {
		t.Errorf("%d nudges", n)
	}
	f.stuck = false
	s.sendNudge()
	f.stuck = true
	if n := nudges(); n != mostNudges {
		t.Errorf("%d nudges after nothing was queued", n)
	}
}

func TestSlowOwnerHoldsNobodyUp(t *testing.T) {
	f := newFake(t)
	s := f.service()
	owner := f.owned(s)
	c := s.owner
	n := 0
	for ; !c.blocked; n++ {
		c.question = uint32(n + 1)
		c.answer(control.Message{})
	}
	s.tell(paused, unix.EMFILE)
	s.tell(held, unix.ENOMEM)
	s.tell(paused, unix.ENFILE)
	if f.interest[c.fd]&unix.EPOLLOUT == 0 {
		t.Error("it doesn't wait for room")
	}
	var got []string
	for range 3 {
		for {
			m, err := control.NewBuffer().Receive(owner)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.ID == 0 {
				got = append(got, toldOf(m))
			} else if n--; len(got) > 0 {
				t.Error("a notice comes before an answer")
			}
		}
		c.ready(unix.EPOLLOUT)
	}
	if n != 0 || strings.Join(got, ",") != "paused ENFILE,held ENOMEM" {
		t.Errorf("%d answers too few, told %v", n, got)
	}
}

func TestOwnerThatIsGoneIsToldNothing(t *testing.T) {
	f := newFake(t)
	s := f.service()
	owner := f.owned(s)
	_ = unix.Shutdown(owner, unix.SHUT_RDWR)
	s.owner.ready(unix.EPOLLIN)
	s.tell(paused, unix.EMFILE)
	if s.owner != nil || len(f.r.clients) != 0 || s.state != serving {
		t.Errorf("owner %v, clients %v", s.owner, f.r.clients)
	}
}

func TestEventOfAClosedDescriptorIsNobodys(t *testing.T) {
	f := newFake(t)
	s := f.service()
	s.begin()
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: fakeListener, Pad: f.r.watched[fakeListener].generation}
	f.accepts = repeat(0, 1)
	f.r.unwatch(fakeListener)
	f.r.dispatch(&event)
	f.r.watch(fakeListener, s.listeners[0], unix.EPOLLIN)
	f.r.dispatch(&event)
	if s.counts.Accepted != 0 {
		t.Errorf("%+v", s.counts)
	}
}

func TestPausesGrow(t *testing.T) {
	var p pace
	var pauses []int
	for range 7 {
		pauses = append(pauses, p.next())
	}
	if want := []int{5, 10, 20, 40, 80, 100, 100}; !slices.Equal(pauses, want) {
		t.Errorf("got %v, want %v", pauses, want)
	}
	p.reset()
	if got := p.next(); got != 5 {
		t.Errorf("after a reset: %d", got)
	}
}

func TestTroubleIsToldAgainOnlyAfterAGap(t *testing.T) {
	var met trouble
	for _, c := range []struct {
		at  uint64
		due bool
	}{{1, true}, {2, false}, {noticeGap, false}, {2*noticeGap + 1, true}} {
		if due := met.due(c.at); due != c.due {
			t.Errorf("at %d: %v", c.at, due)
		}
	}
}

func TestDeadlinesComeInOrder(t *testing.T) {
	var h deadlines
	all := make([]deadline, 100)
	for range 5000 {
		d := &all[rand.IntN(len(all))]
		if rand.IntN(3) == 0 {
			h.clear(d)
		} else {
			h.set(d, rand.Uint64N(1000))
		}
		for i, d := range h {
			if d.place != i+1 || i > 0 && h[(i-1)/2].at > d.at {
				t.Fatalf("not a heap: %v", h)
			}
		}
	}
	last := uint64(0)
	for len(h) > 0 {
		if h[0].at < last {
			t.Error("out of order")
		}
		last = h[0].at
		h.clear(h[0])
	}
}

func TestRemedies(t *testing.T) {
	for _, c := range []struct {
		errno        unix.Errno
		accept, send remedy
	}{
		{0, nothing, nothing}, {unix.EAGAIN, wait, wait}, {unix.EINTR, retry, retry},
		{unix.EMFILE, pause, pause}, {unix.ENFILE, pause, pause}, {unix.ENOBUFS, pause, pause},
		{unix.ENOMEM, pause, pause}, {unix.ETOOMANYREFS, giveUp, pause},
		{unix.ECONNABORTED, retry, giveUp}, {unix.EPERM, retry, giveUp}, {unix.ENETDOWN, retry, giveUp},
		{unix.EINVAL, giveUp, giveUp}, {unix.EBADF, giveUp, giveUp}, {unix.EPIPE, giveUp, giveUp},
	} {
		if a, s := acceptRemedy(c.errno), sendRemedy(c.errno); a != c.accept || s != c.send {
			t.Errorf("%v: %d, %d", c.errno, a, s)
		}
	}
}
