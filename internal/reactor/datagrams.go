package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
	"socketserver/internal/tally"
)

// udp is a UDP socket. Workers take from it themselves; here it is only watched, so
// that a datagram is not left where who was woken for it doesn't take it.
type udp struct {
	service *service
	fd      int
	number  int      // Of its listener.
	look    deadline // Set while it is looked at, some time after a datagram came.
	nudges  int      // In a row.
}

// mostLook is the longest time between two looks, in milliseconds.
const mostLook = 200

// addSocket gives the service a UDP socket, which it owns.
func (s *service) addSocket(fd, number int) {
	u := &udp{service: s, fd: fd, number: number}
	u.look.due, u.look.owner = u.lookAgain, u
	s.sockets = append(s.sockets, u)
}

// hasDatagrams tells whether a listener takes datagrams.
func (s *service) hasDatagrams() bool {
	return s.tally != nil
}

// await has the epoll tell of one datagram more.
func (u *udp) await() unix.Errno {
	const events = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT
	r := u.service.reactor
	if r.isWatched(u.fd) {
		r.rewatch(u.fd, events)
		return 0
	}
	return r.watch(u.fd, u, events)
}

// ready: one has come, and a worker was woken for it. Where somebody has shut the
// socket down nothing comes any more, and its workers would be woken without end.
func (u *udp) ready(events uint32) {
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0 {
		u.service.fail(unix.EINVAL)
		return
	}
	u.nudges = 0
	u.lookIn(nudgePause)
}

func (u *udp) broken() {
	u.service.fail(0)
}

func (u *udp) lookIn(milliseconds int) {
	r := u.service.reactor
	r.deadlines.set(&u.look, r.sys.now()+uint64(milliseconds)*millisecond)
}

// lookAgain wakes one more worker where a datagram still waits.
func (u *udp) lookAgain() {
	s := u.service
	if s.state != serving || s.queue == nil {
		return
	}
	if !listen.Waiting(u.fd) {
		u.await()
		return
	}
	if s.reactor.sys.queuedBytes(s.queue.receive) < mostNudges*s.reactor.nudge.Length() {
		// An error is left for a connection to meet.
		_ = s.reactor.sys.send(s.queue.send, &s.reactor.nudge, nil, queue.NoConnection)
	}
	u.nudges++
	u.lookIn(min(nudgePause<<min(u.nudges, 8), mostLook))
}

// shut closes a socket; with hush nothing more comes in, in all processes that have
// it, and what has come is still served.
func (u *udp) shut(hush bool) {
	r := u.service.reactor
	r.deadlines.clear(&u.look)
	r.unwatch(u.fd)
	u.service.dropped += drops(u.fd) // What is kept out doesn't count.
	if hush {
		_ = listen.Hush(u.fd)
	}
	r.sys.close(u.fd)
}

func drops(fd int) uint64 {
	n, err := listen.Drops(fd)
	if err != nil {
		return 0
	}
	return n
}

// datagrams are what was counted of them: received, answered, dropped by the system
// for want of room.
func (s *service) datagrams() (received, answered, dropped uint64) {
	received, answered, dropped = s.received, s.answered, s.dropped
	if s.tally != nil {
		received, answered = s.tally.Sum()
	}
	for _, u := range s.sockets {
		dropped += drops(u.fd)
	}
	return received, answered, dropped
}

// countedLast notes what was counted, and counts no more.
func (s *service) countedLast() {
	if s.tally != nil {
		s.received, s.answered = s.tally.Sum()
		s.tally.Close()
		s.tally = nil
	}
}

// addGate gives a queue the gate behind which its workers wait for datagrams.
func (l *line) addGate() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		fd, err = descriptor.AboveStandard(fd)
	}
	if err != nil {
		return fmt.Errorf("can't make a gate: %w", err)
	}
	l.gate = fd
	return nil
}

// openGate lets the workers take datagrams, from now on.
func (l *line) openGate() {
	if l.gate > 0 {
		_, _ = unix.Write(l.gate, []byte{1, 1, 1, 1, 1, 1, 1, 1}) // Any number but 0.
	}
}

// newTally makes what a service counts datagrams with, if it has any.
func newTally(all []named) (*tally.Tally, error) {
	for i := range all {
		if all[i].asked.Datagrams {
			return tally.New()
		}
	}
	return nil, nil
}
