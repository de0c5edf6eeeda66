package accept

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlFlags are those of writing to the control socket.
const controlFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// sizeOfInt is that of C's int, which is what a descriptor is in a message.
const sizeOfInt = 4

// commandReader holds all the memory that recvmsg writes to; it belongs to one
// loop.
type commandReader struct {
	header unix.Msghdr
	part   unix.Iovec
	bytes  [commandSize]byte
	rights []byte // One SCM_RIGHTS record with one descriptor.
}

func newCommandReader() *commandReader {
	r := &commandReader{rights: make([]byte, unix.CmsgSpace(sizeOfInt))}
	r.part.Base = &r.bytes[0]
	r.part.SetLen(commandSize)
	r.header.Iov = &r.part
	r.header.SetIovlen(1)
	return r
}

// read takes a command off the control socket. A descriptor that came along
// becomes its number; without private the number is the descriptor.
func (r *commandReader) read(control int, private bool, c *command) unix.Errno {
	clear(r.rights)
	r.header.Control = &r.rights[0]
	r.header.SetControllen(len(r.rights))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(control),
		uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return errno
	}
	if n != commandSize {
		return unix.EPIPE
	}
	c.decode(&r.bytes)
	if c.order == switchQueue && private {
		c.number = r.descriptor()
	}
	return 0
}

// descriptor returns the one that came, or -1.
func (r *commandReader) descriptor() int {
	record := (*unix.Cmsghdr)(unsafe.Pointer(&r.rights[0]))
	if record.Level != unix.SOL_SOCKET || record.Type != unix.SCM_RIGHTS {
		return -1
	}
	return int(int32(binary.NativeEndian.Uint32(r.rights[unix.CmsgLen(0):])))
}
