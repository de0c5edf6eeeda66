package accept

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// peerName is where accept4 writes the peer's address; it belongs to one loop.
type peerName struct {
	any    unix.RawSockaddrAny
	length uint32
}

// newSystem makes the calls of one loop. Those that never wait are raw: the
// scheduler needs to know nothing of them, which is half of their price.
func newSystem() system {
	name := &peerName{}
	return system{
		claim:   claimTable,
		accept:  name.accept,
		send:    handoff.NewSender().Send,
		command: newCommandReader().read,
		close:   rawClose,
		poll:    poll,
		queued:  newQueueMeter().queued,
	}
}

func (n *peerName) accept(listener int, m *handoff.Message) (int, unix.Errno) {
	n.length = uint32(unsafe.Sizeof(n.any))
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener),
		uintptr(unsafe.Pointer(&n.any)), uintptr(unsafe.Pointer(&n.length)),
		unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	n.note(m)
	return int(fd), 0
}

// note writes the peer's address into a message.
func (n *peerName) note(m *handoff.Message) {
	switch {
	case n.any.Addr.Family == unix.AF_INET && n.length >= unix.SizeofSockaddrInet4:
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&n.any))
		setPeer4(m, name.Addr, fromNetwork(name.Port))
	case n.any.Addr.Family == unix.AF_INET6 && n.length >= unix.SizeofSockaddrInet6:
		name := (*unix.RawSockaddrInet6)(unsafe.Pointer(&n.any))
		setPeer6(m, name.Addr, fromNetwork(name.Port), name.Scope_id)
	default:
		setNoPeer(m)
	}
}

// fromNetwork reads a number that lies in memory in network byte order.
func fromNetwork(number uint16) uint16 {
	var bytes [2]byte
	binary.NativeEndian.PutUint16(bytes[:], number)
	return binary.BigEndian.Uint16(bytes[:])
}

func rawClose(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// brief is for how many milliseconds the loop waits at first without the
// scheduler knowing. The scheduler uses the processor for others while it
// knows, but to take it away and to give it back wakes its monitor, several
// times for each connection; where they come one after the other that costs
// more than all the rest. A garbage collection may have to wait that long.
const brief = 5

// poll lets the scheduler know of all but brief waits.
func poll(fds []unix.PollFd, milliseconds int) (bool, unix.Errno) {
	if milliseconds >= 0 && milliseconds <= brief {
		return ppoll(fds, milliseconds, true)
	}
	happened, errno := ppoll(fds, brief, true)
	if happened || errno != 0 {
		return happened, errno
	}
	if milliseconds >= 0 {
		milliseconds -= brief
	}
	return ppoll(fds, milliseconds, false)
}

// ppoll waits, quietly: without Go's scheduler hearing of it.
func ppoll(fds []unix.PollFd, milliseconds int, quietly bool) (bool, unix.Errno) {
	var first *unix.PollFd
	if len(fds) > 0 {
		first = &fds[0]
	}
	var timeout *unix.Timespec
	if milliseconds >= 0 {
		limit := unix.NsecToTimespec(int64(milliseconds) * 1e6)
		timeout = &limit
	}
	var n uintptr
	var errno unix.Errno
	if quietly {
		n, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(first)),
			uintptr(len(fds)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(first)),
			uintptr(len(fds)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	}
	return errno == 0 && n > 0, errno
}

// queueMeter is where ioctl writes how much is queued; it belongs to one loop.
type queueMeter struct {
	bytes int32
}

func newQueueMeter() *queueMeter {
	return &queueMeter{}
}

func (m *queueMeter) queued(queue int) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(queue), unix.TIOCOUTQ,
		uintptr(unsafe.Pointer(&m.bytes)))
	return errno == 0 && m.bytes > 0
}
