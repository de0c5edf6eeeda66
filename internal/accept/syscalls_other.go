//go:build !linux

package accept

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// newSystem makes the calls of one loop.
func newSystem() system {
	return system{
		claim:   claimTable,
		accept:  accept,
		send:    handoff.NewSender().Send,
		command: readCommand,
		close:   func(fd int) { _ = unix.Close(fd) },
		poll:    poll,
		queued:  func(int) bool { return false },
	}
}

func accept(listener int, m *handoff.Message) (int, unix.Errno) {
	syscall.ForkLock.RLock()
	fd, name, err := unix.Accept(listener)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, number(err)
	}

	// It has O_NONBLOCK from the listening socket here.
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return -1, unix.ECONNABORTED
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		setPeer4(m, name.Addr, uint16(name.Port))
	case *unix.SockaddrInet6:
		setPeer6(m, name.Addr, uint16(name.Port), name.ZoneId)
	default:
		setNoPeer(m)
	}
	return fd, 0
}

func poll(fds []unix.PollFd, milliseconds int) (bool, unix.Errno) {
	n, err := unix.Poll(fds, milliseconds)
	return n > 0, number(err)
}

// number is the errno in an error, 0 for none.
func number(err error) unix.Errno {
	if err == nil {
		return 0
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}
