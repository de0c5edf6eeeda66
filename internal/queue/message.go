// Package queue puts accepted connections on the queue that the workers
// share: one message, one connection, its descriptor beside it.
//
// The receiving side is C (worker/queue.c); worker/wiretest holds the two
// together.
package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is the layout's version, the first byte of each message.
const Version = 1

// What a message asks of the worker that receives it.
const (
	KindConnection = 1 // Serve the connection that comes along.
	KindRetire     = 2 // Ask for nothing more; no descriptor.
	KindNudge      = 3 // Look for a message before this one; no descriptor.
)

// Size is the length of a message in bytes. A nudge is its first NudgeSize
// bytes, so that a queue's length in bytes tells how many other messages there
// are.
const (
	Size      = 40
	NudgeSize = 2
)

// Where the fields lie; see worker/message.h.
const (
	offsetVersion  = 0
	offsetKind     = 1
	offsetFamily   = 2
	offsetPort     = 4
	offsetListener = 6
	offsetAccepted = 8
	offsetAddress  = 16
	offsetScope    = 32
)

// Errors of Decode.
var (
	ErrSize    = errors.New("not the length of a message")
	ErrVersion = errors.New("a message of another version")
	ErrKind    = errors.New("a message of an unknown kind")
	ErrFamily  = errors.New("an address of an unknown family")
)

// Message is what travels beside a connection.
type Message struct {
	Kind     uint8    // KindConnection, KindRetire or KindNudge.
	Family   uint8    // Of the peer's address: 4, 6, or 0: none.
	Port     uint16   // The peer's.
	Listener uint16   // By which of the queue's listeners it came, from 0.
	Accepted uint64   // When: nanoseconds of CLOCK_MONOTONIC.
	Address  [16]byte // The peer's; an IPv4 address takes the first four.
	Scope    uint32   // Interface of an IPv6 link-local address, 0: none.
}

// Encode writes the message as it stands on the wire. Both ends run on one
// machine, so integers are in host byte order.
func (m *Message) Encode(to *[Size]byte) {
	*to = [Size]byte{}
	to[offsetVersion] = Version
	to[offsetKind] = m.Kind
	to[offsetFamily] = m.Family
	binary.NativeEndian.PutUint16(to[offsetPort:], m.Port)
	binary.NativeEndian.PutUint16(to[offsetListener:], m.Listener)
	binary.NativeEndian.PutUint64(to[offsetAccepted:], m.Accepted)
	copy(to[offsetAddress:], m.Address[:])
	binary.NativeEndian.PutUint32(to[offsetScope:], m.Scope)
}

// length is how many bytes of the message are sent.
func (m *Message) length() int {
	if m.Kind == KindNudge {
		return NudgeSize
	}
	return Size
}

// Decode reads what Encode wrote. Only a connection has other fields.
func Decode(from []byte) (Message, error) {
	if len(from) == NudgeSize && from[offsetVersion] == Version && from[offsetKind] == KindNudge {
		return Message{Kind: KindNudge}, nil
	}
	if len(from) != Size {
		return Message{}, fmt.Errorf("%d bytes: %w", len(from), ErrSize)
	}
	if from[offsetVersion] != Version {
		return Message{}, fmt.Errorf("version %d: %w", from[offsetVersion], ErrVersion)
	}
	m := Message{Kind: from[offsetKind]}
	if m.Kind == KindRetire {
		return m, nil
	}
	if m.Kind != KindConnection {
		return Message{}, fmt.Errorf("kind %d: %w", m.Kind, ErrKind)
	}
	m.Family = from[offsetFamily]
	if m.Family != 0 && m.Family != 4 && m.Family != 6 {
		return Message{}, fmt.Errorf("family %d: %w", m.Family, ErrFamily)
	}
	m.Port = binary.NativeEndian.Uint16(from[offsetPort:])
	m.Listener = binary.NativeEndian.Uint16(from[offsetListener:])
	m.Accepted = binary.NativeEndian.Uint64(from[offsetAccepted:])
	copy(m.Address[:], from[offsetAddress:])
	m.Scope = binary.NativeEndian.Uint32(from[offsetScope:])
	return m, nil
}
