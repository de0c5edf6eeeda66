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
	long   []byte // Text that came in a memory file.
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

// Send sends a message without waiting; EAGAIN says that the other end reads
// too slowly. The message's descriptors stay the caller's.
func (b *Buffer) Send(fd int, m *Message) error {
	text, fds, file := m.Text, len(m.Fds), -1
	if len(text) > Inline {
		var err error
		if file, err = memoryFile(text); err != nil {
			return err
		}
		defer descriptor.Close(file)
		text, fds = nil, fds+1
	}
	if len(m.Text) > MostText || fds > MostFds {
		return fmt.Errorf("text of %d bytes, %d descriptors: %w", len(m.Text), fds, ErrMessage)
	}
	m.encode(b.packet, fds)
	b.part.SetLen(headerSize + copy(b.packet[headerSize:], text))
	b.setRights(m.Fds, file, fds)
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return errno
	}
	return nil
}

// setRights puts descriptors into the record, the file last; count is how many.
func (b *Buffer) setRights(fds []int, file, count int) {
	b.header.Control = nil
	b.header.SetControllen(0)
	if count == 0 {
		return
	}
	record := (*unix.Cmsghdr)(unsafe.Pointer(&b.rights[0]))
	record.Level, record.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
	record.SetLen(unix.CmsgLen(sizeOfInt * count))
	at := unix.CmsgLen(0)
	for _, fd := range fds {
		binary.NativeEndian.PutUint32(b.rights[at:], uint32(fd))
		at += sizeOfInt
	}
	if file >= 0 {
		binary.NativeEndian.PutUint32(b.rights[at:], uint32(file))
	}
	b.header.Control = &b.rights[0]
	b.header.SetControllen(unix.CmsgSpace(sizeOfInt * count))
}

// memoryFile holds text that is too long for a packet; it is the caller's.
func memoryFile(text []byte) (int, error) {
	fd, err := unix.MemfdCreate("socketserver", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("can't make a memory file: %w", err)
	}
	for at := 0; at < len(text); {
		n, err := unix.Pwrite(fd, text[at:], int64(at))
		if err != nil {
			descriptor.Close(fd)
			return -1, fmt.Errorf("can't write a memory file: %w", err)
		}
		at += n
	}
	return fd, nil
}

// Receive takes a message without waiting: io.EOF when the other end is
// closed, EAGAIN when nothing has come. Its text is the buffer's, until it
// receives again; its descriptors are the caller's. Where there was no room for
// all of them it has none, and the error is EMFILE.
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
	fds := RightsOf(b.rights[:b.header.Controllen])
	length, sent, err := m.decode(b.packet[:n])
	if err == nil && len(fds) != sent {
		err = unix.EMFILE
	}
	if err == nil && length > Inline {
		m.Text, err = b.readFile(fds, length)
		if err == nil {
			descriptor.Close(fds[len(fds)-1])
			fds = fds[:len(fds)-1]
		}
	}
	if err != nil {
		descriptor.Close(fds...)
		return m, err
	}
	m.Fds = fds
	return m, nil
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

// readFile reads text from the memory file that came last.
func (b *Buffer) readFile(fds []int, length int) ([]byte, error) {
	if len(fds) == 0 {
		return nil, ErrMessage
	}
	if cap(b.long) < length {
		b.long = make([]byte, length)
	}
	text := b.long[:length]
	for at := 0; at < length; {
		n, err := unix.Pread(fds[len(fds)-1], text[at:], int64(at))
		if err != nil {
			return nil, fmt.Errorf("can't read a memory file: %w", err)
		}
		if n == 0 {
			return nil, ErrMessage
		}
		at += n
	}
	return text, nil
}
