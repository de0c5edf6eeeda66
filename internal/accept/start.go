package accept

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
	"socketserver/internal/signals"
)

// maxBacklog bounds the memory set aside for what a stopping loop takes off
// the listen backlog.
const maxBacklog = 4096

// Options is what a loop works with. Its descriptors are on the guard's list.
type Options struct {
	Listeners []int                         // Listening sockets, non-blocking.
	Queue     int                           // The queue's send end.
	Control   int                           // The control socket's end to read from.
	Backlog   int                           // The length of each socket's backlog.
	Guard     Guard                         // Used without a table of its own; nil: nobody forks.
	Notice    func(kind Kind, _ unix.Errno) // Called on another thread.
}

// Start starts a loop and returns when its thread has its descriptor table.
//
// With a table of its own (see Private) the loop has copies there, and the
// descriptors of Options remain the caller's to close. Without one they are
// the loop's. After an error they are the caller's.
func Start(options Options) (*Loop, error) {
	return start(options, newSystem())
}

func start(options Options, sys system) (*Loop, error) {
	l, err := newLoop(options, sys)
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go onOwnThread(l.herald)
	go onOwnThread(func() { l.main(ready) })
	<-ready
	return l, nil
}

// newLoop sets aside all the memory that the loop will need.
func newLoop(options Options, sys system) (*Loop, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("can't read the clock: %w", err)
	}
	if options.Guard == nil {
		options.Guard = unguarded{}
	}
	room := min((max(options.Backlog, 0)+1)*len(options.Listeners), maxBacklog)
	l := &Loop{
		options:   options,
		sys:       sys,
		started:   time.Now(),
		base:      uint64(now.Nano()),
		listeners: append([]int(nil), options.Listeners...),
		pending:   make([]arrival, 0, room+1),
		farewell:  handoff.Message{Kind: handoff.KindRetire},
		nudger:    newNudger(),
		answers:   make(chan unix.Errno, 1),
		notices:   make(chan notice, maxNotices),
		stopped:   make(chan struct{}),
		done:      make(chan struct{}),
	}
	l.current.drop()
	l.connections = append(l.connections, pollFd(options.Control, unix.POLLIN))
	for _, listener := range options.Listeners {
		l.connections = append(l.connections, pollFd(listener, unix.POLLIN))
	}
	l.control = l.connections[:1]
	l.room = []unix.PollFd{l.connections[0], pollFd(options.Queue, unix.POLLOUT)}
	return l, nil
}

func pollFd(fd int, events int16) unix.PollFd {
	return unix.PollFd{Fd: int32(fd), Events: events}
}

// main is the loop's goroutine, on a thread of its own: its descriptor table
// ends with it.
func (l *Loop) main(ready chan<- struct{}) {
	signals.BlockAsynchronous()
	l.private = l.sys.claim(append([]int{l.options.Queue, l.options.Control}, l.listeners...))
	close(ready)
	defer l.end()
	defer l.survive()
	l.run()
}

// survive turns a panic into the end of this loop alone.
func (l *Loop) survive() {
	if recover() != nil {
		l.fail(0)
	}
}

// end closes what the loop still owns, after a panic too.
func (l *Loop) end() {
	l.closeListeners()
	l.lose(&l.current)
	for i := range l.pending {
		l.lose(&l.pending[i])
	}
	l.shut(l.options.Queue)
	l.shut(l.options.Control)
	close(l.notices)
}

// now is CLOCK_MONOTONIC in nanoseconds, without a system call.
func (l *Loop) now() uint64 {
	return l.base + uint64(time.Since(l.started))
}

// Private tells whether the loop has a descriptor table of its own.
func (l *Loop) Private() bool {
	return l.private
}

// Counts reads the loop's counters.
func (l *Loop) Counts() Counts {
	return l.counters.snapshot()
}

// Done is closed when the loop has delivered all, closed all and told all.
func (l *Loop) Done() <-chan struct{} {
	return l.done
}
