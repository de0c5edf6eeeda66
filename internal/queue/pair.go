package queue

import (
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// Pair makes a queue: what is sent at one end is received at the other, first
// in, first out, a message never split or merged. Both ends are close-on-exec
// and the caller's. When the last send end is closed, the receivers see end of
// file after all that is queued.
func Pair() (send, receive int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("can't make a queue: %w", err)
	}
	return descriptor.PairAboveStandard(ends[0], ends[1])
}
