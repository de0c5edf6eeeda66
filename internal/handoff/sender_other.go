//go:build !linux

package handoff

import (
	"errors"

	"golang.org/x/sys/unix"
)

// NoConnection, instead of a descriptor, sends a message alone.
const NoConnection = -1

// Sender sends messages. Not for two goroutines at once.
type Sender struct {
	bytes [Size]byte
}

// NewSender makes a Sender.
func NewSender() *Sender {
	return &Sender{}
}

// Send puts a message on the queue without waiting, a copy of the connection's
// descriptor beside it. It returns 0 or why not: EAGAIN is a full queue. The
// connection stays the caller's either way.
func (s *Sender) Send(queue int, m *Message, connection int) unix.Errno {
	m.Encode(&s.bytes)
	var control []byte
	if connection != NoConnection {
		control = unix.UnixRights(connection)
	}
	_, err := unix.SendmsgN(queue, s.bytes[:m.length()], control, nil, unix.MSG_DONTWAIT)
	if err == nil {
		return 0
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return unix.EIO
	}

	// A full queue of datagrams says ENOBUFS here, and poll can wait for it.
	if errno == unix.ENOBUFS {
		return unix.EAGAIN
	}
	return errno
}
