package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/queue"
)

// batch is how many connections are taken from a listener at a time, at most:
// then the others have their turn. It begins with one, so that where they come
// one by one nothing is asked in vain.
const batch = 32

// arrival is an accepted connection and what is known about it.
type arrival struct {
	connection int // Owned by the arrival; queue.NoConnection: none.
	message    queue.Message
	extra      []byte // What travels beyond the message; of the reactor's memory.
}

// listener is a listening socket that feeds a service's queue. A listener of
// the user's has one for each of its addresses, all with its number.
type listener struct {
	service *service
	fd      int
	number  uint16
	rules   *admit.Rules
	plain   bool // They ask for nothing before the queue.
	backlog int
	pace    pace
	resume  deadline // Set while it pauses.
	batch   int      // How many are taken next time.
}

func newListener(s *service, fd, number, backlog int) *listener {
	rules := s.named[number].rules
	l := &listener{
		service: s, fd: fd, number: uint16(number), rules: rules, plain: rules.Plain(),
		backlog: backlog, batch: 1,
	}
	l.resume.due, l.resume.owner = l.listen, l
	return l
}

// listen has the epoll tell of connections, unless the queue is held up or the
// listener pauses.
func (l *listener) listen() {
	if l.service.accepting() && l.resume.place == 0 {
		l.service.reactor.rewatch(l.fd, unix.EPOLLIN)
	}
}

// pause takes nothing for a while.
func (l *listener) pause(milliseconds int) {
	r := l.service.reactor
	r.deadlines.set(&l.resume, r.sys.now()+uint64(milliseconds)*millisecond)
	r.rewatch(l.fd, 0)
}

// relieve has what pauses for want of a descriptor go on, for one is about to be
// closed: first what workers send back, which holds them up.
func (r *Reactor) relieve() {
	if !r.short {
		return
	}
	r.short = false
	for _, s := range r.services {
		s.back.relieve()
		for _, l := range s.listeners {
			l.relieve()
		}
	}
}

// relieve ends a pause.
func (l *listener) relieve() {
	if l.resume.place != 0 {
		l.service.reactor.deadlines.clear(&l.resume)
		l.listen()
	}
}

// ready takes what has come. An error of the socket itself comes unasked, and
// accept says which; but not of a Unix socket that somebody has shut down.
func (l *listener) ready(events uint32) {
	if events&unix.EPOLLHUP != 0 {
		l.service.fail(unix.EINVAL)
		return
	}
	for range l.batch {
		if !l.takeOne() {
			l.batch = 1
			return
		}
	}
	l.batch = min(2*l.batch, batch)
}

func (l *listener) broken() {
	l.service.fail(0)
}

// takeOne accepts a connection and delivers it. It returns false when there is
// no more to do now.
func (l *listener) takeOne() bool {
	s := l.service
	errno := l.accept(&s.current)
	switch acceptRemedy(errno) {
	case nothing:
		s.admit(l)
		return s.accepting()
	case wait:
		return false
	case retry:
		s.counts.Retries++
		if milliseconds := l.pace.transient(); milliseconds > 0 {
			l.pause(milliseconds)
			return false
		}
		return true
	case pause:
		s.counts.Pauses++
		if s.starved.due(s.reactor.sys.now()) {
			s.tell(paused, errno)
		}
		l.pause(l.pace.next())
		s.reactor.short = true
		return false
	}
	s.fail(errno)
	return false
}

// accept takes a connection; after 0 the arrival owns it.
func (l *listener) accept(a *arrival) unix.Errno {
	r := l.service.reactor
	a.message = queue.Message{Listener: l.number}
	fd, errno := r.sys.accept(l.fd, &a.message)
	if errno != 0 {
		return errno
	}
	a.connection = fd
	a.message.Accepted = r.sys.now()
	a.message.Ready = a.message.Accepted
	l.service.counts.Accepted++
	l.pace.reset()
	return 0
}

// drain takes what is already in the backlog, so that closing the socket resets
// none of it. It waits for nothing.
func (l *listener) drain() {
	// No more than a backlog: under load one that is drained fills at the
	// same time.
	for n := 0; n <= l.backlog && l.drainOne(); n++ {
	}
}

// drainOne takes one connection off a backlog. It returns false when there is
// none, or no place for it.
func (l *listener) drainOne() bool {
	s := l.service
	if s.pending.length() >= maxPending && !s.makeRoom() {
		return false
	}
	for try := 0; try <= patience; try++ {
		errno := l.accept(&s.current)
		switch acceptRemedy(errno) {
		case nothing:
			s.admitLast(l)
			return true
		case retry:
			s.counts.Retries++
		case pause:
			// What is pending uses descriptors.
			if !s.makeRoom() {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// admitLast is admit where the queue is left for later.
func (s *service) admitLast(l *listener) {
	if l.plain {
		s.address()
		s.keep()
		return
	}
	s.admit(l)
}

// shut closes a listening socket and, where it is everybody's end, stops listening
// in all processes that have it.
func (l *listener) shut(everywhere bool) {
	r := l.service.reactor
	r.deadlines.clear(&l.resume)
	r.unwatch(l.fd)
	if everywhere {
		r.sys.hush(l.fd)
	}
	r.sys.close(l.fd)
}

// remedy is what mends an error of accept or sendmsg.
type remedy uint8

const (
	nothing remedy = iota // No error.
	wait                  // Until there is something to accept, or room.
	retry                 // At once: the error told of one connection, or of the past.
	pause                 // Descriptors or memory are wanting; others may free some.
	giveUp                // No retry mends it.
)

// acceptRemedy says what mends an error of accept.
func acceptRemedy(errno unix.Errno) remedy {
	switch errno {
	case 0:
		return nothing
	case unix.EAGAIN:
		return wait
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return pause
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM:
		return retry

	// Linux reports what already went wrong on the new connection as an
	// error of accept.
	case unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.EHOSTUNREACH,
		unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ETIMEDOUT, unix.ENONET:
		return retry
	}
	return giveUp
}

// sendRemedy says what mends an error of sendmsg.
func sendRemedy(errno unix.Errno) remedy {
	switch errno {
	case 0:
		return nothing
	case unix.EAGAIN:
		return wait
	case unix.EINTR:
		return retry
	case unix.ETOOMANYREFS, unix.ENOBUFS, unix.ENOMEM, unix.EMFILE, unix.ENFILE:
		return pause
	}
	return giveUp
}
