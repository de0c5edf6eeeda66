package load

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A place of datagrams keeps its socket from one request to the next, and so
// hears replies that come late or twice. Which request a reply is to, its number
// tells: a place's numbers are its own, and grow.

// beginDatagram sends a place's next request; done means that it is over already.
func (l *loop) beginDatagram(slot int, due time.Duration) (done bool, outcome Outcome) {
	c := &l.conns[slot]
	now := l.now()
	if c.socket < 0 {
		if errno := l.openDatagrams(c); errno != 0 {
			return true, broken(errno)
		}
	}
	c.fd, c.due, c.began, c.asked = c.socket, due, now, now
	c.linesLeft, c.pid, c.answers, c.in = 1, 0, 0, c.in[:0]
	c.rounds++
	c.line, c.id = l.plan.request(c.line[:0], l.datagramNumber(c, c.rounds))
	c.deadline = now + l.plan.Timeout
	if l.plan.GiveUp > 0 {
		c.deadline = due + l.plan.GiveUp
	}
	if _, errno := write(c.fd, c.line); errno != 0 {
		return true, broken(errno)
	}
	return false, 0
}

// openDatagrams makes a place's socket.
func (l *loop) openDatagrams(c *conn) unix.Errno {
	fd, errno := open(l.to, nth(l.plan.Source, l.datagramNumber(c, 0)))
	if errno != 0 {
		return errno
	}
	if errno = connect(fd, l.to); errno == 0 {
		errno = epollAdd(l.epfd, fd, unix.EPOLLIN|unix.EPOLLET, int32(c.slot))
	}
	if errno != 0 {
		closeFd(fd)
		return errno
	}
	c.socket = fd
	return 0
}

// datagramNumber returns the number of a place's request in a round.
func (l *loop) datagramNumber(c *conn, round int) int {
	return (round*len(l.conns)+c.slot)*l.streams + l.stream
}

// receiveDatagrams reads all that there is for a place.
func (l *loop) receiveDatagrams(c *conn) {
	for {
		n, errno := read(c.socket, l.buf)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == 0:
			l.takeDatagram(c, l.buf[:n])
		case c.isOpen():
			l.end(c.slot, broken(errno))
		}
	}
}

// takeDatagram ends the request under way, unless the reply is to an earlier one.
func (l *loop) takeDatagram(c *conn, reply []byte) {
	if c.isOpen() {
		if pid, ok := l.plan.isReply(reply, c.id); ok {
			l.answered(c, pid, l.now())
			c.replied = l.now()
			l.end(c.slot, Served)
			return
		}
	}
	round, ok := l.roundOf(c, reply)
	missed := slices.Index(c.missed, round)
	switch {
	case ok && missed >= 0:
		c.missed = slices.Delete(c.missed, missed, missed+1)
		l.result.Overdue++
	case ok || !c.isOpen():
		l.result.Surplus++
	default:
		l.end(c.slot, Wrong)
	}
}

// roundOf returns which earlier request of the place a reply is to.
func (l *loop) roundOf(c *conn, reply []byte) (round int, ok bool) {
	text := bytes.TrimRight(reply, "\r\n")
	digits := text[bytes.LastIndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })+1:]
	number, err := strconv.Atoi(string(digits))
	if err != nil {
		return 0, false
	}
	round = number / l.streams / len(l.conns)
	if round < 1 || round > c.rounds || number != l.datagramNumber(c, round) {
		return 0, false
	}
	_, id := l.plan.request(nil, number)
	_, ok = l.plan.isReply(reply, id)
	return round, ok
}

// keepDatagram leaves the place its socket; what wasn't served may still come.
func (c *conn) keepDatagram(outcome Outcome) {
	if outcome != Served && c.isOpen() {
		c.missed = append(c.missed, c.rounds)
	}
	c.fd = -1
}
