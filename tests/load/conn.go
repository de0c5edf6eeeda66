package load

import (
	"bytes"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection, or a free place for one.
type conn struct {
	fd        int
	due       time.Duration // when it should have begun
	began     time.Duration // when it did
	deadline  time.Duration // when the wait under way has been too long
	nextByte  time.Duration // when the next byte may be sent, if one at a time
	asked     time.Duration // when the line under way began
	replied   time.Duration // when the last reply came
	linesLeft int           // replies still to come; 1 while it stays
	pid       int           // who replied
	answers   int           // how often
	out       []byte        // of the line under way, what isn't sent yet
	line      []byte        // the line under way, with its newline
	in        []byte        // what came of the reply to it
}

// isOpen reports whether the place is taken.
func (c *conn) isOpen() bool {
	return c.fd >= 0
}

// begin takes the place for a new connection; done means that it is over
// already.
func (l *loop) begin(slot int, due time.Duration) (done bool, outcome Outcome) {
	c := &l.conns[slot]
	now := l.now()
	fd, errno := dial(l.plan.Port)
	if errno != 0 {
		return true, broken(errno)
	}
	c.fd, c.due, c.began = fd, due, now
	c.linesLeft, c.pid, c.answers = l.plan.Lines, 0, 0
	if l.plan.Stay {
		c.linesLeft = 1
	}
	l.newLine(c, now)
	if done, outcome := l.send(c); done {
		return true, outcome
	}
	interest := uint32(unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET)
	if len(c.out) > 0 && l.plan.Gap == 0 {
		interest |= unix.EPOLLOUT
	}
	if errno := epollAdd(l.epfd, fd, interest, int32(slot)); errno != 0 {
		return true, Other
	}
	return false, 0
}

// newLine prepares the next line to send.
func (l *loop) newLine(c *conn, now time.Duration) {
	c.line = append(c.line[:0], l.plan.Prefix...)
	c.line = strconv.AppendInt(c.line, int64(l.lineNumber), 10)
	c.line = append(c.line, '\n')
	l.lineNumber += l.streams
	c.out = c.line
	c.in = c.in[:0]
	c.asked, c.nextByte = now, now
	c.deadline = now + l.plan.Timeout
}

// send sends what it may of the line under way; done means that the
// connection is over.
func (l *loop) send(c *conn) (done bool, outcome Outcome) {
	for len(c.out) > 0 {
		chunk := c.out
		if l.plan.Gap > 0 {
			if l.now() < c.nextByte {
				return false, 0
			}
			chunk = c.out[:1]
		}
		n, errno := write(c.fd, chunk)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return false, 0
		default:
			return true, broken(errno)
		}
		c.out = c.out[n:]
		c.nextByte += l.plan.Gap
	}
	return false, 0
}

// receive reads what there is; done means that the connection is over. Events
// are edge-triggered: what comes after the read raises another one, so only a
// known end of file is read for at once.
func (l *loop) receive(c *conn, ended bool) (done bool, outcome Outcome) {
	for {
		n, errno := read(c.fd, l.buf)
		switch {
		case errno == unix.EAGAIN:
			return false, 0
		case errno != 0:
			return true, broken(errno)
		case n == 0:
			return true, l.endOfFile(c)
		}
		if done, outcome := l.take(c, l.buf[:n]); done {
			return true, outcome
		}
		if !ended && n < len(l.buf) {
			return false, 0
		}
	}
}

// endOfFile returns the outcome of a connection that the server closed.
func (l *loop) endOfFile(c *conn) Outcome {
	switch {
	case c.linesLeft == 0:
		return Served
	case len(c.in) > 0:
		return Wrong
	default:
		return NoReply
	}
}

// take handles bytes that came from the server.
func (l *loop) take(c *conn, bytesIn []byte) (done bool, outcome Outcome) {
	if c.linesLeft == 0 {
		return true, Wrong
	}
	c.in = append(c.in, bytesIn...)
	end := bytes.IndexByte(c.in, '\n')
	if end < 0 {
		if len(c.in) > len(c.line)+32 {
			return true, Wrong
		}
		return false, 0
	}
	pid, ok := parseReply(c.in[:end+1], c.line)
	if !ok || end+1 != len(c.in) || len(c.out) > 0 {
		return true, Wrong
	}
	now := l.now()
	l.answered(c, pid, now)
	if c.linesLeft > 0 {
		l.newLine(c, now)
		return l.send(c)
	}
	c.replied, c.deadline = now, now+l.plan.Timeout
	if l.plan.HalfEnd {
		shutdownWrite(c.fd)
	}
	return false, 0
}

// answered counts a right reply.
func (l *loop) answered(c *conn, pid int, now time.Duration) {
	c.pid = pid
	c.answers++
	l.result.Answers++
	if !l.plan.Stay {
		c.linesLeft--
		return
	}
	l.result.Latencies = append(l.result.Latencies, now-c.asked)
	if now <= l.plan.Window {
		l.result.InWindow++
	}
	if l.windowOver(now) {
		c.linesLeft = 0
	}
}

// parseReply returns the pid of a reply to a line, and whether it is one:
// "PID LINE". Tcl's sockets end lines with a carriage return too.
func parseReply(reply, line []byte) (pid int, ok bool) {
	digits, rest, found := bytes.Cut(reply, []byte{' '})
	if !found {
		return 0, false
	}
	pid, err := strconv.Atoi(string(digits))
	if err != nil || pid <= 0 {
		return 0, false
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(rest, []byte{'\n'}), []byte{'\r'})
	return pid, bytes.Equal(text, line[:len(line)-1])
}
