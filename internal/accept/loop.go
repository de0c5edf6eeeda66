package accept

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// state is what a loop is doing.
type state uint8

const (
	accepting state = iota
	stopping        // Asked to stop: accepts no more, still delivers.
	broken          // An error that no retry mends.
)

// noConnection stands in an arrival that owns none.
const noConnection = handoff.NoConnection

// arrival is an accepted connection and what is known about it.
type arrival struct {
	connection int // Owned by the arrival.
	message    handoff.Message
}

// drop forgets the connection, which is closed or has another owner.
func (a *arrival) drop() {
	a.connection = noConnection
}

// Loop accepts connections and puts them on a queue. Its goroutine alone
// touches it, but for counters, asking, asked and the channels.
type Loop struct {
	options Options
	sys     system
	private bool // It has a descriptor table of its own.

	started time.Time
	base    uint64 // CLOCK_MONOTONIC at started.

	state     state
	listeners []int     // None any more once they are closed.
	current   arrival   // The connection in hand.
	pending   []arrival // Taken off the backlog while stopping.

	// What to poll for. The control socket comes first in each.
	control     []unix.PollFd
	connections []unix.PollFd
	room        []unix.PollFd

	acceptPace, sendPace pace
	starved, held        told
	nudger               nudger

	ordered  command         // The command in hand.
	retiring int             // Workers still to be asked to end...
	farewell handoff.Message // ...by this.

	counters counters
	asking   sync.Mutex      // Held by whoever gives a command.
	asked    atomic.Bool     // One was given.
	answers  chan unix.Errno // Room for one.
	notices  chan notice
	stopped  chan struct{} // Closed when the listening sockets are.
	done     chan struct{} // Closed by the herald, at the very end.
}

// run does all of the loop's work.
func (l *Loop) run() {
	for l.state == accepting {
		l.round()
	}
	if l.state == stopping {
		l.drain()
	}
	l.closeListeners()
	l.deliverPending()
}

// round accepts one connection from each listening socket and delivers it.
// It waits only when none had one: a busy loop never polls.
func (l *Loop) round() {
	idle := true
	for _, listener := range l.listeners {
		errno := l.take(listener, &l.current)
		if errno == 0 {
			idle = false
			l.deliverCurrent()
		} else if !l.mend(errno) {
			idle = false
		}
		if l.state == accepting && l.asked.Load() {
			l.obey()
		}
		if l.state != accepting {
			return
		}
	}
	if idle {
		l.idle()
	}
}

// take accepts a connection; after 0 the arrival owns it.
func (l *Loop) take(listener int, a *arrival) unix.Errno {
	fd, errno := l.accept(listener, &a.message)
	if errno != 0 {
		return errno
	}
	a.connection = fd
	a.message.Kind = handoff.KindConnection
	a.message.Accepted = l.now()
	l.counters.accepted.Add(1)
	l.acceptPace.reset()
	return 0
}

// deliverCurrent delivers the connection in hand. If the loop is asked to stop
// meanwhile, it becomes the first of those to deliver later.
func (l *Loop) deliverCurrent() {
	if l.deliver(&l.current) {
		return
	}
	l.pending = append(l.pending, l.current)
	l.current.drop()
}

// mend does what an error of accept needs. It reports whether the listening
// socket has nothing to accept.
func (l *Loop) mend(errno unix.Errno) (idle bool) {
	switch acceptRemedy(errno) {
	case wait:
		return true
	case retry:
		l.counters.retries.Add(1)
		l.rest(l.acceptPace.transient())
	case pause:
		l.counters.pauses.Add(1)
		if l.starved.due(l.now()) {
			l.tell(Paused, errno)
		}
		l.rest(l.acceptPace.next())
	default:
		l.fail(errno)
	}
	return false
}

// fail ends the loop.
func (l *Loop) fail(errno unix.Errno) {
	l.state = broken
	l.tell(Failed, errno)
}

// closeListeners closes the loop's copies of the listening sockets and says
// that they are closed.
func (l *Loop) closeListeners() {
	if l.listeners == nil {
		return
	}
	for _, listener := range l.listeners {
		l.shut(listener)
	}
	l.listeners = nil
	close(l.stopped)
}
