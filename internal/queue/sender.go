package queue

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NoConnection, instead of a descriptor, sends a message alone.
const NoConnection = -1

// sizeOfInt is that of C's int, which is what a descriptor is in a message.
const sizeOfInt = 4

// Sender sends messages. It holds all the memory that sendmsg reads, so that
// Send allocates none: the straight way may not. Not for two goroutines at once.
type Sender struct {
	header  unix.Msghdr
	part    unix.Iovec
	bytes   [Size + MostExtra]byte
	control []byte // One SCM_RIGHTS record with one descriptor.
}

// NewSender makes a Sender.
func NewSender() *Sender {
	s := &Sender{control: make([]byte, unix.CmsgSpace(sizeOfInt))}
	s.part.Base = &s.bytes[0]
	s.header.Iov = &s.part
	s.header.SetIovlen(1)
	record := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	record.Level = unix.SOL_SOCKET
	record.Type = unix.SCM_RIGHTS
	record.SetLen(unix.CmsgLen(sizeOfInt))
	return s
}

// Send puts a message on the queue without waiting, a copy of the connection's
// descriptor beside it; the message says how long the extra is. It returns 0 or
// why not: EAGAIN is a full queue. The connection stays the caller's either way.
func (s *Sender) Send(queue int, m *Message, extra []byte, connection int) unix.Errno {
	m.Encode((*[Size]byte)(s.bytes[:]))
	length := m.Length()
	if length > Size {
		clear(s.bytes[Size+copy(s.bytes[Size:], extra) : length])
	}
	s.part.SetLen(length)
	s.header.Control = nil
	s.header.SetControllen(0)
	if connection != NoConnection {
		binary.NativeEndian.PutUint32(s.control[unix.CmsgLen(0):], uint32(connection))
		s.header.Control = &s.control[0]
		s.header.SetControllen(len(s.control))
	}

	// Raw: it can't wait, so the scheduler needs to know nothing.
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(queue),
		uintptr(unsafe.Pointer(&s.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return errno
}
