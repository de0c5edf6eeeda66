package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection, or a free place for one.
type conn struct {
	slot      int // its place's number
	fd        int
	due       time.Duration // when it should have begun
	began     time.Duration // when it did
	deadline  time.Duration // when the wait under way has been too long
	nextByte  time.Duration // when the next byte may be sent, if one at a time
	wake      time.Duration // what moment it waits for, or never
	knocks    bool          // the server's backlog is full
	idle      bool          // no line is under way
	shed      bool          // the busy reply came
	asked     time.Duration // when the line under way began
	replied   time.Duration // when the last reply came
	linesLeft int           // replies still to come; 1 while it stays
	pid       int           // who replied
	answers   int           // how often
	out       []byte        // of the line under way, what isn't sent yet
	line      []byte        // the line under way, as sent
	id        []byte        // the part of it that comes back
	in        []byte        // what came of the reply to it
	socket    int           // of datagrams, kept between requests; -1: none yet
	rounds    int           // datagrams sent
	missed    []int         // which of them were over without their reply
}

// isOpen reports whether the place is taken.
func (c *conn) isOpen() bool {
	return c.fd >= 0
}

// begin takes the place for a new connection; done means that it is over
// already.
func (l *loop) begin(slot int, due time.Duration) (done bool, outcome Outcome) {
	if l.plan.Datagrams {
		return l.beginDatagram(slot, due)
	}
	c := &l.conns[slot]
	now := l.now()
	number := (l.result.Started-1)*l.streams + l.stream
	fd, errno := open(l.to, nth(l.plan.Source, number))
	if errno != 0 {
		return true, broken(errno)
	}
	c.fd, c.due, c.began, c.nextByte = fd, due, now, now
	c.linesLeft, c.pid, c.answers, c.shed = l.plan.Lines, 0, 0, false
	if l.plan.stays() {
		c.linesLeft = 1
	}
	c.line = l.plan.Proxy.append(c.line[:0], number, l.plan.Port)
	c.out = c.line
	if l.plan.Pause.Most > 0 && !l.plan.Silent {
		l.rest(c, now+time.Duration(l.rng.Int64N(int64(l.plan.Pause.Most))))
	} else {
		l.newLine(c, now)
	}
	return l.connect(c)
}

// knock is how soon a connection to a Unix socket whose backlog is full is tried
// again: the system doesn't tell when there is room.
const knock = time.Millisecond

// connect begins the connection itself, and sends what it may.
func (l *loop) connect(c *conn) (done bool, outcome Outcome) {
	errno := connect(c.fd, l.to)
	if c.knocks = errno == unix.EAGAIN; c.knocks {
		l.wakeAt(c, l.now()+knock)
		return false, 0
	}
	if errno != 0 {
		return true, broken(errno)
	}
	if done, outcome := l.send(c); done {
		return true, outcome
	}
	interest := uint32(unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET)
	if len(c.out) > 0 || c.idle {
		interest |= unix.EPOLLOUT
	}
	if errno := epollAdd(l.epfd, c.fd, interest, int32(c.slot)); errno != 0 {
		return true, Other
	}
	return false, 0
}

// newLine prepares the next line to send, behind what isn't sent yet.
func (l *loop) newLine(c *conn, now time.Duration) {
	c.line = append(c.line[:0], c.out...)
	before := len(c.line)
	c.line, c.id = l.plan.request(c.line, l.lineNumber)
	l.lineNumber += l.streams
	c.asked, c.nextByte = now, now
	c.idle, c.in = false, c.in[:0]
	c.deadline = now + l.plan.Timeout
	if l.plan.GiveUp > 0 && l.plan.Stay {
		c.deadline = c.asked + l.plan.GiveUp
	} else if l.plan.GiveUp > 0 {
		c.deadline = c.due + l.plan.GiveUp
	}
	if l.plan.Silent {
		c.line = c.line[:min(before+l.plan.Part, len(c.line))]
		c.idle, c.deadline = true, never
	}
	c.out = c.line
}

// rest makes a connection idle until a moment.
func (l *loop) rest(c *conn, until time.Duration) {
	c.idle, c.in, c.deadline = true, c.in[:0], never
	l.wakeAt(c, until)
}

// next goes on after a reply: with the next line, a pause before it, or the
// end.
func (l *loop) next(c *conn, now time.Duration) (done bool, outcome Outcome) {
	switch pause := l.plan.Pause; {
	case c.linesLeft == 0:
		l.finish(c, now)
		return false, 0
	case pause.Most > 0:
		l.rest(c, now+pause.Least+time.Duration(l.rng.Int64N(int64(pause.Most-pause.Least)+1)))
		return false, 0
	default:
		l.newLine(c, now)
		return l.send(c)
	}
}

// finish waits for the end of file; the last reply has come.
func (l *loop) finish(c *conn, now time.Duration) {
	c.linesLeft, c.idle, c.wake = 0, false, never
	c.replied, c.deadline = now, now+l.plan.Timeout
	if l.plan.HalfEnd {
		shutdownWrite(c.fd)
	}
}

// send sends what it may of the line under way; done means that the
// connection is over.
func (l *loop) send(c *conn) (done bool, outcome Outcome) {
	for len(c.out) > 0 {
		chunk := c.out
		if l.plan.Gap > 0 {
			if l.now() < c.nextByte {
				l.wakeAt(c, c.nextByte)
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
	case c.shed:
		return Busy
	case c.linesLeft == 0:
		return Served
	case len(c.in) > 0:
		return Wrong
	case c.idle:
		return ClosedIdle
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
	if len(c.in) <= len(l.plan.Busy) && l.plan.Busy[:len(c.in)] == string(c.in) {
		if len(c.in) == len(l.plan.Busy) {
			l.turnedAway(c)
		}
		return false, 0
	}
	if c.idle || len(c.out) > 0 {
		return true, Wrong
	}
	pid, last, state := l.plan.parse(c.in, c.id)
	switch state {
	case partial:
		return false, 0
	case wrong:
		return true, Wrong
	}
	now := l.now()
	l.answered(c, pid, now)
	if last {
		c.linesLeft = 0
	}
	return l.next(c, now)
}

// turnedAway counts a busy reply; the end of file has to follow.
func (l *loop) turnedAway(c *conn) {
	now := l.now()
	since := c.due
	if l.plan.Stay {
		since = c.asked
	}
	l.result.Shed = append(l.result.Shed, now-since)
	c.shed, c.linesLeft, c.idle, c.wake = true, 0, false, never
	c.deadline = now + l.plan.Timeout
}

// answered counts a right reply.
func (l *loop) answered(c *conn, pid int, now time.Duration) {
	c.pid = pid
	c.answers++
	l.result.Answers++
	l.result.PerSecond = count(l.result.PerSecond, int(now/time.Second), 1)
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
