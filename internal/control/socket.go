package control

import (
	"encoding/binary"
	"fmt"
	"io"
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

	// Of a message that has come in part.
	text []byte
	fds  []int
}

// NewBuffer makes a Buffer.
func NewBuffer() *Buffer {
	b := &Buffer{
		packet: make([]byte, headerSize+Inline+1),
		rights: make([]byte, unix.CmsgSpace(sizeOfInt*MostFds)),
	}
	b.part.Base = &b.packet[0]
	b.header.Iov = &b.part
	b.header.SetIovlen(1)
	return b
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
// error is EMFILE.
func (b *Buffer) Receive(fd int) (Message, error) {
	var m Message
	clear(b.rights)
	b.part.SetLen(len(b.packet))
	b.header.Control = &b.rights[0]
	b.header.SetControllen(len(b.rights))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return m, errno
	}
	if n == 0 {
		return m, io.EOF
	}
	b.fds = append(b.fds, RightsOf(b.rights[:b.header.Controllen])...)
	more, err := m.decode(b.packet[:n])
	switch {
	case err != nil:
	case b.header.Flags&unix.MSG_CTRUNC != 0:
		err = unix.EMFILE
	case len(b.text)+len(m.Text) > MostText:
		err = fmt.Errorf("text of more than %d bytes: %w", MostText, ErrMessage)
	case more:
		b.text = append(b.text, m.Text...)
		return m, unix.EAGAIN
	case len(b.text) > 0:
		b.text = append(b.text, m.Text...)
		m.Text = b.text
	}
	m.Fds, b.text, b.fds = b.fds, b.text[:0], nil
	if err != nil {
		descriptor.Close(m.Fds...)
		m.Text, m.Fds = nil, nil
	}
	return m, err
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
