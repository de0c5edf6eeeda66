package control

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

const (
	dialTime = 10 * time.Second
	mostPath = 107 // The longest that the system takes.
)

// ErrTimeout answers where the server doesn't in time.
var ErrTimeout = errors.New("the server doesn't answer")

// Error is what a server answers that refuses a request, or fails to do it.
type Error struct {
	Reason  string // A word.
	Message string
	Errno   unix.Errno // Of the system, or 0.
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Reason
	}
	return e.Message
}

func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Conn is an operator's end of a connection to a control path. It is made of
// system calls alone, so that it lives in any table of descriptors; not for two
// goroutines at once.
type Conn struct {
	fd     int
	buffer *Buffer
	lastID uint32
}

// Dial connects to a control path; one that begins with @ is abstract.
func Dial(path string) (*Conn, error) {
	return DialTimeout(path, dialTime)
}

// DialTimeout is Dial with a time of its own.
func DialTimeout(path string, timeout time.Duration) (*Conn, error) {
	if path == "" || len(path) > mostPath {
		return nil, fmt.Errorf("can't connect to %q: a path has 1 to %d bytes: %w", path, mostPath, unix.ENAMETOOLONG)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("can't make a socket: %w", err)
	}
	if fd, err = descriptor.AboveStandard(fd); err != nil {
		return nil, err
	}
	if err := connect(fd, path, timeout); err != nil {
		descriptor.Close(fd)
		return nil, fmt.Errorf("can't connect to %s: %w", path, err)
	}
	return &Conn{fd: fd, buffer: NewBuffer()}, nil
}

// connect waits where the server is slow to accept; a Unix socket knows no other
// way to wait for that than a connect that blocks.
func connect(fd int, path string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		left := unix.NsecToTimeval(int64(max(time.Until(deadline), time.Microsecond)))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &left); err != nil {
			return err
		}
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		switch {
		case err == unix.EAGAIN:
			return ErrTimeout
		case err != unix.EINTR:
			return err
		case time.Now().After(deadline):
			return ErrTimeout
		}
	}
}

// Limit bounds what is received, as that of Buffer does.
func (c *Conn) Limit(text, fds int) {
	c.buffer.Limit(text, fds)
}

// Fd is the socket, which stays the connection's.
func (c *Conn) Fd() int {
	return c.fd
}

// Close closes the connection.
func (c *Conn) Close() {
	c.buffer.Discard()
	descriptor.Close(c.fd)
	c.fd = -1
}

// Ask sends a request and waits for its answer, whose text is good until the
// next call and whose descriptors are the caller's. A refusal is an *Error; no
// answer in time wraps ErrTimeout, and one that comes later is dropped by the
// next call; the end of the connection wraps io.EOF. What comes unasked
// meanwhile is dropped.
func (c *Conn) Ask(name string, numbers Numbers, text []byte, timeout time.Duration) (Message, error) {
	deadline := time.Now().Add(timeout)
	c.lastID = max(c.lastID+1, 1)
	request := Message{ID: c.lastID, Name: name, Numbers: numbers, Text: text}
	if err := c.send(&request, deadline); err != nil {
		return Message{}, fmt.Errorf("can't ask for %q: %w", name, err)
	}
	for {
		left := time.Until(deadline)
		answer, err := c.Receive(left)
		if err == nil && left <= 0 { // It tells so much that none of it is the answer.
			descriptor.Close(answer.Fds...)
			err = ErrTimeout
		}
		switch {
		case err != nil:
			return Message{}, fmt.Errorf("can't ask for %q: %w", name, err)
		case answer.ID != c.lastID:
			descriptor.Close(answer.Fds...)
		case answer.Name != "" || answer.Errno != 0:
			descriptor.Close(answer.Fds...)
			return Message{}, &Error{answer.Name, string(answer.Text), answer.Errno}
		default:
			return answer, nil
		}
	}
}

// send sends a message, in time.
func (c *Conn) send(m *Message, deadline time.Time) error {
	for {
		err := c.buffer.Send(c.fd, m)
		switch {
		case err == unix.EAGAIN:
			err = c.wait(unix.POLLOUT, deadline)
		case err == unix.EINTR:
			err = nil
		case err == nil:
			return nil
		}
		if err != nil {
			return ended(err)
		}
	}
}

// Receive waits for a message of the server's, an answer or a notice; as Ask has
// it. Who asks for a notice's sake calls it.
func (c *Conn) Receive(timeout time.Duration) (Message, error) {
	for deadline := time.Now().Add(timeout); ; {
		m, err := c.buffer.Receive(c.fd)
		if err != unix.EAGAIN && err != unix.EINTR {
			return m, ended(err)
		}
		if err := c.wait(unix.POLLIN, deadline); err != nil {
			return Message{}, err
		}
	}
}

// wait waits until the socket is ready; a signal may end it sooner.
func (c *Conn) wait(events int16, deadline time.Time) error {
	left := time.Until(deadline)
	if left <= 0 {
		return ErrTimeout
	}
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: events}}
	milliseconds := min((left+time.Millisecond-1)/time.Millisecond, 1<<30)
	if _, err := unix.Poll(fds, int(milliseconds)); err != nil && err != unix.EINTR {
		return err
	}
	return nil
}

// ended makes one of the ways in which a connection ends: a server that closes it
// without reading resets it.
func ended(err error) error {
	if err == unix.ECONNRESET || err == unix.EPIPE {
		return io.EOF
	}
	return err
}
