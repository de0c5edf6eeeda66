package reactor

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/queue"
)

// system is what the straight way asks of the operating system; tests put
// others in place to inject errors. None of these allocates.
type system struct {
	// accept takes a connection and notes its peer in the message, without
	// waiting. The connection is blocking, close-on-exec and the caller's.
	accept func(listener int, m *queue.Message) (int, unix.Errno)

	// send puts a message with its extra and a copy of the connection on a queue.
	send func(fd int, m *queue.Message, extra []byte, connection int) unix.Errno

	// queued tells how many messages, but for nudges, a queue's receive end has.
	queued func(fd int) int

	// queuedBytes tells how long they are, nudges too.
	queuedBytes func(fd int) int

	// room tells whether a descriptor is free, by copying one for a moment.
	room func(fd int) unix.Errno

	// hush makes a listening socket, and all copies of it, listen no more.
	hush func(listener int)

	close func(fd int)

	// interest adds a descriptor to the epoll, changes or removes it there.
	interest func(op, fd int, event *unix.EpollEvent) unix.Errno

	// wait waits for events, for some milliseconds, -1 without end.
	wait func(events []unix.EpollEvent, milliseconds int) (int, unix.Errno)

	// now is CLOCK_MONOTONIC in nanoseconds, without a system call.
	now func() uint64
}

// calls has the memory that the system writes to; it belongs to one reactor.
type calls struct {
	poll    int // The epoll.
	any     unix.RawSockaddrAny
	peer    unix.Ucred
	length  uint32
	bytes   int32
	started time.Time
	base    uint64 // CLOCK_MONOTONIC at started.
}

// newSystem makes the calls of one reactor, which wait with an epoll. Those that
// never wait are raw: the scheduler needs to know nothing of them, which is half
// of their price.
func newSystem(poll int) (system, error) {
	c := &calls{poll: poll, started: time.Now()}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return system{}, fmt.Errorf("can't read the clock: %w", err)
	}
	c.base = uint64(now.Nano())
	return system{
		accept: c.accept, send: queue.NewSender().Send, queued: c.queued, queuedBytes: c.queuedBytes, room: room, hush: hush, close: rawClose,
		interest: c.interest, wait: c.wait,
		now: func() uint64 { return c.base + uint64(time.Since(c.started)) },
	}, nil
}

func (c *calls) accept(listener int, m *queue.Message) (int, unix.Errno) {
	c.length = uint32(unsafe.Sizeof(c.any))
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener),
		uintptr(unsafe.Pointer(&c.any)), uintptr(unsafe.Pointer(&c.length)),
		unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	c.note(int(fd), m)
	return int(fd), 0
}

// note writes the peer's address into a message, or who it is.
func (c *calls) note(connection int, m *queue.Message) {
	switch {
	case c.any.Addr.Family == unix.AF_INET && c.length >= unix.SizeofSockaddrInet4:
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&c.any))
		m.SetPeer4(name.Addr, fromNetwork(name.Port))
	case c.any.Addr.Family == unix.AF_INET6 && c.length >= unix.SizeofSockaddrInet6:
		name := (*unix.RawSockaddrInet6)(unsafe.Pointer(&c.any))
		m.SetPeer6(name.Addr, fromNetwork(name.Port), name.Scope_id)
	case c.any.Addr.Family == unix.AF_UNIX && c.readPeer(connection):
		m.SetPeerUnix(c.peer.Pid, c.peer.Uid, c.peer.Gid)
	default:
		m.SetNoPeer()
	}
}

// readPeer reads who has connected to a Unix socket.
func (c *calls) readPeer(connection int) bool {
	c.length = unix.SizeofUcred
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(connection), unix.SOL_SOCKET,
		unix.SO_PEERCRED, uintptr(unsafe.Pointer(&c.peer)), uintptr(unsafe.Pointer(&c.length)), 0)
	return errno == 0 && c.length == unix.SizeofUcred
}

// fromNetwork reads a number that lies in memory in network byte order.
func fromNetwork(number uint16) uint16 {
	var bytes [2]byte
	binary.NativeEndian.PutUint16(bytes[:], number)
	return binary.BigEndian.Uint16(bytes[:])
}

func (c *calls) queued(fd int) int {
	return queue.Count(c.queuedBytes(fd))
}

func (c *calls) queuedBytes(fd int) int {
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCINQ,
		uintptr(unsafe.Pointer(&c.bytes)))
	if errno != 0 {
		return 0
	}
	return int(c.bytes)
}

func room(fd int) unix.Errno {
	copied, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if errno == 0 {
		rawClose(int(copied))
	}
	return errno
}

func hush(listener int) {
	_, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(listener), unix.SHUT_RDWR, 0)
}

func rawClose(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

func (c *calls) interest(op, fd int, event *unix.EpollEvent) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(c.poll), uintptr(op),
		uintptr(fd), uintptr(unsafe.Pointer(event)), 0, 0)
	return errno
}

// brief is for how many milliseconds the reactor waits at first without the
// scheduler knowing. The scheduler uses the processor for others while it
// knows, but to take it away and to give it back wakes its monitor, several
// times for each connection; where they come one after the other that costs
// more than all the rest. A garbage collection may have to wait that long.
const brief = 5

// wait lets the scheduler know of all but brief waits.
func (c *calls) wait(events []unix.EpollEvent, milliseconds int) (int, unix.Errno) {
	if milliseconds >= 0 && milliseconds <= brief {
		return epollWait(c.poll, events, milliseconds, true)
	}
	n, errno := epollWait(c.poll, events, brief, true)
	if n > 0 || errno != 0 {
		return n, errno
	}
	if milliseconds >= 0 {
		milliseconds -= brief
	}
	return epollWait(c.poll, events, milliseconds, false)
}

// epollWait waits, quietly: without Go's scheduler hearing of it.
func epollWait(poll int, events []unix.EpollEvent, milliseconds int, quietly bool) (int, unix.Errno) {
	var n uintptr
	var errno unix.Errno
	if quietly {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
