package listen

import "golang.org/x/sys/unix"

// newSocket makes a TCP socket, close-on-exec and non-blocking.
func newSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
}
