// Package control is the protocol of the control sockets: what the commands,
// which are C, ask of the reactor, what it answers, and what it tells unasked.
//
// A control socket is a pair of sequenced packets, one per thread that asks, or a
// connection to the control path, one per operator: Conn is its end of that.
// One message is one packet, or several where it is long. A request has a number
// above 0 and is answered by a message with the same number; a notice has the
// number 0. tclext/boundary.h states the same layout.
package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What a packet has room for, and how long a text may be.
const (
	NameSize = 20
	MostFds  = 64
	Inline   = 4096
	MostText = 16 << 20
)

// Where the fields of a header lie.
const (
	offsetID      = 0
	offsetErrno   = 4
	offsetMore    = 8
	offsetName    = 12
	offsetNumbers = offsetName + NameSize
	headerSize    = offsetNumbers + 8*len(Numbers{})
)

// ErrMessage answers bytes that are none of this protocol.
var ErrMessage = errors.New("not a message of the control protocol")

// Numbers are what a request or a notice is about; each name has its own.
type Numbers [2]int64

// Message is a request, an answer or a notice.
type Message struct {
	ID      uint32
	Name    string     // What is asked; otherwise why something failed, "": it is done.
	Errno   unix.Errno // In an answer or notice: of the system, or 0.
	Numbers Numbers
	Text    []byte // What is asked or answered; what went wrong.
	Fds     []int  // The sender's stay its own; the receiver owns what came.
}

// Failure is the answer to a request that could not be done.
func Failure(reason string, err error) Message {
	m := Message{Name: reason, Text: []byte(err.Error())}
	errors.As(err, &m.Errno)
	return m
}

// encode writes a header; more says whether a packet follows.
func (m *Message) encode(packet []byte, more bool) {
	clear(packet[:headerSize])
	binary.NativeEndian.PutUint32(packet[offsetID:], m.ID)
	binary.NativeEndian.PutUint32(packet[offsetErrno:], uint32(m.Errno))
	if more {
		binary.NativeEndian.PutUint32(packet[offsetMore:], 1)
	}
	copy(packet[offsetName:offsetNumbers-1], m.Name)
	for i, number := range m.Numbers {
		binary.NativeEndian.PutUint64(packet[offsetNumbers+8*i:], uint64(number))
	}
}

// decode reads a packet, whose the text is.
func (m *Message) decode(packet []byte) (more bool, err error) {
	if len(packet) < headerSize || len(packet) > headerSize+Inline {
		return false, fmt.Errorf("%d bytes: %w", len(packet), ErrMessage)
	}
	m.ID = binary.NativeEndian.Uint32(packet[offsetID:])
	m.Errno = unix.Errno(binary.NativeEndian.Uint32(packet[offsetErrno:]))
	name, _, _ := bytes.Cut(packet[offsetName:offsetNumbers], []byte{0})
	m.Name = string(name)
	for i := range m.Numbers {
		m.Numbers[i] = int64(binary.NativeEndian.Uint64(packet[offsetNumbers+8*i:]))
	}
	m.Text = packet[headerSize:]
	return binary.NativeEndian.Uint32(packet[offsetMore:]) != 0, nil
}
