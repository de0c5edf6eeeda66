//go:build !linux

package listen

import (
	"syscall"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// newSocket makes a TCP socket, close-on-exec and non-blocking.
func newSocket(family int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		descriptor.Close(fd)
		return -1, err
	}
	return fd, nil
}
