// Package queue puts accepted connections on the queue that the workers
// share: one message, one connection, its descriptor beside it. On the return
// workers send connections back the same way.
//
// The workers' side is C (worker/queue.c, worker/return.c); worker/wiretest
// holds the two together.
package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is the layout's version, the first byte of each message.
const Version = 2

// What a message asks of who receives it.
const (
	KindConnection = 1 // Serve the connection that comes along.
	KindRetire     = 2 // Ask for nothing more; no descriptor.
	KindNudge      = 3 // Look for a message before this one; no descriptor.
	KindPark       = 4 // From a worker: keep it until its client sends more.
	KindUnserved   = 5 // From a worker: it has waited too long, or its client is gone.
	KindReport     = 6 // From a worker; see DecodeReport.
	KindStack      = 7 // From a worker; see DecodeAnswer.
	KindAsk        = 8 // From a worker: the end of a SEQPACKET pair comes along, on which it asks.
)

// Flags of a message.
const (
	FlagSkipReset      = 1 // Not to be served if its client has reset it...
	FlagSkipHalfClosed = 2 // ...or has only ended its side.

	flags = FlagSkipReset | FlagSkipHalfClosed
)

// Size is the length of a message in bytes. What else comes along, its extra, is
// padded to blocks; so is a nudge. So a queue's length in bytes tells how many
// other messages there are: 61 * 277 is 1 modulo 512. See Count.
const (
	Size      = 61
	block     = 512
	inverse   = 277
	MostTag   = 256
	MostProxy = 2560
	MostExtra = 6 * block // A tag, PROXY data, padding.
	Most      = block     // There are fewer messages on a queue.
)

// Where the fields lie; see worker/message.h.
const (
	offsetVersion  = 0
	offsetKind     = 1
	offsetFamily   = 2
	offsetFlags    = 3
	offsetPort     = 4
	offsetListener = 6
	offsetAccepted = 8
	offsetReady    = 16
	offsetAddress  = 24
	offsetScope    = 40
	offsetPatience = 44
	offsetID       = 48
	offsetRequests = 52
	offsetTag      = 56
	offsetProxy    = 58
)

// Errors of Decode.
var (
	ErrSize    = errors.New("not the length of a message")
	ErrVersion = errors.New("a message of another version")
	ErrKind    = errors.New("a message of an unknown kind")
	ErrField   = errors.New("a message that says what can't be")
)

// Message is what travels beside a connection. Times are nanoseconds of
// CLOCK_MONOTONIC.
type Message struct {
	Kind     uint8
	Family   uint8    // Of the peer's address: 4, 6, 1: a Unix peer, or 0: none.
	Flags    uint8    // FlagSkipReset...
	Port     uint16   // The peer's; a Unix peer's is 0.
	Listener uint16   // By which of the queue's listeners it came, from 0.
	Accepted uint64   // When.
	Ready    uint64   // Since when it waits for a worker.
	Address  [16]byte // The peer's; an IPv4 address takes the first four, a Unix peer's pid, uid, gid twelve.
	Scope    uint32   // Interface of an IPv6 link-local address, 0: none.
	Patience uint32   // For how many milliseconds from Ready it may be served, 0: for ever.
	ID       uint32   // Of a connection that is counted (package limit), 0: none.
	Requests uint32   // How often a handler was called with it.
	Tag      uint16   // Bytes of the tag, which the extra begins with...
	Proxy    uint16   // ...and of PROXY data behind it.
}

// ExtraSize is the length of the message's extra, without padding.
func (m *Message) ExtraSize() int {
	return int(m.Tag) + int(m.Proxy)
}

