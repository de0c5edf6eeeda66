package main

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
	offsetMore    = 8
	offsetName    = 12
	offsetNumbers = 32
	headerSize    = 48
)

// packet makes a request.
func packet(id uint32, name string, numbers [2]int64, text []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(text))
	binary.NativeEndian.PutUint32(b, id)
	copy(b[offsetName:offsetNumbers-1], name)
	for i, number := range numbers {
		binary.NativeEndian.PutUint64(b[offsetNumbers+8*i:], uint64(number))
	}
	return append(b, text...)
}

// dialControl connects to a control path.
func dialControl(path string) (int, error) {
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

// control asks a server for something, and returns the text of its answer.
func control(path, name string, numbers [2]int64, text string) (string, error) {
	fd, err := dialControl(path)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Send(fd, packet(1, name, numbers, []byte(text)), unix.MSG_NOSIGNAL); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var answer []byte
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if n < headerSize {
			return "", fmt.Errorf("%s: answered by %d bytes", name, n)
		}
		answer = append(answer, buf[headerSize:n]...)
		if binary.NativeEndian.Uint32(buf[offsetMore:]) != 0 {
			continue
		}
		if buf[offsetName] != 0 {
			return "", errors.New(name + ": " + string(answer))
		}
		return string(answer), nil
	}
}
