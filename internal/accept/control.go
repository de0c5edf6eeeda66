package accept

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// ErrEnded answers a command to a loop that obeys no more.
var ErrEnded = errors.New("the accept loop has ended")

// order is what a command asks of the loop.
type order uint32

const (
	stop        order = 1 // Close the listening sockets and deliver what is held.
	switchQueue order = 2 // Send to another queue, and end this one.
	retire      order = 3 // Ask some workers to end.
)

// command is one message of the control socket.
type command struct {
	order  order
	number int // switchQueue: the queue's send end. retire: how many workers.
}

// commandSize is the length of a command in bytes: order and number.
const commandSize = 8

// decode reads the bytes of a command.
func (c *command) decode(bytes *[commandSize]byte) {
	c.order = order(binary.NativeEndian.Uint32(bytes[:]))
	c.number = int(int32(binary.NativeEndian.Uint32(bytes[4:])))
}

// Stop asks the loop to take what is in the listen backlog and close the
// listening sockets, and waits until it has. What the loop holds it delivers
// later. The control socket's other end, which this and the following write
// to, stays the caller's.
func (l *Loop) Stop(control int) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if l.hasStopped() { // It ended by itself.
		return nil
	}
	if err := l.command(control, command{order: stop}); err != nil && !l.hasStopped() {
		return err
	}
	<-l.stopped
	return nil
}

// Switch makes the loop send to another queue from now on and end the old one:
// once what is queued there is received, its workers see end of file. The
// connection that the loop holds goes to the new queue.
//
// With a table of its own the loop has a copy of the descriptor, which remains
// the caller's to close; without one the descriptor is the loop's then. After
// an error it is the caller's and nothing has changed.
func (l *Loop) Switch(control, queue int) error {
	return l.ask(control, command{order: switchQueue, number: queue})
}

// Retire makes the loop ask workers to end, behind what is queued; while the
// queue is full, a little later.
func (l *Loop) Retire(control, workers int) error {
	return l.ask(control, command{order: retire, number: workers})
}

// ask gives a command and waits for the answer, which is never far: the loop
// looks at its control socket whenever it waits.
func (l *Loop) ask(control int, c command) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if l.hasStopped() {
		return ErrEnded
	}
	if err := l.command(control, c); err != nil {
		return err
	}
	select {
	case errno := <-l.answers:
		return answer(errno)
	case <-l.stopped:
	}
	select {
	case errno := <-l.answers: // The last thing before it ended.
		return answer(errno)
	default:
		return ErrEnded
	}
}

func answer(errno unix.Errno) error {
	if errno != 0 {
		return fmt.Errorf("the accept loop can't take the queue: %w", errno)
	}
	return nil
}

func (l *Loop) hasStopped() bool {
	select {
	case <-l.stopped:
		return true
	default:
		return false
	}
}

// command writes a command, and tells a loop that is too busy to wait.
func (l *Loop) command(control int, c command) error {
	var bytes [commandSize]byte
	binary.NativeEndian.PutUint32(bytes[:], uint32(c.order))
	binary.NativeEndian.PutUint32(bytes[4:], uint32(c.number))
	var rights []byte
	if c.order == switchQueue && l.private {
		rights = unix.UnixRights(c.number)
	}
	if _, err := unix.SendmsgN(control, bytes[:], rights, nil, controlFlags); err != nil {
		return fmt.Errorf("can't reach the accept loop: %w", err)
	}
	l.asked.Store(true)
	return nil
}

// obey does what the loop was asked to do. An end of the control socket, or an
// error of it, asks to stop.
func (l *Loop) obey() {
	l.asked.Store(false)
	for l.state == accepting {
		switch l.sys.command(l.options.Control, l.private, &l.ordered) {
		case 0:
			l.do(&l.ordered)
		case unix.EAGAIN:
			return
		case unix.EINTR:
		default:
			l.state = stopping
		}
	}
}

func (l *Loop) do(c *command) {
	switch {
	case c.order == retire:
		l.retiring += max(c.number, 0)
		l.sendRetiring()
		l.answer(0)
	case c.order == switchQueue && c.number < 0:
		l.answer(unix.EMFILE) // It did not fit into the loop's table.
	case c.order == switchQueue:
		l.switchTo(c.number)
		l.answer(0)
	default:
		l.state = stopping
	}
}

// answer never waits: one command is given at a time.
func (l *Loop) answer(errno unix.Errno) {
	select {
	case l.answers <- errno:
	default:
	}
}

// switchTo sends to another queue, which becomes the loop's. Whoever was to
// retire sees the end of the old one.
func (l *Loop) switchTo(queue int) {
	l.shut(l.options.Queue)
	l.options.Queue = queue
	l.room[1].Fd = int32(queue)
	l.retiring = 0
	l.nudger.nudges, l.nudger.since = 0, 0
}

// sendRetiring asks workers to end, as many as there is room for in the queue,
// and reports whether that is all. An error is left for a connection to meet.
func (l *Loop) sendRetiring() bool {
	for l.retiring > 0 {
		if l.sys.send(l.options.Queue, &l.farewell, handoff.NoConnection) != 0 {
			return false
		}
		l.retiring--
		l.nudger.sent()
	}
	return true
}
