package accept

import (
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// The descriptors of a loop whose system calls are all fake.
const (
	fakeListener = 1000
	fakeQueue    = 1001
	fakeControl  = 1002
	fakeFirst    = 2000 // Connections from here on.
)

// fakeSystem answers a loop's system calls from scripts.
type fakeSystem struct {
	t *testing.T

	accepts []unix.Errno // Answers of accept; then EAGAIN.
	sends   []unix.Errno // Answers of send; then 0.
	polls   []unix.Errno // Answers of poll; then 0.

	// What comes on the control socket, one at each wake-up; then to stop.
	commands []command

	// onPoll is called before each answer of poll and may wake the loop;
	// awake says that it did.
	stuck  bool // Nobody receives.
	onPoll func(events []unix.PollFd, milliseconds int)
	awake  bool

	next  int          // The next connection.
	open  map[int]bool // Connections and the loop's own.
	sent  []int
	to    []int // Where each was sent.
	waits []int // Timeouts of poll.
}

func newFakeSystem(t *testing.T) *fakeSystem {
	return &fakeSystem{t: t, next: fakeFirst, open: map[int]bool{
		fakeListener: true, fakeQueue: true, fakeControl: true,
	}}
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

func (f *fakeSystem) system() system {
	return system{
		claim: func([]int) bool { return true },
		accept: func(int, *handoff.Message) (int, unix.Errno) {
			errno := pop(&f.accepts, unix.EAGAIN)
			if errno != 0 {
				return -1, errno
			}
			f.next++
			f.open[f.next] = true
			return f.next, 0
		},
		send: func(queue int, _ *handoff.Message, connection int) unix.Errno {
			errno := pop(&f.sends, 0)
			if errno == 0 {
				f.sent = append(f.sent, connection)
				f.to = append(f.to, queue)
			}
			return errno
		},
		command: f.command,
		close:   f.close,
		poll:    f.poll,
		queued:  func(int) bool { return f.stuck },
	}
}

func (f *fakeSystem) command(_ int, _ bool, c *command) unix.Errno {
	if !f.awake {
		return unix.EAGAIN
	}
	f.awake = false
	*c = command{order: stop}
	if len(f.commands) > 0 {
		*c, f.commands = f.commands[0], f.commands[1:]
	}
	return 0
}

func (f *fakeSystem) close(fd int) {
	if !f.open[fd] {
		f.t.Errorf("closes %d, which isn't open", fd)
	}
	delete(f.open, fd)
}

func (f *fakeSystem) poll(events []unix.PollFd, milliseconds int) (bool, unix.Errno) {
	f.waits = append(f.waits, milliseconds)
	for i := range events {
		events[i].Revents = 0
	}
	if f.onPoll != nil {
		f.onPoll(events, milliseconds)
	}
	f.awake = len(events) > 0 && events[0].Fd == fakeControl && events[0].Revents != 0
	happened := false
	for i := range events {
		happened = happened || events[i].Revents != 0
	}
	return happened, pop(&f.polls, 0)
}

// stopWhenIdle wakes a loop that waits for connections.
func stopWhenIdle(events []unix.PollFd, milliseconds int) {
	if milliseconds == forever {
		events[0].Revents = unix.POLLIN
	}
}

// loop makes a loop with the fake.
func (f *fakeSystem) loop(backlog int) *Loop {
	f.t.Helper()
	l, err := newLoop(Options{
		Listeners: []int{fakeListener}, Queue: fakeQueue, Control: fakeControl, Backlog: backlog,
	}, f.system())
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

// ran runs a loop with the fake until it ends, and checks that it has closed
// all it had. It returns the notices.
func (f *fakeSystem) ran(backlog int) (*Loop, []notice) {
	f.t.Helper()
	l := f.loop(backlog)
	runHere(l)
	if len(f.open) != 0 {
		f.t.Errorf("still open: %v", f.open)
	}
	select {
	case <-l.stopped:
	default:
		f.t.Error("it has not said that it stopped listening")
	}
	if counts := l.Counts(); counts.Held != 0 {
		f.t.Errorf("still held: %+v", counts)
	}
	var told []notice
	for n := range l.notices {
		told = append(told, n)
	}
	return l, told
}

// runHere runs a loop until it ends, on a thread of its own: it blocks signals.
func runHere(l *Loop) {
	ended := make(chan struct{})
	go onOwnThread(func() {
		defer close(ended)
		l.main(make(chan struct{}))
	})
	<-ended
}
