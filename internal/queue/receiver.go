package queue

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// credentials is the size of a struct ucred: pid, uid, gid.
const credentials = 3 * sizeOfInt

// Receiver receives messages, into memory that it holds. Not for two goroutines
// at once.
type Receiver struct {
	Bytes      []byte // What came, until the next message.
	Connection int    // The caller's; NoConnection: none came.
	Pid        int32  // Who sent it, on a return; 0: not known.

	header  unix.Msghdr
	part    unix.Iovec
	bytes   [answerHead + MostAnswer + 1]byte // An answer is the longest.
	control []byte                            // Credentials, and one descriptor.
}

// NewReceiver makes a Receiver.
func NewReceiver() *Receiver {
	r := &Receiver{control: make([]byte, unix.CmsgSpace(credentials)+unix.CmsgSpace(sizeOfInt))}
	r.part.Base = &r.bytes[0]
	r.header.Iov = &r.part
	r.header.SetIovlen(1)
	return r
}

// Receive takes a message without waiting. It returns 0 or why not; after 0
// without bytes the other end is closed. Where no descriptor is free, the system
// drops the one that came; see that there is one. What came beside one connection
// is closed.
func (r *Receiver) Receive(fd int) unix.Errno {
	r.Bytes, r.Connection, r.Pid = nil, NoConnection, 0
	clear(r.control)
	r.part.SetLen(len(r.bytes))
	r.header.Control = &r.control[0]
	r.header.SetControllen(len(r.control))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return errno
	}
	r.Bytes = r.bytes[:n]
	r.readControl(r.control[:r.header.Controllen])
	return 0
}

// readControl finds the credentials and descriptors among the records.
func (r *Receiver) readControl(left []byte) {
	for len(left) >= unix.SizeofCmsghdr {
		record := (*unix.Cmsghdr)(unsafe.Pointer(&left[0]))
		size := int(record.Len)
		if size < unix.CmsgLen(0) || size > len(left) {
			return
		}
		data := left[unix.CmsgLen(0):size]
		switch {
		case record.Level != unix.SOL_SOCKET:
		case record.Type == unix.SCM_CREDENTIALS && len(data) >= credentials:
			r.Pid = int32(binary.NativeEndian.Uint32(data))
		case record.Type == unix.SCM_RIGHTS:
			r.keep(data)
		}
		left = left[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(left)):]
	}
}

// keep keeps the first descriptor: padding may have let a second one in.
func (r *Receiver) keep(data []byte) {
	for ; len(data) >= sizeOfInt; data = data[sizeOfInt:] {
		fd := int(int32(binary.NativeEndian.Uint32(data)))
		if r.Connection == NoConnection {
			r.Connection = fd
		} else {
			_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
		}
	}
}
