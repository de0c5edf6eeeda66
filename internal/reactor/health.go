package reactor

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

const (
	mostChecks  = 256  // At a time; the oldest gives way.
	mostRequest = 4096 // Bytes.
	checkTime   = 5e9  // For how long a check may be there.
)

// What is told of a service.
const (
	isStarting = "starting" // No worker of the current generation is ready yet.
	isReady    = "ready"
	isDraining = "draining"
	isStopping = "stopping"
)

// health tells over HTTP how a service stands. The reactor does that alone, so
// that the answer comes whatever Tcl does.
type health struct {
	reactor *Reactor
	opened  listen.Opened
	state   func() string
	sockets []*healthSocket
	begun   bool
	checks  int // How many there are.
	spare   []*check
	peer    queue.Message // Of the latest; nobody asks for it.
	buffer  [mostRequest]byte
}

// healthSocket is one of its listening sockets.
type healthSocket struct {
	health  *health
	fd      int
	watched bool
	pace    pace
	resume  deadline // Set while it pauses.
}

// check is a connection of somebody who asks.
type check struct {
	health   *health
	fd       int // -1: none.
	request  request
	answered bool
	deadline deadline
}

// newHealth owns what was opened. It answers nobody before begin.
func newHealth(r *Reactor, opened listen.Opened, state func() string) *health {
	h := &health{reactor: r, opened: opened, state: state}
	for _, fd := range opened.Fds {
		l := &healthSocket{health: h, fd: fd}
		l.resume.due, l.resume.owner = l.listen, l
		h.sockets = append(h.sockets, l)
	}
	return h
}

// begin accepts, or does so again after pause.
func (h *health) begin() {
	h.begun = true
	h.listen()
}

// pause accepts no more. Who is there is still answered.
func (h *health) pause() {
	h.begun = false
	for _, l := range h.sockets {
		h.reactor.deadlines.clear(&l.resume)
	}
	h.ignore()
}

// close ends all of it. Without remove somebody else goes on with the sockets and
// the path.
func (h *health) close(remove bool) {
	h.pause()
	for _, w := range h.reactor.watched {
		if c, ok := w.watcher.(*check); ok && c.health == h {
			c.leave()
		}
	}
	if remove {
		h.opened.Remove()
	}
	for _, l := range h.sockets {
		if remove && !h.opened.Shared {
			h.reactor.sys.hush(l.fd)
		}
		h.reactor.sys.close(l.fd)
	}
	h.sockets = nil
}

// listen has all sockets accept that don't pause.
func (h *health) listen() {
	for _, l := range h.sockets {
		l.listen()
	}
}

func (l *healthSocket) listen() {
	h := l.health
	if !h.begun || l.watched || l.resume.place != 0 {
		return
	}
	if h.reactor.watch(l.fd, l, unix.EPOLLIN) != 0 {
		l.wait()
		return
	}
	l.watched = true
}

func (h *health) ignore() {
	for _, l := range h.sockets {
		l.ignore()
	}
}

// ignore takes the socket out of the epoll, which would tell of its errors
// otherwise.
func (l *healthSocket) ignore() {
	if l.watched {
		l.watched = false
		l.health.reactor.unwatch(l.fd)
	}
}

// wait accepts nothing for a while.
func (l *healthSocket) wait() {
	r := l.health.reactor
	l.ignore()
	r.deadlines.set(&l.resume, r.sys.now()+uint64(l.pace.next())*millisecond)
}

// ready takes what has come. Whatever else than one connection is wrong, it is
// tried again a little later.
func (l *healthSocket) ready(events uint32) {
	h := l.health
	if events&unix.EPOLLHUP != 0 {
		l.wait() // Somebody has shut it down.
		return
	}
	for n := 0; n < batch && l.watched; n++ {
		fd, errno := h.reactor.sys.accept(l.fd, &h.peer)
		switch acceptRemedy(errno) {
		case nothing:
			l.pace.reset()
			h.admit(fd)
		case wait:
			return
		case retry:
			if l.pace.inRow++; l.pace.inRow > patience {
				l.wait()
				return
			}
		default:
			l.wait()
			return
		}
	}
}

