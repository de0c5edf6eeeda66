package admit

import (
	"bytes"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/proxy"
)

// Stage is what a connection is held for.
type Stage uint8

const (
	StageProxy     Stage = iota // A PROXY header.
	StageFirstByte              // Anything.
	StageHead                   // The end of a head.
	StageParked                 // Its next request.
	StageClosing                // The client's end, after the busy reply.
	Stages                      // How many there are.
)

// Verdict is what a look has found.
type Verdict uint8

const (
	Wait      Verdict = iota // More is to come.
	Done                     // What the stage is for has come.
	Left                     // The client has, and nothing more is to come.
	Malformed                // No PROXY header.
	Refused                  // Its address has too many.
)

// mostHead is where a head is handed over as it is.
const mostHead = 16384

// Looker looks at what has come, without taking it. It holds the memory for
// that. Not for two goroutines at once.
type Looker struct {
	Header proxy.Header // The latest.
	buffer [mostHead]byte
}

// Look looks whether what a stage is for has come; sent and ended say what is
// known already: that there is something, that nothing more will come. A PROXY
// header is taken, exactly.
func (l *Looker) Look(fd int, stage Stage, rules *Rules, sent, ended bool) Verdict {
	switch stage {
	case StageProxy:
		return l.lookForProxy(fd, ended)
	case StageHead:
		return l.lookForHead(fd, rules.Head, ended)
	}
	if sent && !ended {
		return Done
	}
	_, verdict := l.peek(fd, 1)
	return verdict
}

// peek returns what has come, and Done if that is anything.
func (l *Looker) peek(fd, most int) ([]byte, Verdict) {
	n, errno := receive(fd, l.buffer[:most], unix.MSG_PEEK)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil, Wait
	case errno != 0 || n == 0:
		return nil, Left
	}
	return l.buffer[:n], Done
}

func (l *Looker) lookForHead(fd int, head []byte, ended bool) Verdict {
	got, verdict := l.peek(fd, mostHead)
	switch {
	case verdict != Done || len(got) == mostHead || bytes.Contains(got, head):
		return verdict
	case !ended:
		return Wait
	case isReset(fd):
		return Left
	}
	return Done
}

// isReset tells whether nobody would read an answer.
func isReset(fd int) bool {
	look := [1]unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(look[:], 0)
	return err == nil && n == 1 && look[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

func (l *Looker) lookForProxy(fd int, ended bool) Verdict {
	got, verdict := l.peek(fd, proxy.MostHeader)
	if verdict != Done {
		return verdict
	}
	n, err := l.Header.Parse(got)
	switch {
	case errors.Is(err, proxy.ErrShort) && !ended:
		return Wait
	case err != nil:
		return Malformed
	}
	if taken, _ := receive(fd, l.buffer[:n], 0); taken != n {
		return Left
	}
	return Done
}

// receive doesn't wait.
func receive(fd int, to []byte, flags uintptr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&to[0])),
		uintptr(len(to)), flags|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Discard takes what has come and reports whether more may come.
func (l *Looker) Discard(fd int) bool {
	n, errno := receive(fd, l.buffer[:], 0)
	return errno == unix.EAGAIN || errno == unix.EINTR || errno == 0 && n > 0
}

// Reply sends bytes and ends our side; false: the client is gone.
func Reply(fd int, reply []byte) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&reply[0])),
		uintptr(len(reply)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 || int(n) != len(reply) {
		return false
	}
	_, _, errno = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return errno == 0
}
