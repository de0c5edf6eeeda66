package accept

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// fakeOther is a second queue.
const fakeOther = 1003

func TestMoveOfAnIdleLoop(t *testing.T) {
	f := newFakeSystem(t)
	f.open[fakeOther] = true
	f.accepts = []unix.Errno{0, unix.EAGAIN, unix.EAGAIN, 0}
	f.commands = []command{{switchQueue, fakeOther}}
	f.onPoll = stopWhenIdle
	l, _ := f.ran(8)
	if !slices.Equal(f.to, []int{fakeQueue, fakeOther}) || l.Counts().HandedOver != 2 {
		t.Errorf("sent to %v, %+v", f.to, l.Counts())
	}
	if errno := <-l.answers; errno != 0 {
		t.Errorf("answered %v", errno)
	}
}

func TestConnectionInHandGoesToTheNewQueue(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EAGAIN, unix.ETOOMANYREFS} {
		f := newFakeSystem(t)
		f.open[fakeOther] = true
		f.accepts, f.sends = repeat(0, 1), repeat(errno, 1)
		f.commands = []command{{switchQueue, fakeOther}}
		rooms := 0
		f.onPoll = func(events []unix.PollFd, milliseconds int) {
			events[0].Revents = unix.POLLIN
			if len(events) == 2 && events[1].Fd == fakeOther {
				rooms++
			}
		}
		l, _ := f.ran(8)
		if !slices.Equal(f.to, []int{fakeOther}) || l.Counts().Lost != 0 {
			t.Errorf("%v: sent to %v, %+v", errno, f.to, l.Counts())
		}
		if rooms != 0 {
			t.Errorf("%v: waited for room in the new queue", errno)
		}
	}
}

func TestRoomIsThatOfTheNewQueue(t *testing.T) {
	f := newFakeSystem(t)
	f.open[fakeOther] = true
	f.accepts, f.sends = repeat(0, 1), repeat(unix.EAGAIN, 2)
	f.commands = []command{{switchQueue, fakeOther}}
	var waited []int32
	f.onPoll = func(events []unix.PollFd, milliseconds int) {
		if len(events) == 2 && events[1].Events == unix.POLLOUT {
			waited = append(waited, events[1].Fd)
			if len(waited) == 1 {
				events[0].Revents = unix.POLLIN
			}
			return
		}
		stopWhenIdle(events, milliseconds)
	}
	f.ran(8)
	if !slices.Equal(waited, []int32{fakeQueue, fakeOther}) {
		t.Errorf("waited for %v", waited)
	}
}

func TestMoveWithoutADescriptorChangesNothing(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = []unix.Errno{unix.EAGAIN, 0}
	f.commands, f.onPoll = []command{{switchQueue, -1}}, stopWhenIdle
	l, _ := f.ran(8)
	if !slices.Equal(f.to, []int{fakeQueue}) {
		t.Errorf("sent to %v", f.to)
	}
	if errno := <-l.answers; errno != unix.EMFILE {
		t.Errorf("answered %v", errno)
	}
}

func TestRetire(t *testing.T) {
	f := newFakeSystem(t)
	f.commands, f.onPoll = []command{{retire, 3}}, stopWhenIdle
	l, _ := f.ran(8)
	if !slices.Equal(f.sent, slices.Repeat([]int{noConnection}, 3)) {
		t.Errorf("sent %v", f.sent)
	}
	if l.Counts().HandedOver != 0 {
		t.Errorf("%+v", l.Counts())
	}
}

func TestRetireWaitsForRoom(t *testing.T) {
	f := newFakeSystem(t)
	f.sends = []unix.Errno{0, unix.EAGAIN, unix.EAGAIN}
	f.commands, f.onPoll = []command{{retire, 2}}, stopWhenIdle
	f.ran(8)
	if !slices.Equal(f.sent, []int{noConnection, noConnection}) {
		t.Errorf("sent %v", f.sent)
	}
	if !slices.Equal(f.waits, []int{forever, maxPause, nudgePause, forever}) {
		t.Errorf("polled %v", f.waits)
	}
}

// TestBusyLoopSendsWhatIsLeft has a full queue at first, and then no idle moment
// before the last connection.
func TestBusyLoopSendsWhatIsLeft(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = append([]unix.Errno{unix.EAGAIN}, repeat(0, 3)...)
	f.sends = []unix.Errno{unix.EAGAIN}
	f.commands, f.onPoll = []command{{retire, 1}}, func(events []unix.PollFd, _ int) {
		events[0].Revents = unix.POLLIN
	}
	f.ran(8)
	if len(f.sent) != 4 || f.sent[0] != noConnection {
		t.Errorf("sent %v", f.sent)
	}
}

func TestMoveForgetsWhoShouldRetire(t *testing.T) {
	f := newFakeSystem(t)
	f.open[fakeOther] = true
	f.sends = repeat(unix.EAGAIN, 3)
	f.commands = []command{{retire, 2}, {switchQueue, fakeOther}}
	f.onPoll = func(events []unix.PollFd, _ int) { events[0].Revents = unix.POLLIN }
	f.ran(8)
	if len(f.sent) != 0 {
		t.Errorf("sent %v to %v", f.sent, f.to)
	}
}

func TestBusyLoopObeys(t *testing.T) {
	f := newFakeSystem(t)
	f.open[fakeOther] = true
	f.accepts = repeat(0, 4)
	f.commands, f.onPoll = []command{{switchQueue, fakeOther}}, stopWhenIdle
	sys := f.system()
	accept := sys.accept
	var l *Loop
	n := 0
	sys.accept = func(listener int, m *handoff.Message) (int, unix.Errno) {
		if n++; n == 2 {
			f.awake = true
			l.asked.Store(true)
		}
		return accept(listener, m)
	}
	l, err := newLoop(Options{Listeners: []int{fakeListener}, Queue: fakeQueue, Control: fakeControl, Backlog: 8}, sys)
	if err != nil {
		t.Fatal(err)
	}
	runHere(l)
	if !slices.Equal(f.to, []int{fakeQueue, fakeQueue, fakeOther, fakeOther}) {
		t.Errorf("sent to %v", f.to)
	}
}

func TestBrokenControlSocketStops(t *testing.T) {
	f := newFakeSystem(t)
	sys := f.system()
	errnos := []unix.Errno{unix.EINTR, unix.ECONNRESET}
	sys.command = func(int, bool, *command) unix.Errno { return pop(&errnos, unix.EAGAIN) }
	f.onPoll = stopWhenIdle
	l, err := newLoop(Options{Listeners: []int{fakeListener}, Queue: fakeQueue, Control: fakeControl, Backlog: 8}, sys)
	if err != nil {
		t.Fatal(err)
	}
	runHere(l)
	if len(f.waits) != 1 || len(f.open) != 0 {
		t.Errorf("polled %v, open %v", f.waits, f.open)
	}
}

func TestCommandsToALoopThatEnded(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts = []unix.Errno{unix.EINVAL}
	l, _ := f.ran(8)
	if err := l.Switch(-1, fakeOther); !errors.Is(err, ErrEnded) {
		t.Errorf("Switch: %v", err)
	}
	if err := l.Retire(-1, 1); !errors.Is(err, ErrEnded) {
		t.Errorf("Retire: %v", err)
	}
	if err := l.Stop(-1); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
