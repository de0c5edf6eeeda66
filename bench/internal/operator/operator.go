// Package operator asks a server on its control path.
package operator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The control protocol's header, which never changes: made here by hand, so that
// nothing but its bytes is relied upon.
const (
	OffsetMore    = 8
	offsetName    = 12
	offsetNumbers = 32
	HeaderSize    = 48
)

// Packet makes a request.
func Packet(id uint32, name string, numbers [2]int64, text []byte) []byte {
	b := make([]byte, HeaderSize, HeaderSize+len(text))
	binary.NativeEndian.PutUint32(b, id)
	copy(b[offsetName:offsetNumbers-1], name)
	for i, number := range numbers {
		binary.NativeEndian.PutUint64(b[offsetNumbers+8*i:], uint64(number))
	}
	return append(b, text...)
}

// Dial connects to a control path; the descriptor is the caller's.
func Dial(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	timeout := unix.NsecToTimeval(int64(10 * time.Second))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

// Ask asks a server for something, and returns the text of its answer.
func Ask(path, name string, numbers [2]int64, text string) (string, error) {
	fd, err := Dial(path)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return AskOn(fd, name, numbers, text)
}

// AskOn does so on a connection, one question at a time. ErrRefused is in what the
// server itself says against it; after any other error the connection is of no use.
func AskOn(fd int, name string, numbers [2]int64, text string) (string, error) {
	if err := unix.Send(fd, Packet(1, name, numbers, []byte(text)), unix.MSG_NOSIGNAL); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var answer []byte
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR { // With a timeout it isn't begun again by itself.
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if n < HeaderSize {
			return "", fmt.Errorf("%s: answered by %d bytes", name, n)
		}
		answer = append(answer, buf[HeaderSize:n]...)
		if binary.NativeEndian.Uint32(buf[OffsetMore:]) != 0 {
			continue
		}
		if buf[offsetName] != 0 {
			return "", fmt.Errorf("%s: %w: %s", name, ErrRefused, answer)
		}
		return string(answer), nil
	}
}

// ErrRefused says that the server answered, and that it didn't do what was asked.
var ErrRefused = errors.New("refused")
