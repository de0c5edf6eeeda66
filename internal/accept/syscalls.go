package accept

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// system is what the loop asks of the operating system; tests put others in
// place to inject errors. None of these but claim allocates, on Linux.
type system struct {
	// claim gives the calling thread a descriptor table of its own with
	// these descriptors, or returns false. It may allocate.
	claim func(keep []int) bool

	// accept takes a connection and notes its peer in the message, without
	// waiting. The connection is blocking, close-on-exec and the caller's.
	accept func(listener int, m *handoff.Message) (int, unix.Errno)

	// send puts a message and a copy of the connection on the queue.
	send func(queue int, m *handoff.Message, connection int) unix.Errno

	// command takes what the loop is asked off its control socket, without
	// waiting; with private, a descriptor comes along.
	command func(control int, private bool, c *command) unix.Errno

	// close closes a descriptor.
	close func(fd int)

	// poll waits for events, for some milliseconds, -1 without end, and
	// reports whether there were any.
	poll func(fds []unix.PollFd, milliseconds int) (bool, unix.Errno)

	// queued reports whether something that was sent is still to be
	// received; false where the system doesn't tell.
	queued func(queue int) bool
}
