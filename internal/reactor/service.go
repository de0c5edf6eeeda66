package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/descriptor"
	"socketserver/internal/limit"
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

// service is a queue and the listeners that feed it.
type service struct {
	reactor *Reactor
	handle  int     // Names it in requests; whoever asked for it gave it.
	owner   *client // Hears of trouble; nil: nobody does.
	port    int     // Of its first listener.
	state   state

	named     []named           // Its listeners.
	listeners []*listener       // Their sockets; none any more once they are closed.
	queue     *line             // Nil once it has ended.
	next      *line             // A second queue, or nil.
	ending    []*line           // Ended ones, of which something may have to be shed.
	back      *back             // What workers send back.
	mayWait   int               // How many may be pending while more is accepted.
	holding   [admit.Stages]int // How many are held.
	limits    *limit.Table

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
	strange        uint64         // When one was told of without the PROXY header that it must have...
	stranger       netip.AddrPort // ...and who began the latest...
	strangerAt     int            // ...at which port.
	counts         counts
}

// named is a listener of the user's, with a socket for each of its addresses.
type named struct {
	listen.Opened
	name  string // As the user wrote it, with the port that it got.
	rules *admit.Rules
}

// open makes a service; after an error nothing is left open. It begins when
// begin is called. The workers' end of the return is the caller's.
func (r *Reactor) open(handle int, owner *client, all []wanted) (s *service, workers int, err error) {
	opened, err := openAll(all)
	if err != nil {
		return nil, -1, err
	}
	l, err := newLine()
	if err != nil {
		closeAll(opened)
		return nil, -1, err
	}
	s = r.newService(handle, l)
	s.owner, s.port = owner, opened[0].Port
	for i, l := range opened {
		s.addListener(l, all[i].Backlog)
	}
	workers, err = s.openReturn()
	if err != nil {
		s.close()
		return nil, -1, err
	}
	return s, workers, nil
}

// openAll opens all listeners, at least one, or, after an error, none.
func openAll(all []wanted) (opened []named, err error) {
	names := map[string]bool{}
	for _, w := range all {
		l, err := listen.Listen(w.Options)
		name := w.where + strconv.Itoa(l.Port)
		if err == nil && names[name] {
			descriptor.Close(l.Fds...)
			err = fmt.Errorf("%w %q: write address:port", errTwice, name)
		}
		if err != nil {
			closeAll(opened)
			return nil, err
		}
		names[name] = true
		opened = append(opened, named{l, name, w.rules})
	}
	if len(opened) == 0 {
		return nil, errors.New("a service needs a listener")
	}
	return opened, nil
}

func closeAll(opened []named) {
	for _, l := range opened {
		descriptor.Close(l.Fds...)
	}
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
func (s *service) addListener(l named, backlog int) {
	s.named = append(s.named, l)
	if rules := l.rules; rules.QueueTime > 0 || rules.MaxQueue > 0 {
		s.mayWait = max(s.mayWait, maxPending, rules.MaxQueue)
	}
	for _, fd := range l.Fds {
		s.listeners = append(s.listeners, newListener(s, fd, len(s.named)-1, backlog))
	}
}

// rules are those of the listener by which an arrival came.
func (s *service) rules(a *arrival) *admit.Rules {
	return s.named[a.message.Listener].rules
}

// describe is what "serve" answers of the listeners.
func (s *service) describe() []byte {
	var all []byte
	for _, l := range s.named {
		var addresses []string
		for _, address := range l.Addresses {
			addresses = append(addresses, address.String())
		}
		all = fmt.Appendf(all, "%s %d {%s}\n", quoted.Replace(l.name), l.Port, strings.Join(addresses, ","))
	}
	return all
}

// quoted makes a word of Tcl's of what a user wrote.
var quoted = strings.NewReplacer(`\`, `\\`, `{`, `\{`, `}`, `\}`, `"`, `\"`, ` `, `\ `)

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
		l.drain()
	}
	s.shutListeners()
	s.closeNext()
	s.state = closed
	s.back.last()
	s.hasten()
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

func (s *service) shutListeners() {
	for _, l := range s.listeners {
		l.shut()
	}
	s.listeners = nil
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
	s.retiring, s.full = 0, false
	s.nudger.nudges, s.nudger.since = 0, 0
	s.reactor.deadlines.clear(&s.nudger.next)
	s.flush()
}
