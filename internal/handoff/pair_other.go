//go:build !linux

package handoff

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// Pair makes a queue: what is sent at one end is received at the other, first
// in, first out, a message never split or merged. Both ends are close-on-exec
// and the caller's. Where the system has no sequenced packets it is a pair of
// datagram sockets.
func Pair() (send, receive int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	}
	if err != nil {
		return -1, -1, fmt.Errorf("can't make a queue: %w", err)
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	_ = unix.SetsockoptInt(ends[0], unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return descriptor.PairAboveStandard(ends[0], ends[1])
}
