package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/limit"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
	"socketserver/internal/tally"
)

// state is what a service is doing.
type state uint8

const (
	serving state = iota
	closed        // Listens no more; delivers what it has accepted.
	failed        // An error that no retry mends: everything is closed.
)

// service is a queue and the listeners that feed it.
type service struct {
	reactor *Reactor
	handle  int     // Names it in requests; whoever asked for it gave it.
	owner   *client // Hears of trouble; nil: nobody does.
	pool    *pool   // What operators see; nil: there is none.
	called  string  // What messages call its first listener.
	state   state
	begun   bool      // It accepts, or did.
	heir    *operator // The successor to whom all travels that no worker has.

	named     []named      // Its listeners.
	listeners []*listener  // Their sockets; none any more once they are closed.
	sockets   []*udp       // The same of those that take datagrams.
	tally     *tally.Tally // Counts datagrams; nil: no listener takes any.

	received, answered uint64            // Datagrams, when the queue ended.
	dropped            uint64            // By sockets that are closed.
	queue              *line             // Nil once it has ended.
	next               *line             // A second queue, or nil.
	ending             []*line           // Ended ones, of which something may have to be shed.
	back               *back             // What workers send back.
	mayWait            int               // How many may be pending while more is accepted.
	holding            [admit.Stages]int // How many are held.
	limits             *limit.Table

	limitBytes int // That the memory limit was raised for.

	current arrival // The connection in hand.
	pending pending // What the queue has not taken.

	full         bool // The queue was, when it was last tried.
	queueWatched bool // It is in the epoll.
	sendPace     pace
	later        deadline // Set while flush is to be called.
	retiring     int      // Workers still to be asked to end.
	nudger       nudger
	old          deadline // Set while something that is queued may become too old.
	sweep        deadline // Set while connections are counted.

	starved, stuck trouble
	untold         [notices]untold
	strange        uint64 // When one was told of without the PROXY header that it must have...
	stranger       string // ...and who began the latest...
	strangerAt     string // ...at which listener.
	counts         counts
}

// newService owns the queue. It has no listener yet.
func (r *Reactor) newService(handle int, l *line) *service {
	s := &service{reactor: r, handle: handle, queue: l, limits: limit.New()}
	s.current.connection = queue.NoConnection
	s.pending.all = make([]arrival, 0, 1)
	s.later.due, s.later.owner = s.flush, s
	s.nudger.next.due, s.nudger.next.owner = s.sendNudge, s
	s.old.due, s.old.owner = s.shedOld, s
	s.sweep.due, s.sweep.owner = s.sweepLimits, s
	r.services[s.handle] = s
	return s
}

// addListener gives a service that hasn't begun one more listener, whose sockets
// it owns.
func (s *service) addListener(l named) {
	if len(s.named) == 0 {
		s.called = l.called()
	}
	s.named = append(s.named, l)
	if rules := l.rules; rules.QueueTime > 0 || rules.MaxQueue > 0 {
		s.mayWait = max(s.mayWait, maxPending, rules.MaxQueue)
	}
	for _, fd := range l.Fds {
		if l.asked.Datagrams {
			s.addSocket(fd, len(s.named)-1)
			continue
		}
		s.listeners = append(s.listeners, newListener(s, fd, len(s.named)-1, l.asked.Backlog))
	}
}

// rules are those of the listener by which an arrival came.
func (s *service) rules(a *arrival) *admit.Rules {
	return s.named[a.message.Listener].rules
}

// begin looks at once whether the listeners accept: what will never work is
// told now, not when the first client comes.
func (s *service) begin() {
	s.begun = true
	for _, l := range s.listeners {
		if named := &s.named[l.number]; named.Shared {
			s.tune(named, l.fd)
		}
		if errno := s.reactor.watch(l.fd, l, unix.EPOLLIN); errno != 0 {
			s.fail(errno)
			return
		}
	}
	for _, u := range s.sockets {
		if named := &s.named[u.number]; named.Shared {
			s.tune(named, u.fd)
		}
		if errno := u.await(); errno != 0 {
			s.fail(errno)
			return
		}
	}
	s.queue.openGate()
	for _, l := range s.listeners {
		l.ready(0)
		if s.state != serving {
			return
		}
	}
	if p := s.pool; p != nil {
		p.begin()
	}
}

// tune has a socket that somebody else opened be as it is wanted. That it can't be
// is no reason not to serve.
func (s *service) tune(l *named, fd int) {
	if err := listen.Tune(l.asked, fd, !l.passed); err != nil && s.pool != nil {
		s.pool.log("warning", "%s: %s", l.called(), err)
	}
}

// listens tells whether its sockets are open.
func (s *service) listens() bool {
	return len(s.listeners)+len(s.sockets) > 0
}

// accepting tells whether the listeners may take more.
func (s *service) accepting() bool {
	return s.state == serving && s.pending.length() <= s.mayWait
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
		if !s.isOthers(&s.named[l.number]) {
			l.drain()
		}
	}
	s.shutListeners()
	s.closeNext()
	s.state = closed
	if s.heir == nil {
		s.back.last()
	}
	s.hasten()
	s.flush()
}

// isOthers tells whether the sockets of a listener are not this service's to end:
// they were passed in, or another server has them, too.
func (s *service) isOthers(l *named) bool {
	return l.passed || l.taken && !s.begun || s.pool != nil && s.pool.given
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
	s.loseHeld()
	s.tell(ended, errno)
}

func (s *service) loseHeld() {
	for _, w := range s.reactor.watched {
		if h, ok := w.watcher.(*hold); ok && h.service == s {
			h.broken()
		}
	}
}

// shutListeners closes what listens, and removes paths that are this service's.
func (s *service) shutListeners() {
	if !s.listens() {
		return
	}
	for i := range s.named {
		if l := &s.named[i]; !s.isOthers(l) {
			l.Remove()
		}
	}
	for _, l := range s.listeners {
		named := &s.named[l.number]
		l.shut(!named.Shared && !s.isOthers(named))
	}
	for _, u := range s.sockets {
		u.shut(!s.isOthers(&s.named[u.number]))
	}
	s.listeners, s.sockets = nil, nil
	for i := range s.named {
		s.named[i].Fds = nil // Their numbers are others' now.
	}
}

// finishIfEmpty ends the queue of a closed service that has delivered all.
func (s *service) finishIfEmpty() {
	waiting := s.pending.length()
	for stage, n := range s.holding {
		if admit.Stage(stage) != admit.StageClosing {
			waiting += n
		}
	}
	if s.state == closed && waiting == 0 {
		s.finish()
	}
}

// finish ends the queue.
func (s *service) finish() {
	for _, d := range []*deadline{&s.later, &s.nudger.next, &s.sweep} {
		s.reactor.deadlines.clear(d)
	}
	s.closeQueue()
	s.countedLast()
	s.countNoMore()
}

func (s *service) closeQueue() {
	if s.queueWatched {
		s.reactor.unwatch(s.queue.send)
		s.queueWatched = false
	}
	s.endLine(&s.queue)
}

func (s *service) closeNext() {
	s.endLine(&s.next)
}

// switchQueue sends to the second queue from now on and ends the first: its
// workers see end of file after what is queued there. Who was to retire sees
// that, too.
func (s *service) switchQueue() {
	s.closeQueue()
	s.queue, s.next = s.next, nil
	s.queue.openGate()
	s.retiring, s.full = 0, false
	s.nudger.nudges, s.nudger.since = 0, 0
	s.reactor.deadlines.clear(&s.nudger.next)
	s.flush()
}
