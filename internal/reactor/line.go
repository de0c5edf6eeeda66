package reactor

import (
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// line is a queue and what is known of the messages on it. It is first in,
// first out: how many there are tells which.
type line struct {
	send, receive int
	gate          int    // Of datagrams, see addGate; 0: there are none.
	number        uint64 // Of the next message.
	notes         [queue.Most]note
}

// note is what is known of a message. One to retire has been ready for ever.
type note struct {
	ready    uint64
	patience uint32 // Milliseconds; 0: no bound.
}

// newLine makes a queue, with a gate for datagrams if there may be any.
func newLine(datagrams bool) (*line, error) {
	send, receive, err := queue.Pair()
	if err != nil {
		return nil, err
	}
	l := &line{send: send, receive: receive}
	if !datagrams {
		return l, nil
	}
	if err := l.addGate(); err != nil {
		descriptor.Close(send, receive)
		return nil, err
	}
	return l, nil
}

// note notes a message that was put on the queue.
func (l *line) note(ready uint64, patience uint32) {
	l.notes[l.number%queue.Most] = note{ready, patience}
	l.number++
}

// oldest is the first connection of so many messages that are queued; the zero
// value: there is none.
func (l *line) oldest(queued int) note {
	for ; queued > 0; queued-- {
		if n := l.notes[(l.number-uint64(queued))%queue.Most]; n.ready > 0 {
			return n
		}
	}
	return note{}
}

// firstDue is when the first of so many messages that are queued has waited too
// long, by so much; 0: none will.
func (l *line) firstDue(queued int, by uint64) (first uint64) {
	for ; queued > 0; queued-- {
		due := l.notes[(l.number-uint64(queued))%queue.Most].due(by)
		if due > 0 && (first == 0 || due < first) {
			first = due
		}
	}
	return first
}

// due is when a message has waited too long, by so much; 0: never.
func (n note) due(by uint64) uint64 {
	if n.patience == 0 {
		return 0
	}
	return n.ready + uint64(n.patience)*millisecond + by
}
