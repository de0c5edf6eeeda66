package accept

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// repeat is a script of one answer, n times.
func repeat(errno unix.Errno, n int) []unix.Errno {
	return slices.Repeat([]unix.Errno{errno}, n)
}

func TestBusyLoopNeverPolls(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.onPoll = repeat(0, 50), stopWhenIdle
	l, told := f.ran(8)
	if c := l.Counts(); c.Accepted != 50 || c.HandedOver != 50 || len(told) != 0 {
		t.Errorf("%+v, told %v", c, told)
	}
	if !slices.Equal(f.waits, []int{nudgePause, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

func TestTransientErrorsOfAccept(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = append(repeat(unix.ECONNABORTED, 3), unix.EINTR, unix.EPROTO, unix.EPERM, 0)
	f.onPoll = stopWhenIdle
	l, told := f.ran(8)
	if c := l.Counts(); c.Accepted != 1 || c.Retries != 6 || c.Pauses != 0 || len(told) != 0 {
		t.Errorf("%+v, told %v", c, told)
	}
	if !slices.Equal(f.waits, []int{nudgePause, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

func TestEndlessTransientErrorPauses(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.onPoll = append(repeat(unix.EPROTO, patience+3), 0), stopWhenIdle
	f.ran(8)
	if !slices.Equal(f.waits, []int{5, 10, 20, nudgePause, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

func TestStarvedAcceptPausesAndGoesOn(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		f := newFakeSystem(t)
		f.accepts = append(append(append(repeat(errno, 7), 0), repeat(errno, 2)...), 0)
		f.onPoll = stopWhenIdle
		l, told := f.ran(8)
		if c := l.Counts(); c.Accepted != 2 || c.Pauses != 9 {
			t.Errorf("%v: %+v", errno, c)
		}
		if !slices.Equal(f.waits, []int{5, 10, 20, 40, 80, 100, 100, 5, 10, nudgePause, forever}) {
			t.Errorf("%v: polled %v", errno, f.waits)
		}
		if want := []notice{{Paused, errno}}; !slices.Equal(told, want) {
			t.Errorf("%v: once, though it comes and goes, but told %v", errno, told)
		}
	}
}

func TestHopelessErrorOfAcceptEndsTheLoop(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = []unix.Errno{0, unix.EINVAL}
	l, told := f.ran(8)
	if c := l.Counts(); c.HandedOver != 1 {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(told, []notice{{Failed, unix.EINVAL}}) {
		t.Errorf("told %v", told)
	}
}

func TestFullQueueHoldsTheConnection(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.sends = repeat(0, 2), repeat(unix.EAGAIN, 3)
	f.onPoll = stopWhenIdle
	l, told := f.ran(8)
	if c := l.Counts(); c.HandedOver != 2 || c.Waits != 1 || len(told) != 0 {
		t.Errorf("%+v, told %v", c, told)
	}
	if !slices.Equal(f.waits, []int{100, 100, 100, nudgePause, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

func TestHeldConnectionIsSentLater(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ETOOMANYREFS, unix.ENOBUFS, unix.ENOMEM, unix.EMFILE} {
		f := newFakeSystem(t)
		f.accepts, f.sends = repeat(0, 2), append(repeat(errno, 3), 0, errno, 0)
		f.onPoll = stopWhenIdle
		l, told := f.ran(8)
		if c := l.Counts(); c.HandedOver != 2 || c.Pauses != 4 || c.Lost != 0 {
			t.Errorf("%v: %+v", errno, c)
		}
		if want := []notice{{Held, errno}}; !slices.Equal(told, want) {
			t.Errorf("%v: told %v", errno, told)
		}
		if !slices.Equal(f.waits, []int{5, 10, 20, 5, nudgePause, forever}) {
			t.Errorf("%v: polled %v", errno, f.waits)
		}
	}
}

func TestInterruptedSendIsRetried(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.sends, f.onPoll = repeat(0, 1), repeat(unix.EINTR, 2), stopWhenIdle
	l, _ := f.ran(8)
	if c := l.Counts(); c.HandedOver != 1 || c.Retries != 2 {
		t.Errorf("%+v", c)
	}
}

func TestNoReceiverEndsTheLoop(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPIPE, unix.ECONNREFUSED, unix.ECONNRESET} {
		f := newFakeSystem(t)
		f.accepts, f.sends = repeat(0, 2), []unix.Errno{errno}
		l, told := f.ran(8)
		if c := l.Counts(); c.Accepted != 1 || c.Lost != 1 || c.HandedOver != 0 {
			t.Errorf("%v: %+v", errno, c)
		}
		if !slices.Equal(told, []notice{{Failed, errno}}) {
			t.Errorf("%v: told %v", errno, told)
		}
	}
}

func TestPanicEndsTheLoopAlone(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = repeat(0, 1)
	f.onPoll = func([]unix.PollFd, int) { panic("for the test") }
	_, told := f.ran(8)
	if !slices.Equal(told, []notice{{Failed, 0}}) {
		t.Errorf("told %v", told)
	}
}

func TestFailingPollMakesNoBusyLoop(t *testing.T) {
	f := newFakeSystem(t)
	f.polls = []unix.Errno{unix.EINVAL, 0, unix.EINTR}
	idle := 0
	f.onPoll = func(events []unix.PollFd, milliseconds int) {
		if milliseconds == forever {
			if idle++; idle == 3 {
				events[0].Revents = unix.POLLIN
			}
		}
	}
	f.ran(8)
	if !slices.Equal(f.waits, []int{forever, 100, forever, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

func TestStopWakesEachWait(t *testing.T) {
	for name, script := range map[string]struct{ accepts, sends []unix.Errno }{
		"idle":    {nil, nil},
		"starved": {append(repeat(unix.EMFILE, 1), 0, 0), nil},
		"full":    {repeat(0, 2), repeat(unix.EAGAIN, 2)},
		"held":    {repeat(0, 2), repeat(unix.ETOOMANYREFS, 2)},
	} {
		f := newFakeSystem(t)
		f.accepts, f.sends = script.accepts, script.sends
		f.onPoll = func(events []unix.PollFd, _ int) {
			if len(events) > 0 && events[0].Fd == fakeControl {
				events[0].Revents = unix.POLLIN
			}
		}
		l, _ := f.ran(8)
		if c := l.Counts(); c.Lost != 0 || c.HandedOver != c.Accepted || name != "idle" && c.Accepted != 2 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestStopOfABusyLoop(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = repeat(0, 1000)
	l, err := newLoop(Options{Listeners: []int{fakeListener}, Queue: fakeQueue, Control: fakeControl, Backlog: 8}, f.system())
	if err != nil {
		t.Fatal(err)
	}
	f.awake = true
	l.asked.Store(true)
	runHere(l)
	if c := l.Counts(); c.Accepted != 10 || c.HandedOver != 10 {
		t.Errorf("one, and no more than the backlog can hold: %+v", c)
	}
}

func TestDrainTakesTheBacklogBeforeAFullQueueHasRoom(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.sends = repeat(0, 6), repeat(unix.EAGAIN, 20)
	f.onPoll = func(events []unix.PollFd, _ int) {
		if len(events) > 0 && events[0].Fd == fakeControl {
			events[0].Revents = unix.POLLIN
			return
		}
		if f.open[fakeListener] {
			t.Error("waits for the queue before the listening socket is closed")
		}
	}
	l, _ := f.ran(8)
	if c := l.Counts(); c.HandedOver != 6 || c.Lost != 0 {
		t.Errorf("%+v", c)
	}
	if !slices.IsSorted(f.sent) {
		t.Errorf("out of order: %v", f.sent)
	}
}

func TestDrainWithoutDescriptorsMakesRoom(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = []unix.Errno{0, 0, unix.EMFILE, 0, unix.ECONNABORTED, 0}
	f.sends = []unix.Errno{unix.EAGAIN}
	f.onPoll = func(events []unix.PollFd, _ int) {
		if len(events) > 0 && events[0].Fd == fakeControl {
			events[0].Revents = unix.POLLIN
		}
	}
	l, _ := f.ran(8)
	if c := l.Counts(); c.HandedOver != 4 || c.Lost != 0 {
		t.Errorf("%+v", c)
	}
	if !slices.IsSorted(f.sent) {
		t.Errorf("out of order: %v", f.sent)
	}
}

func TestNoReceiverWhileStopping(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.sends = repeat(0, 4), []unix.Errno{unix.EAGAIN, unix.EPIPE}
	f.onPoll = func(events []unix.PollFd, _ int) { events[0].Revents = unix.POLLIN }
	l, told := f.ran(8)
	if c := l.Counts(); c.Lost != 4 {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(told, []notice{{Failed, unix.EPIPE}}) {
		t.Errorf("told %v", told)
	}
}

// fakeGuard checks that the lock is held where it must be.
type fakeGuard struct {
	t      *testing.T
	locked bool
	list   map[int]bool
}

func (g *fakeGuard) Lock()   { g.locked = true }
func (g *fakeGuard) Unlock() { g.locked = false }

func (g *fakeGuard) Closes(fd int) {
	if !g.locked || g.list[fd] {
		g.t.Errorf("%d is on the list already, or the lock not held", fd)
	}
	g.list[fd] = true
}

func (g *fakeGuard) Keeps(fd int) {
	if !g.locked || !g.list[fd] {
		g.t.Errorf("%d is not on the list, or the lock not held", fd)
	}
	delete(g.list, fd)
}

func TestSharedTableIsGuarded(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.sends = []unix.Errno{0, unix.EMFILE, 0}, repeat(unix.EAGAIN, 1)
	g := &fakeGuard{t: t, list: map[int]bool{fakeListener: true, fakeQueue: true, fakeControl: true}}
	f.onPoll = func(events []unix.PollFd, milliseconds int) {
		if g.locked {
			t.Error("waits with the lock held")
		}
		stopWhenIdle(events, milliseconds)
	}
	sys := f.system()
	sys.claim = func([]int) bool { return false }
	accept := sys.accept
	sys.accept = func(listener int, m *handoff.Message) (int, unix.Errno) {
		if !g.locked {
			t.Error("accepts without the lock")
		}
		return accept(listener, m)
	}
	l, err := newLoop(Options{
		Listeners: []int{fakeListener}, Queue: fakeQueue, Control: fakeControl, Backlog: 8, Guard: g,
	}, sys)
	if err != nil {
		t.Fatal(err)
	}
	runHere(l)
	if len(f.open) != 0 || len(g.list) != 0 || l.Counts().HandedOver != 2 {
		t.Errorf("open %v, on the list %v, %+v", f.open, g.list, l.Counts())
	}
}
