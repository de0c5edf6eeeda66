package queue

import (
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// room bounds what a queue holds, as the system's own default does: some 278
// messages without extra. The system doubles it.
const room = 106496

// Pair makes a queue: what is sent at one end is received at the other, first
// in, first out, a message never split or merged. Both ends are close-on-exec
// and the caller's. When the last send end is closed, the receivers see end of
// file after all that is queued.
func Pair() (send, receive int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("can't make a queue: %w", err)
	}
	for _, end := range ends {
		if err := unix.SetsockoptInt(end, unix.SOL_SOCKET, unix.SO_SNDBUF, room); err != nil {
			descriptor.Close(ends[0], ends[1])
			return -1, -1, fmt.Errorf("can't make a queue: %w", err)
		}
	}
	return descriptor.PairAboveStandard(ends[0], ends[1])
}

// ReturnPair is Pair for what comes from workers: who receives is told which
// process has sent. Nothing goes the other way, but that its end says that nobody
// listens any more.
func ReturnPair() (send, receive int, err error) {
	send, receive, err = Pair()
	if err != nil {
		return -1, -1, err
	}
	if err := unix.SetsockoptInt(receive, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		descriptor.Close(send, receive)
		return -1, -1, fmt.Errorf("can't make a return: %w", err)
	}
	return send, receive, nil
}