func (l *healthSocket) broken() {
	l.wait()
}

// admit waits for the request on a connection, which becomes the check's.
func (h *health) admit(fd int) {
	var c *check
	if n := len(h.spare); n > 0 {
		c, h.spare = h.spare[n-1], h.spare[:n-1]
	} else {
		c = &check{health: h}
		c.deadline.due, c.deadline.owner = c.end, c
	}
	c.fd, c.request, c.answered = fd, request{}, false
	if h.checks++; h.checks > mostChecks {
		h.sendAway()
	}
	if h.reactor.watch(fd, c, unix.EPOLLIN) != 0 {
		c.end()
		return
	}
	h.reactor.deadlines.set(&c.deadline, h.reactor.sys.now()+checkTime)
}

// sendAway ends the check that has been there for longest: who is silent must not
// keep others from their answer.
func (h *health) sendAway() {
	var oldest *check
	for _, w := range h.reactor.watched {
		c, ok := w.watcher.(*check)
		if ok && c.health == h && (oldest == nil || c.deadline.at < oldest.deadline.at) {
			oldest = c
		}
	}
	if oldest != nil {
		oldest.end()
	}
}

// ready reads on: the request, then, so that nothing unread resets the connection
// before the answer is read, whatever is left.
func (c *check) ready(uint32) {
	h := c.health
	if c.answered {
		if !h.reactor.look.Discard(c.fd) {
			c.end()
		}
		return
	}
	n, errno := receive(c.fd, h.buffer[:mostRequest-c.request.length])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0 || n == 0 && c.request.length == 0:
		c.end()
	case c.request.read(h.buffer[:n]) || n == 0:
		c.answer()
	case c.request.length == mostRequest:
		c.end()
	}
}

// answer answers, and gives the client a moment to end the connection.
func (c *check) answer() {
	r := c.health.reactor
	c.answered = true
	if !admit.Reply(c.fd, c.health.response(c.request.isHead())) {
		c.end()
		return
	}
	r.deadlines.set(&c.deadline, min(c.deadline.at, r.sys.now()+closingTime))
}

// response is good until the next is made.
func (h *health) response(isHead bool) []byte {
	state := h.state()
	to := append(h.buffer[:0], "HTTP/1.1 "...)
	if state == isReady {
		to = append(to, "200 OK"...)
	} else {
		to = append(to, "503 Service Unavailable"...)
	}
	to = append(to, "\r\nContent-Type: text/plain\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(len(state)), 10)
	to = append(to, "\r\nConnection: close\r\n\r\n"...)
	if !isHead {
		to = append(to, state...)
	}
	return to
}

// leave answers what has been asked already, and ends.
func (c *check) leave() {
	c.ready(0)
	c.broken()
}

// end closes the connection.
func (c *check) end() {
	h := c.health
	h.reactor.deadlines.clear(&c.deadline)
	h.reactor.unwatch(c.fd)
	h.reactor.sys.close(c.fd)
	c.fd = -1
	h.checks--
	h.spare = append(h.spare, c)
	h.reactor.relieve()
	h.listen()
}

func (c *check) broken() {
	if c.fd >= 0 {
		c.end()
	}
}

// request is what is known of a request, whose bytes are not kept. Line ends before
// it don't count, nor does any CR.
type request struct {
	length int // All bytes so far.
	named  int
	method [5]byte // So many of its first bytes.
	empty  bool    // A line has ended, and the next is empty so far.
}

// read reports whether the request ends here.
func (r *request) read(bytes []byte) bool {
	for _, b := range bytes {
		r.length++
		switch {
		case b == '\r':
		case b == '\n' && r.empty:
			return true
		case b == '\n':
			r.empty = true
		default:
			r.empty = false
			if r.named < len(r.method) {
				r.method[r.named] = b
				r.named++
			}
		}
	}
	return false
}

func (r *request) isHead() bool {
	return string(r.method[:]) == "HEAD "
}

// receive doesn't wait.
func receive(fd int, to []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&to[0])),
		uintptr(len(to)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
