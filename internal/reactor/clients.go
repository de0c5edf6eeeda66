package reactor

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// maxQuestions is how many may wait to be answered beside the reactor.
const maxQuestions = 256

// client is the reactor's end of a control socket, of a thread that asks.
type client struct {
	reactor *Reactor
	fd      int
	buffer  *control.Buffer
	request control.Message // The latest; its text is the buffer's.
	beside  control.Message // The answer, while it is found beside the reactor.
	unsent  []unsent        // Answers, in order.
	blocked bool            // Something waits until it can be sent.
	later   deadline        // Set while memory is wanting for that.

	question uint32    // The id of the request that is answered next.
	operator *operator // Nil: it is a thread of this process's.
	leaving  bool      // It is closed when all is sent.
}

// unsent is an answer that could not be sent, or not all of it.
type unsent struct {
	control.Message
	own []int // The descriptors to close when it is sent.
}

// notice is what a service tells its owner.
type notice int

const (
	paused  notice = iota // accept: no descriptors or no memory; goes on by itself.
	held                  // sendmsg: a connection is held and sent later.
	ended                 // An error that no retry mends, or, without one, of ours.
	strange               // A proxy's connection without a PROXY header.
	notices               // How many there are.
)

// noticeTexts say what happens then.
var noticeTexts = [notices]string{
	"accepting pauses, and goes on by itself",
	"a connection can't be handed over yet and is held",
	"accepting has ended and the port is closed; serve it again",
	"", // See notice.
}

// untold is a notice that its owner hasn't got yet.
type untold struct {
	is    bool
	errno unix.Errno
}

// door is where control sockets come from.
type door struct {
	reactor *Reactor
}

// ready takes a control socket, or hears that something was answered beside.
func (d door) ready(uint32) {
	var bytes [8]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, nRights, _, _, err := unix.Recvmsg(d.reactor.options.Inner, bytes[:], rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil || n == 0:
		d.reactor.end()
	default:
		for _, fd := range control.RightsOf(rights[:nRights]) {
			d.reactor.admit(fd)
		}
	}
	d.reactor.sendAnswered()
	d.reactor.sendPoolNotes()
}

func (d door) broken() {}

// end lets the reactor end; what it has open ends with its table.
func (r *Reactor) end() {
	r.ended = true
}

// admit begins to listen to a control socket, which becomes the client's; nil: it
// can't, and the socket is closed.
func (r *Reactor) admit(fd int) *client {
	c := &client{reactor: r, fd: fd, buffer: control.NewBuffer()}
	c.later.due, c.later.owner = c.flush, c
	if errno := r.watch(fd, c, unix.EPOLLIN); errno != 0 {
		descriptor.Close(fd)
		return nil
	}
	r.clients[c] = true
	return c
}

// ready answers a request, or sends what there was no room for.
func (c *client) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.flush()
		return
	}
	m, err := c.buffer.Receive(c.fd)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil && (m.ID == 0 || c.operator != nil):
		c.close()
	case err != nil:
		c.question = m.ID
		c.answer(control.Failure("SERVER", err))
	default:
		c.ask(m)
	}
}

// ask does what a message asks. Its descriptors are closed, but for those that were
// taken out of it.
func (c *client) ask(m control.Message) {
	c.request = m
	if c.operator != nil {
		c.operator.ask(&c.request)
	} else {
		c.question = m.ID
		c.reactor.answer(c)
	}
	descriptor.Close(c.request.Fds...)
	c.request.Fds = nil
}

func (c *client) broken() {
	c.close()
}

// close forgets a client; what it serves is served on.
func (c *client) close() {
	if !c.reactor.clients[c] {
		return
	}
	delete(c.reactor.clients, c)
	for _, s := range c.reactor.services {
		if s.owner == c {
			s.owner = nil
		}
	}
	for _, p := range c.reactor.pools {
		if p.owner == c {
			p.abandon("NOPOOL", "nobody looks after the workers here any more")
		}
	}
	if c.operator != nil {
		c.operator.gone()
	}
	for _, m := range c.unsent {
		descriptor.Close(m.own...)
	}
	c.reactor.deadlines.clear(&c.later)
	c.reactor.unwatch(c.fd)
	c.buffer.Discard()
	descriptor.Close(c.fd)
}

