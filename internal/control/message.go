// Package control is the protocol of the control sockets: what the commands,
// which are C, ask of the reactor, what it answers, and what it tells unasked.
//
// A control socket is a pair of sequenced packets, one per thread that asks.
// One message is one packet. A request has a number above 0 and is answered by
// a message with the same number; a notice has the number 0.
// tclext/boundary.h states the same layout.
package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What a message has room for. Longer text travels in a memory file, the last
// of the descriptors.
const (
	NameSize = 16
	MostFds  = 10
	Inline   = 4096
	MostText = 16 << 20
)

// Where the fields of a header lie.
const (
	offsetID      = 0
	offsetErrno   = 4
	offsetLength  = 8
	offsetFds     = 12
	offsetName    = 16
	offsetNumbers = offsetName + NameSize
	headerSize    = offsetNumbers + 8*len(Numbers{})
)

// ErrMessage answers bytes that are none of this protocol.
var ErrMessage = errors.New("not a message of the control protocol")

// Numbers are what a request or its answer says; each name has its own.
type Numbers [8]int64

// Message is a request, an answer or a notice.
type Message struct {
	ID      uint32
	Name    string     // What is asked or told; in an answer why not, "": done.
	Errno   unix.Errno // In an answer or notice: of the system, or 0.
	Numbers Numbers
	Text    []byte
	Fds     []int // The sender's stay its own; the receiver owns what came.
}

// Failure is the answer to a request that could not be done.
func Failure(reason string, err error) Message {
	m := Message{Name: reason, Text: []byte(err.Error())}
	errors.As(err, &m.Errno)
	return m
}

// encode writes a message's header; so many descriptors go along.
func (m *Message) encode(packet []byte, fds int) {
	clear(packet[:headerSize])
	binary.NativeEndian.PutUint32(packet[offsetID:], m.ID)
	binary.NativeEndian.PutUint32(packet[offsetErrno:], uint32(m.Errno))
	binary.NativeEndian.PutUint32(packet[offsetLength:], uint32(len(m.Text)))
	binary.NativeEndian.PutUint32(packet[offsetFds:], uint32(fds))
	copy(packet[offsetName:offsetNumbers-1], m.Name)
	for i, number := range m.Numbers {
		binary.NativeEndian.PutUint64(packet[offsetNumbers+8*i:], uint64(number))
	}
}

// decode reads what encode wrote; the text is the packet's. It returns how long
// that is, and how many descriptors were sent.
func (m *Message) decode(packet []byte) (length, fds int, err error) {
	if len(packet) < headerSize {
		return 0, 0, fmt.Errorf("%d bytes: %w", len(packet), ErrMessage)
	}
	m.ID = binary.NativeEndian.Uint32(packet[offsetID:])
	m.Errno = unix.Errno(binary.NativeEndian.Uint32(packet[offsetErrno:]))
	name, _, _ := bytes.Cut(packet[offsetName:offsetNumbers], []byte{0})
	m.Name = string(name)
	for i := range m.Numbers {
		m.Numbers[i] = int64(binary.NativeEndian.Uint64(packet[offsetNumbers+8*i:]))
	}
	length = int(binary.NativeEndian.Uint32(packet[offsetLength:]))
	fds = int(binary.NativeEndian.Uint32(packet[offsetFds:]))
	inline := len(packet) - headerSize
	if length > MostText || fds > MostFds || length <= Inline && length != inline || length > Inline && inline != 0 {
		return 0, 0, fmt.Errorf("text of %d bytes, %d with it: %w", length, inline, ErrMessage)
	}
	if length <= Inline {
		m.Text = packet[headerSize:]
	}
	return length, fds, nil
}
