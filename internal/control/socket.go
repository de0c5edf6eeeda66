package control

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// sizeOfInt is that of C's int, which is what a descriptor is in a message.
const sizeOfInt = 4

// Buffer holds all the memory that messages are sent from and received to, so
// that asking each second for months allocates next to nothing. Not for two
// goroutines at once.
type Buffer struct {
	header unix.Msghdr
	part   unix.Iovec
	packet []byte
	rights []byte // One SCM_RIGHTS record.

	mostText, mostFds int

	// Of a message that has come in part.
	text []byte
	fds  []int
}

// NewBuffer makes a Buffer, which takes any number of descriptors.
func NewBuffer() *Buffer {
	b := &Buffer{
		packet:   make([]byte, headerSize+Inline+1),
		rights:   make([]byte, unix.CmsgSpace(sizeOfInt*MostFds)),
		mostText: MostText,
		mostFds:  math.MaxInt,
	}
	b.part.Base = &b.packet[0]
	b.header.Iov = &b.part
	b.header.SetIovlen(1)
	return b
}

// Limit bounds what is received: the text of a message and its descriptors, all
// parts together.
func (b *Buffer) Limit(text, fds int) {
	b.mostText, b.mostFds = text, fds
}

// Discard closes the descriptors of a message that has come in part; to be
// called by who closes the socket before its end is received.
func (b *Buffer) Discard() {
	descriptor.Close(b.fds...)
	b.text, b.fds = b.text[:0], nil
}

// Send sends a message without waiting. EAGAIN says that the other end reads too
// slowly: what is left in the message then is to be sent later. Its descriptors
// stay the caller's.
func (b *Buffer) Send(fd int, m *Message) error {
	if len(m.Text) > MostText {
		return fmt.Errorf("text of %d bytes: %w", len(m.Text), ErrMessage)
	}
	for more := true; more; {
		text, fds := min(len(m.Text), Inline), min(len(m.Fds), MostFds)
		more = text < len(m.Text) || fds < len(m.Fds)
		m.encode(b.packet, more)
		b.part.SetLen(headerSize + copy(b.packet[headerSize:], m.Text[:text]))
		b.setRights(m.Fds[:fds])
		_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno != 0 {
			return errno
		}
		m.Text, m.Fds = m.Text[text:], m.Fds[fds:]
	}
	return nil
}

// setRights puts descriptors into the record.
func (b *Buffer) setRights(fds []int) {
	b.header.Control = nil
	b.header.SetControllen(0)
	if len(fds) == 0 {
		return
	}
	record := (*unix.Cmsghdr)(unsafe.Pointer(&b.rights[0]))
	record.Level, record.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
	record.SetLen(unix.CmsgLen(sizeOfInt * len(fds)))
	at := unix.CmsgLen(0)
	for _, fd := range fds {
		binary.NativeEndian.PutUint32(b.rights[at:], uint32(fd))
		at += sizeOfInt
	}
	b.header.Control = &b.rights[0]
	b.header.SetControllen(unix.CmsgSpace(sizeOfInt * len(fds)))
}

// Receive takes a packet without waiting and returns the message when it is the
// last of it: io.EOF when the other end is closed, EAGAIN when no message is
// whole. Its text is the buffer's, until it receives again; its descriptors are
// the caller's. Where there was no room for all of them it has none, and the
// error is EMFILE. After an error that wraps ErrMessage nothing that follows can
// be trusted: close the socket.
func (b *Buffer) Receive(fd int) (Message, error) {
	var m Message
	n, err := b.receivePacket(fd)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return m, err
	case err != nil:
		b.Discard()
		return m, err
	}
	more, err := m.decode(b.packet[:n])
	if err == nil {
		err = b.check(&m, more)
	}
	if err != nil {
		b.Discard()
		m.Text = nil
		return m, err
	}
	if more || len(b.text) > 0 {
		b.text = append(b.text, m.Text...)
		m.Text = b.text
	}
	if more {
		return m, unix.EAGAIN
	}
	m.Fds, b.text, b.fds = b.fds, b.text[:0], nil
	return m, nil
}

// receivePacket takes a packet and keeps its descriptors.
func (b *Buffer) receivePacket(fd int) (int, error) {
	clear(b.rights)
	b.part.SetLen(len(b.packet))
	b.header.Control = &b.rights[0]
	b.header.SetControllen(len(b.rights))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, errno
	}
	b.fds = append(b.fds, RightsOf(b.rights[:b.header.Controllen])...)
	if n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

// check tells whether a packet may be part of a message.
func (b *Buffer) check(m *Message, more bool) error {
	switch {
	case b.header.Flags&unix.MSG_CTRUNC != 0:
		return unix.EMFILE
	case len(b.text)+len(m.Text) > b.mostText:
		return fmt.Errorf("text of more than %d bytes: %w", b.mostText, ErrMessage)
	case len(b.fds) > b.mostFds:
		return fmt.Errorf("more than %d descriptors: %w", b.mostFds, ErrMessage)
	case more && len(m.Text) < Inline && b.header.Controllen == 0:
		return fmt.Errorf("a part that is not full: %w", ErrMessage)
	}
	return nil
}

// RightsOf are the descriptors that came with a packet.
func RightsOf(rights []byte) []int {
	if len(rights) == 0 {
		return nil
	}
	records, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(records) == 0 {
		return nil
	}
	fds, _ := unix.ParseUnixRights(&records[0])
	return fds
}