// send sends a message, and returns false when what is left of it can be sent
// later.
func (c *client) send(m *control.Message) bool {
	if c.blocked {
		return false
	}
	var errno unix.Errno
	if err := c.reactor.buffer.Send(c.fd, m); err != nil {
		errors.As(err, &errno)
	}
	switch sendRemedy(errno) {
	case nothing, giveUp: // What is gone will be seen as gone.
		return true
	case wait:
		c.reactor.rewatch(c.fd, c.heard()|unix.EPOLLOUT)
	default:
		c.reactor.rewatch(c.fd, c.heard())
		c.reactor.deadlines.set(&c.later, c.reactor.sys.now()+maxPause*millisecond)
	}
	c.blocked = true
	return false
}

// heard is what it is still listened to for when it doesn't read: an operator could
// ask for ever.
func (c *client) heard() uint32 {
	if c.operator != nil {
		return 0
	}
	return unix.EPOLLIN
}

// answer answers the latest request, and closes the descriptors of the answer
// when it is sent.
func (c *client) answer(m control.Message) {
	m.ID = c.question
	c.give(m)
}

// give sends a message, or keeps it until there is room; its descriptors are the
// client's from now on. The other end asks one thing at a time, so answers don't
// gather.
func (c *client) give(m control.Message) {
	own := m.Fds
	if len(c.unsent) == 0 && c.send(&m) {
		descriptor.Close(own...)
		return
	}
	m.Text = bytes.Clone(m.Text) // Its memory may be used again.
	c.unsent = append(c.unsent, unsent{m, own})
}

// closeWhenSent closes a client that has got all.
func (c *client) closeWhenSent() {
	c.leaving = true
	if len(c.unsent) == 0 {
		c.close()
	}
}

// flush sends answers, then notices, as far as that goes.
func (c *client) flush() {
	c.blocked = false
	c.reactor.deadlines.clear(&c.later)
	c.reactor.rewatch(c.fd, unix.EPOLLIN)
	for len(c.unsent) > 0 {
		if !c.send(&c.unsent[0].Message) {
			return
		}
		descriptor.Close(c.unsent[0].own...)
		c.unsent = c.unsent[1:]
	}
	if c.leaving {
		c.close()
		return
	}
	for _, p := range c.reactor.pools {
		if p.owner == c {
			p.tellUntold()
		}
	}
	for _, s := range c.reactor.services {
		if s.owner == c {
			s.tellUntold()
		}
	}
}

// tell tells the owner, now or when it reads again.
func (s *service) tell(n notice, errno unix.Errno) {
	if s.owner != nil {
		s.untold[n] = untold{true, errno}
		s.tellUntold()
	}
}

// tellStrange tells, once a second at most, whose connection was none of a proxy's.
func (s *service) tellStrange(a *arrival) {
	s.stranger, s.strangerAt = peerText(&a.message), s.named[a.message.Listener].called()
	if now := s.reactor.sys.now(); s.strange == 0 || now-s.strange >= strangeGap {
		s.strange = now
		s.tell(strange, 0)
	}
}

// peerText is how messages name a peer.
func peerText(m *queue.Message) string {
	if pid, uid, _, ok := m.Unix(); ok {
		return fmt.Sprintf("process %d of user %d", pid, uid)
	}
	return m.Peer().String()
}

func (s *service) tellUntold() {
	for n := range s.untold {
		if !s.untold[n].is || s.owner == nil {
			continue
		}
		m := s.notice(notice(n), s.untold[n].errno)
		s.untold[n].is = !s.owner.send(&m)
		if notice(n) == ended && !s.untold[n].is {
			delete(s.reactor.services, s.handle) // Nobody will ask for it.
		}
	}
}

// notice says to which service something has happened, whether it is its end,
// and what there is to read.
func (s *service) notice(n notice, errno unix.Errno) control.Message {
	m := control.Message{Name: "SERVER", Errno: errno, Numbers: control.Numbers{int64(s.handle)}}
	if n == ended {
		m.Numbers[1] = 1
	}
	if n == strange {
		m.Text = fmt.Appendf(nil, "%s: a connection from %s was closed: it has no PROXY header that can be read (%d so far)",
			s.strangerAt, s.stranger, s.counts.Malformed)
		return m
	}
	why := "internal error"
	if errno != 0 {
		why = errno.Error()
	}
	m.Text = fmt.Appendf(nil, "%s: %s: %s", s.called, noticeTexts[n], why)
	return m
}

// sendAnswered sends what was answered beside the reactor.
func (r *Reactor) sendAnswered() {
	for {
		r.answered.Lock()
		var c *client
		if n := len(r.answered.all); n > 0 {
			c, r.answered.all = r.answered.all[n-1], r.answered.all[:n-1]
		}
		r.answered.Unlock()
		if c == nil {
			return
		}
		if r.clients[c] {
			c.answer(c.beside)
		}
	}
}
