package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// back is the reactor's end of a service's return, on which its workers, of all
// generations, send connections back and report. It ends when the last of them
// has. A worker may be anybody's by now: what comes is checked.
type back struct {
	service *service
	fd      int // -1: it has ended.
	resume  deadline
	owners  map[int32]*owner
}

// openReturn makes the return; the workers' end is the caller's.
func (s *service) openReturn() (workers int, err error) {
	send, receive, err := queue.ReturnPair()
	if err != nil {
		return -1, err
	}
	b := &back{service: s, fd: receive, owners: map[int32]*owner{}}
	b.resume.due, b.resume.owner = b.listen, b
	if errno := s.reactor.watch(receive, b, unix.EPOLLIN); errno != 0 {
		descriptor.Close(send, receive)
		return -1, errno
	}
	s.back = b
	return send, nil
}

// listen has the epoll tell of what workers send.
func (b *back) listen() {
	b.service.reactor.rewatch(b.fd, unix.EPOLLIN)
}

// relieve ends a pause.
func (b *back) relieve() {
	if b != nil && b.resume.place != 0 {
		b.service.reactor.deadlines.clear(&b.resume)
		b.listen()
	}
}

// ready takes a batch of what workers have sent. A descriptor for which there is
// no room would be lost, so it waits then; the workers keep what they can't send.
func (b *back) ready(uint32) {
	if b.resume.place != 0 {
		return // It pauses; its end is told even then, but once.
	}
	r := b.service.reactor
	for range batch {
		if errno := r.sys.room(b.fd); errno != 0 {
			b.service.counts.Pauses++
			r.rewatch(b.fd, unix.EPOLLONESHOT)
			r.deadlines.set(&b.resume, r.sys.now()+maxPause*millisecond)
			r.short = true
			return
		}
		errno := r.receiver.Receive(b.fd)
		if errno == unix.EAGAIN || errno == unix.EINTR {
			return
		}
		if errno != 0 || len(r.receiver.Bytes) == 0 && r.receiver.Pid == 0 {
			b.end() // A message without bytes would have a sender.
			return
		}
		b.take(r.receiver)
	}
}

// drain takes all that workers have sent.
func (b *back) drain() {
	for range queue.Most / batch {
		if b.alive() {
			b.ready(0)
		}
	}
}

// take does what a message says. Its connection ends here or is the service's.
func (b *back) take(from *queue.Receiver) {
	m, extra, err := queue.Decode(from.Bytes)
	switch {
	case err != nil:
	case m.Kind == queue.KindReport:
		b.report(from)
	case m.Kind == queue.KindStack:
		b.service.stackAnswered(from)
	case m.Kind == queue.KindAsk:
		b.takeQuestion(from)
		return
	case b.service.takeBack(m, extra, from.Connection, from.Pid):
		return
	}
	descriptor.Close(from.Connection)
}

// takeBack takes a connection that a worker sends back; after true it is the
// service's.
func (s *service) takeBack(m queue.Message, extra []byte, connection int, worker int32) bool {
	if m.Kind != queue.KindPark && m.Kind != queue.KindUnserved || connection < 0 ||
		int(m.Listener) >= len(s.named) || !isConnection(connection) {
		return false
	}
	if m.Kind == queue.KindPark {
		m.Requests = max(m.Requests, 1)
	}
	if !s.limits.MayReturn(m.ID, worker) {
		m.ID = 0
	}
	s.limits.Back(m.ID)
	s.take(m, extra, connection)
	switch {
	case m.Kind == queue.KindUnserved:
		s.unserved()
	case s.heir != nil:
		s.travel(uint8(admit.StageParked))
	case s.state == serving:
		s.hold(admit.StageParked)
	default:
		s.parkLast()
	}
	return true
}

// take makes a connection that was received the one in hand.
func (s *service) take(m queue.Message, extra []byte, connection int) {
	s.current = arrival{connection: connection, message: m}
	s.current.extra = s.reactor.memory.extra(len(extra))
	copy(s.current.extra, extra)
}

// parkLast serves a connection once more if its client has sent something:
// nothing is parked any more.
func (s *service) parkLast() {
	stage := admit.StageParked
	verdict := s.advance(&s.current, &stage, false, false)
	if verdict == admit.Wait && stage == admit.StageParked {
		verdict = admit.Left
	}
	s.proceed(verdict, stage)
}

// unserved disposes of a connection that no worker has served.
func (s *service) unserved() {
	a := &s.current
	if isGone(a.connection, a.message.Flags) {
		s.counts.Gone++
		s.drop(a)
		return
	}
	s.counts.Shed[tooLong]++
	s.refuse()
}

// isConnection tells whether a descriptor is a stream socket that was connected.
func isConnection(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return false
	}
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && listening == 0
}

// isGone tells whether the client has left, as far as the message's flags care.
func isGone(fd int, flags uint8) bool {
	gone := int16(unix.POLLERR | unix.POLLHUP)
	if flags&(queue.FlagSkipReset|queue.FlagSkipHalfClosed) == 0 {
		return false
	}
	if flags&queue.FlagSkipHalfClosed != 0 {
		gone |= unix.POLLRDHUP
	}
	look := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(look[:], 0)
	return err == nil && n == 1 && look[0].Revents&gone != 0
}

// alive tells whether there may be a worker.
func (b *back) alive() bool {
	return b != nil && b.fd >= 0
}

// last tells all workers that connections can't be kept any more.
func (b *back) last() {
	if b.alive() {
		_ = unix.Shutdown(b.fd, unix.SHUT_WR)
	}
}

// end: no worker is left.
func (b *back) end() {
	r := b.service.reactor
	r.deadlines.clear(&b.resume)
	r.unwatch(b.fd)
	descriptor.Close(b.fd)
	b.fd = -1
	for _, o := range b.owners {
		o.end()
	}
	b.service.countNoMore()
}

func (b *back) broken() {
	if b.fd >= 0 {
		b.end()
	}
}
