package load

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here are raw: none of them blocks but epollWait, and the
// generator's threads do nothing else, so to tell Go's scheduler of each would
// only cost. Where the scheduler wants such a thread it interrupts the wait by
// a signal, and epollWait returns.

// address is whom to connect to, as the system reads it.
type address struct {
	family int
	kind   int // of its sockets
	bytes  []byte
}

// address returns the server's.
func (p Plan) address() (address, error) {
	if p.Path == "" {
		to := make([]byte, unix.SizeofSockaddrInet4)
		binary.NativeEndian.PutUint16(to, unix.AF_INET)
		binary.BigEndian.PutUint16(to[2:], uint16(p.Port))
		copy(to[4:], []byte{127, 0, 0, 1})
		if p.Datagrams {
			return address{unix.AF_INET, unix.SOCK_DGRAM, to}, nil
		}
		return address{unix.AF_INET, unix.SOCK_STREAM, to}, nil
	}
	to := binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
	if name, ok := strings.CutPrefix(p.Path, "@"); ok {
		to = append(append(to, 0), name...)
	} else {
		to = append(append(to, p.Path...), 0)
	}
	if len(to) > unix.SizeofSockaddrUnix {
		return address{}, fmt.Errorf("path of a socket is too long: %s", p.Path)
	}
	return address{unix.AF_UNIX, unix.SOCK_STREAM, to}, nil
}

// open makes a socket, with an address of its own if there is one.
func open(to address, source netip.Addr) (fd int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(to.family),
		uintptr(to.kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), 0)
	if errno != 0 {
		return -1, errno
	}
	if source.IsValid() {
		if errno := bind(int(r), source); errno != 0 {
			closeFd(int(r))
			return -1, errno
		}
	}
	return int(r), 0
}

// connect begins a connection. Over TCP it is under way when it returns, and only
// a failure that is known at once is returned; to a Unix socket it is made, or
// EAGAIN says that the backlog is full.
func connect(fd int, to address) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to.bytes[0])), uintptr(len(to.bytes)))
	if errno == unix.EINPROGRESS {
		return 0
	}
	return errno
}

// bind gives a socket its address; its port waits until it connects, for then
// other connections may have the same one.
func bind(fd int, source netip.Addr) unix.Errno {
	on := int32(1)
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT,
		uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
	if errno != 0 {
		return errno
	}
	addr := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: source.As4()}
	_, _, errno = unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&addr)), unsafe.Sizeof(addr))
	return errno
}

func read(fd int, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	return int(n), errno
}

// write sends without raising SIGPIPE.
func write(fd int, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)),
		unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func closeFd(fd int) {
	unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

func shutdownWrite(fd int) {
	unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
}

func epollAdd(epfd, fd int, events uint32, data int32) unix.Errno {
	event := unix.EpollEvent{Events: events, Fd: data}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), unix.EPOLL_CTL_ADD, uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

// epollWait waits for events, but at most so long; an interruption counts as
// no events.
func epollWait(epfd int, events []unix.EpollEvent, atMost time.Duration) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(atMost.Milliseconds()), 0, 0)
	if errno == unix.EINTR {
		return 0, 0
	}
	return int(n), errno
}

// setTimer makes the timer readable after a pause.
func setTimer(fd int, pause time.Duration) unix.Errno {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(pause, 1).Nanoseconds())}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return errno
}