// Encode writes the message as it stands on the wire. Both ends run on one
// machine, so integers are in host byte order.
func (m *Message) Encode(to *[Size]byte) {
	*to = [Size]byte{}
	to[offsetVersion] = Version
	to[offsetKind] = m.Kind
	to[offsetFamily] = m.Family
	to[offsetFlags] = m.Flags
	binary.NativeEndian.PutUint16(to[offsetPort:], m.Port)
	binary.NativeEndian.PutUint16(to[offsetListener:], m.Listener)
	binary.NativeEndian.PutUint64(to[offsetAccepted:], m.Accepted)
	binary.NativeEndian.PutUint64(to[offsetReady:], m.Ready)
	copy(to[offsetAddress:], m.Address[:])
	binary.NativeEndian.PutUint32(to[offsetScope:], m.Scope)
	binary.NativeEndian.PutUint32(to[offsetPatience:], m.Patience)
	binary.NativeEndian.PutUint32(to[offsetID:], m.ID)
	binary.NativeEndian.PutUint32(to[offsetRequests:], m.Requests)
	binary.NativeEndian.PutUint16(to[offsetTag:], m.Tag)
	binary.NativeEndian.PutUint16(to[offsetProxy:], m.Proxy)
}

// Length is how many bytes of the message are sent.
func (m *Message) Length() int {
	if m.Kind == KindNudge {
		return block
	}
	return Size + padded(m.ExtraSize())
}

func padded(size int) int {
	return (size + block - 1) &^ (block - 1)
}

// Count tells how many messages, but for nudges, are queued in so many bytes.
// There are never as many as a block has bytes.
func Count(bytes int) int {
	return bytes * inverse % block
}

// Decode reads what was sent; the extra lies in the same bytes. Only what has a
// connection has other fields than its kind.
func Decode(from []byte) (m Message, extra []byte, err error) {
	if len(from) < 2 {
		return Message{}, nil, fmt.Errorf("%d bytes: %w", len(from), ErrSize)
	}
	if from[offsetVersion] != Version {
		return Message{}, nil, fmt.Errorf("version %d: %w", from[offsetVersion], ErrVersion)
	}
	m = Message{Kind: from[offsetKind]}
	switch m.Kind {
	case KindConnection, KindPark, KindUnserved:
		if len(from) >= Size {
			extra, err = m.decode(from)
			return m, extra, err
		}
	case KindRetire, KindNudge, KindAsk:
	case KindReport, KindStack:
		return m, nil, nil // Of any length; see DecodeReport, DecodeAnswer.
	default:
		return Message{}, nil, fmt.Errorf("kind %d: %w", m.Kind, ErrKind)
	}
	if len(from) != m.Length() {
		return Message{}, nil, fmt.Errorf("%d bytes: %w", len(from), ErrSize)
	}
	return m, nil, nil
}

// decode reads the fields.
func (m *Message) decode(from []byte) (extra []byte, err error) {
	m.Family = from[offsetFamily]
	m.Flags = from[offsetFlags]
	m.Port = binary.NativeEndian.Uint16(from[offsetPort:])
	m.Listener = binary.NativeEndian.Uint16(from[offsetListener:])
	m.Accepted = binary.NativeEndian.Uint64(from[offsetAccepted:])
	m.Ready = binary.NativeEndian.Uint64(from[offsetReady:])
	copy(m.Address[:], from[offsetAddress:])
	m.Scope = binary.NativeEndian.Uint32(from[offsetScope:])
	m.Patience = binary.NativeEndian.Uint32(from[offsetPatience:])
	m.ID = binary.NativeEndian.Uint32(from[offsetID:])
	m.Requests = binary.NativeEndian.Uint32(from[offsetRequests:])
	m.Tag = binary.NativeEndian.Uint16(from[offsetTag:])
	m.Proxy = binary.NativeEndian.Uint16(from[offsetProxy:])
	if !isFamily(m.Family) ||
		m.Flags&^flags != 0 || m.Tag > MostTag || m.Proxy > MostProxy {
		return nil, ErrField
	}
	if len(from) != m.Length() {
		return nil, fmt.Errorf("%d bytes: %w", len(from), ErrSize)
	}
	return from[Size : Size+m.ExtraSize()], nil
}
