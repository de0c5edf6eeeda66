package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

// state is what a service is doing.
type state uint8

const (
	serving state = iota
	closed        // Listens no more; delivers what it has accepted.
	failed        // An error that no retry mends: everything is closed.
)

// Counts is what a service has counted since it began.
type Counts struct {
	Accepted   uint64 // Connections accepted.
	HandedOver uint64 // Connections put on the queue.
	Lost       uint64 // Accepted, but could not be handed over by any means; closed.
	Waits      uint64 // Times the queue was full.
	Retries    uint64 // Transient errors of accept and sendmsg.
	Pauses     uint64 // Times it paused for want of descriptors or memory.
}

// service is a queue and the listeners that feed it.
type service struct {
	reactor *Reactor
	handle  int     // Names it in requests; none is ever used again.
	owner   *client // Hears of trouble; nil: nobody does.
	port    int     // Of its first listener.
	state   state

	listeners []*listener // Their sockets; none any more once they are closed.
	groups    int         // How many listeners there are, of a socket for each address.
	queue     int         // The queue's send end.
	next      int         // That of a second queue; -1: there is none.
	back      *back       // What workers send, or nil.

	current arrival // The connection in hand.
	pending pending // What the queue has not taken.

	full         bool // The queue was, when it was last tried.
	queueWatched bool // It is in the epoll.
	sendPace     pace
	later        deadline // Set while flush is to be called.
	retiring     int      // Workers still to be asked to end.
	nudger       nudger

	starved, stuck trouble
	untold         [notices]untold
	counts         Counts
}

// open makes a service; after an error nothing is left open. It begins when
// begin is called. The receive end is the caller's.
func (r *Reactor) open(options listen.Options, owner *client) (s *service, receive int, err error) {
	fds, port, err := listen.Listen(options)
	if err != nil {
		return nil, -1, err
	}
	send, receive, err := queue.Pair()
	if err != nil {
		descriptor.Close(fds...)
		return nil, -1, err
	}
	s = r.newService(send)
	s.owner, s.port = owner, port
	s.addListener(fds, options.Backlog)
	return s, receive, nil
}

// newService owns the queue's end. It has no listener yet.
func (r *Reactor) newService(send int) *service {
	r.lastHandle++
	s := &service{reactor: r, handle: r.lastHandle, queue: send, next: -1}
	s.current.connection = queue.NoConnection
	s.pending.all = make([]arrival, 0, 1)
	s.later.due, s.later.owner = s.flush, s
	s.nudger.next.due, s.nudger.next.owner = s.sendNudge, s
	r.services[s.handle] = s
	return s
}

// addListener gives a service that hasn't begun one more listener, whose sockets
// it owns.
func (s *service) addListener(fds []int, backlog int) {
	for _, fd := range fds {
		s.listeners = append(s.listeners, newListener(s, fd, s.groups, backlog))
	}
	s.groups++
}

// begin looks at once whether the listeners accept: what will never work is
// told now, not when the first client comes.
func (s *service) begin() {
	for _, l := range s.listeners {
		if errno := s.reactor.watch(l.fd, l, unix.EPOLLIN); errno != 0 {
			s.fail(errno)
			return
		}
	}
	for _, l := range s.listeners {
		l.ready(0)
		if s.state != serving {
			return
		}
	}
}

// accepting tells whether the listeners may take more.
func (s *service) accepting() bool {
	return s.state == serving && s.pending.length() == 0
}

// close takes what is in the backlogs, stops listening, and delivers what is
// left as the queue has room. The handle is forgotten.
func (s *service) close() {
	delete(s.reactor.services, s.handle)
	s.owner = nil
	if s.state == failed {
		return
	}
	for _, l := range s.listeners {
		l.drain()
	}
	s.shutListeners()
	s.closeNext()
	s.state = closed
	s.flush()
}

// fail ends a service for good, but for its handle.
func (s *service) fail(errno unix.Errno) {
	if s.state == failed {
		return
	}
	s.state = failed
	s.lose(&s.current)
	for s.pending.length() > 0 {
		s.lose(s.pending.first())
		s.pending.pop()
	}
	s.shutListeners()
	s.closeNext()
	s.finish()
	s.tell(ended, errno)
}

func (s *service) shutListeners() {
	for _, l := range s.listeners {
		l.shut()
	}
	s.listeners = nil
}

// finish ends the queue.
func (s *service) finish() {
	s.reactor.deadlines.clear(&s.later)
	s.reactor.deadlines.clear(&s.nudger.next)
	s.closeQueue()
}

func (s *service) closeQueue() {
	if s.queueWatched {
		s.reactor.unwatch(s.queue)
		s.queueWatched = false
	}
	if s.queue >= 0 {
		s.reactor.sys.close(s.queue)
	}
	s.queue = -1
}

func (s *service) closeNext() {
	if s.next >= 0 {
		s.reactor.sys.close(s.next)
	}
	s.next = -1
}

// switchQueue sends to the second queue from now on and ends the first: its
// workers see end of file after what is queued there. Who was to retire sees
// that, too.
func (s *service) switchQueue() {
	s.closeQueue()
	s.queue, s.next = s.next, -1
	s.retiring, s.full = 0, false
	s.nudger.nudges, s.nudger.since = 0, 0
	s.reactor.deadlines.clear(&s.nudger.next)
	s.flush()
}
