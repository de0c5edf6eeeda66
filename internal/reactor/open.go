package reactor

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
)

// named is a listener of the user's, with a socket for each of its addresses.
type named struct {
	listen.Opened
	name   string // As the user wrote it, with the port that it got.
	rules  *admit.Rules
	asked  listen.Options
	passed bool // Its sockets were passed to the process, and stay whose they were.
	taken  bool // They were a predecessor's.
}

// called is what messages call it.
func (l *named) called() string {
	if l.Port == 0 || l.asked.Datagrams {
		return l.name
	}
	return "port " + strconv.Itoa(l.Port)
}

// opening is a request to serve that is under way. It owns the descriptors that it
// came with.
type opening struct {
	reactor     *Reactor
	handle      int
	client      *client
	wanted      []wanted
	passed      []int
	predecessor *predecessor

	all                     []named // What feeds the queue.
	control, health, status *named
}

// errTwice answers listeners of which one couldn't be told from the other.
var errTwice = errors.New("there are two listeners")

// errNotPassed answers a passed socket that only a predecessor could have.
var errNotPassed = errors.New("was not passed to this process, nor has the running server one of this name")

// serve: the number that the service is to have, and what readWanted reads; the
// sockets that were passed to the process. Answers for each listener its name, its
// port and its addresses as a list of Tcl's, at last use, name and port of the health and
// the status listener;
// how many sockets it has that take datagrams;
// the queue's receive end, the workers' end of the return, the counters, gate and
// tally where there are datagrams, and copies of the sockets. Nothing is accepted before; with a predecessor, not before
// "ready".
func (r *Reactor) serve(c *client, m *control.Message) reply {
	all, err := readWanted(string(m.Text))
	if err != nil {
		return failure(reasonOf(err), err)
	}
	o := &opening{reactor: r, handle: int(m.Numbers[0]), client: c, passed: m.Fds}
	m.Fds = nil
	for _, w := range all {
		if w.use == "takeover" {
			return o.takeOver(w, all)
		}
	}
	o.wanted = all
	return o.open()
}

// longestStart is for how many milliseconds a predecessor waits for a successor that
// says nothing, and lives.
const longestStart = 1e9

// takeOver asks a predecessor, if there is one, for its sockets before it opens.
func (o *opening) takeOver(from wanted, all []wanted) reply {
	for _, w := range all {
		if w.use != "takeover" {
			o.wanted = append(o.wanted, w)
		}
	}
	d, err := o.reactor.findPredecessor(from.Path)
	if err != nil {
		closeAllOf(&o.passed)
		return failure("TAKEOVER", fmt.Errorf("can't take over from who listens on %s: %w", from.Path, err))
	}
	if d == nil {
		return o.open()
	}
	o.predecessor = d
	m := control.Message{
		Name: "takeover", Numbers: control.Numbers{int64(cmp.Or(from.time, longestStart)), travelLevel},
		Text: []byte(o.reactor.options.Version),
	}
	d.ask(m, func(err error) {
		if err != nil || !o.reactor.clients[o.client] {
			d.end()
			closeAllOf(&o.passed)
			o.reactor.answerLater(o.client, failure("TAKEOVER", d.error(err)))
			return
		}
		o.reactor.answerLater(o.client, o.open())
	})
	return reply{later: true}
}

// open answers the request.
func (o *opening) open() reply {
	s, workers, err := o.start()
	if err != nil {
		return failure(reasonOf(err), err)
	}
	answer := reply{}
	if o.predecessor == nil {
		answer.then = s.begin
	}
	answer.Text = s.describe()
	answer.Fds, err = s.copies(workers)
	if err != nil {
		s.close()
		if s.pool != nil {
			s.pool.end()
		}
		return failure("SERVER", err)
	}
	return answer
}

// start opens all listeners, at least one, or, after an error, none, and makes the
// service. The workers' end of the return is the caller's.
func (o *opening) start() (s *service, workers int, err error) {
	err = o.openAll()
	closeAllOf(&o.passed)
	if err == nil {
		s, workers, err = o.service()
	}
	if err != nil {
		o.closeAll()
		return nil, -1, err
	}
	return s, workers, nil
}

func (o *opening) openAll() error {
	names := map[string]bool{}
	for i := range o.wanted {
		w := &o.wanted[i]
		l, err := o.openOne(w)
		if err != nil {
			return err
		}
		switch w.use {
		case useControl:
			o.control = &l
		case useHealth:
			o.health = &l
		case useStatus:
			o.status = &l
		default:
			o.all = append(o.all, l)
			if names[l.name] {
				return fmt.Errorf("%w %q: write address:port", errTwice, l.name)
			}
			names[l.name] = true
		}
	}
	if len(o.all) == 0 {
		return errors.New("a service needs a listener")
	}
	return nil
}

// openOne opens a listener, or takes sockets for it: the predecessor's, else those
// that were passed.
func (o *opening) openOne(w *wanted) (l named, err error) {
	l = named{rules: w.rules, asked: w.Options}
	fds, passed := o.predecessor.offered(w.use, w.offeredAs()), o.takePassed(w.count)
	l.taken, l.passed = len(fds) > 0, w.count >= 0
	switch {
	case l.taken:
		descriptor.Close(passed...)
	case l.passed && len(passed) == 0:
		return l, fmt.Errorf("can't listen: %s %w", w.where, errNotPassed)
	case l.passed:
		fds = passed
	default:
		if err := w.checkAddresses(); err != nil {
			return l, err
		}
		l.Opened, err = listen.Listen(w.Options)
		l.name = w.nameOf(l.Port)
		return l, err
	}
	l.Opened, err = listen.Adopt(w.Options, fds)
	if err != nil {
		descriptor.Close(fds...)
		return l, fmt.Errorf("can't listen on %s: %w", w.offeredAs(), err)
	}
	if err := w.checkSockets(fds); err != nil {
		descriptor.Close(fds...)
		return l, err
	}
	l.name = w.nameOf(l.Port)
	return l, nil
}

// errOpen answers a status listener that anybody could reach.
var errOpen = errors.New("only this machine may see a pool's status, unless -status-password-file is given:" +
	" listen on 127.0.0.1, [::1] or a Unix socket that has a file")

// checkAddresses keeps a pool's status from other machines; no address is all of
// them, unless there is a path. An abstract one has no permissions.
func (w *wanted) checkAddresses() error {
	isReached := func(a netip.Addr) bool { return !a.IsLoopback() }
	switch {
	case w.use != useStatus || w.open:
	case w.Path != "" && w.Path[0] != '@':
	case w.Path != "" || len(w.Addresses) == 0 || slices.ContainsFunc(w.Addresses, isReached):
		return errOpen
	}
	return nil
}

// checkSockets is checkAddresses for sockets that somebody else has opened, each of
// which may be of another kind.
func (w *wanted) checkSockets(fds []int) error {
	for _, fd := range fds {
		one := wanted{use: w.use, open: w.open}
		name, err := unix.Getsockname(fd)
		switch name := name.(type) {
		case *unix.SockaddrUnix:
			one.Path = name.Name
		case *unix.SockaddrInet4:
			one.Addresses = []netip.Addr{netip.AddrFrom4(name.Addr)}
		case *unix.SockaddrInet6:
			one.Addresses = []netip.Addr{netip.AddrFrom16(name.Addr)}
		}
		if err = cmp.Or(err, one.checkAddresses()); err != nil {
			return err
		}
	}
	return nil
}

// takePassed takes the next descriptors that came with the request.
func (o *opening) takePassed(count int) []int {
	count = min(max(count, 0), len(o.passed))
	fds := o.passed[:count:count]
	o.passed = o.passed[count:]
	return fds
}

// offeredAs is what a predecessor calls such a listener.
func (w *wanted) offeredAs() string {
	if w.use == "control" {
		return w.Path
	}
	return w.nameOf(w.Port)
}

// closeAll undoes openAll.
func (o *opening) closeAll() {
	for _, l := range append(o.all, deref(o.control)...) {
		l.undo()
	}
	for _, l := range append(deref(o.health), deref(o.status)...) {
		l.undo()
	}
	o.predecessor.end()
}

func deref(l *named) []named {
	if l == nil {
		return nil
	}
	return []named{*l}
}

func (l *named) undo() {
	if !l.Shared {
		l.Remove()
	}
	descriptor.Close(l.Fds...)
}

// service makes the service, which owns what was opened, but after an error.
func (o *opening) service() (s *service, workers int, err error) {
	counted, err := newTally(o.all)
	if err != nil {
		return nil, -1, err
	}
	line, err := newLine(counted != nil)
	if err != nil {
		counted.Close()
		return nil, -1, err
	}
	s = o.reactor.newService(o.handle, line)
	s.tally = counted
	s.owner = o.client
	workers, err = s.openReturn()
	if err != nil {
		s.close()
		return nil, -1, err
	}
	for i := range o.all {
		s.addListener(o.all[i])
	}
	if o.control != nil || o.health != nil || o.status != nil || o.predecessor != nil {
		o.pool(s)
	}
	return s, workers, nil
}

// pool makes what operators see of the service.
func (o *opening) pool(s *service) {
	p := o.reactor.newPool(s)
	if o.control != nil {
		p.control = newControlPath(p, *o.control)
	}
	if o.health != nil {
		p.health = newHealth(o.reactor, o.health.Opened, p.healthState)
		p.checked = *o.health
	}
	if o.status != nil {
		p.shown = *o.status
	}
	if d := o.predecessor; d != nil {
		p.predecessor, d.pool = d, p
		p.inheritCounters(d)
		for i := range d.offers {
			closeAllOf(&d.offers[i].fds) // It has listeners that nobody wants any more.
		}
	}
}

// describe is what "serve" answers of the listeners. Of those that take datagrams
// it says how many sockets they have, and no port: that is TCP's.
func (s *service) describe() []byte {
	var all []byte
	for _, l := range s.named {
		var addresses []string
		for _, address := range l.Addresses {
			addresses = append(addresses, address.String())
		}
		port, sockets := l.Port, 0
		if l.asked.Datagrams {
			port, sockets = 0, len(l.Fds)
		}
		all = fmt.Appendf(all, "%s {%s} %d\n", s.quote(l.name, port), strings.Join(addresses, ","), sockets)
	}
	if p := s.pool; p != nil && p.health != nil {
		all = fmt.Appendf(all, "%s %s\n", useHealth, s.quote(p.checked.name, p.checked.Port))
	}
	if p := s.pool; p != nil && len(p.shown.Fds) > 0 {
		all = fmt.Appendf(all, "%s %s\n", useStatus, s.quote(p.shown.name, p.shown.Port))
	}
	return all
}

func (s *service) quote(name string, port int) string {
	return control.Words(name, strconv.Itoa(port))
}

// copies are copies of the queue's receive end, of the counters and of the sockets,
// those that take datagrams first; the workers' end of the return is the second of
// them, and closed after an error.
func (s *service) copies(workers int) ([]int, error) {
	counted, err := s.reactor.ownCounters()
	if err != nil {
		descriptor.Close(workers)
		return nil, err
	}
	receive, err := copyOf(s.queue.receive)
	all := []int{receive, workers}
	sockets := []int{counted.Fd()}
	if s.hasDatagrams() {
		sockets = append(sockets, s.queue.gate, s.tally.Fd())
	}
	for _, u := range s.sockets {
		sockets = append(sockets, u.fd)
	}
	for _, l := range s.listeners {
		sockets = append(sockets, l.fd)
	}
	if p := s.pool; p != nil && p.control != nil {
		sockets = append(sockets, p.control.listener.Fds...)
	}
	if p := s.pool; p != nil && p.health != nil {
		sockets = append(sockets, p.checked.Fds...)
	}
	if p := s.pool; p != nil {
		sockets = append(sockets, p.shown.Fds...)
	}
	var copies []int
	if err == nil {
		copies, err = copyAll(sockets)
	}
	if err != nil {
		descriptor.Close(all...)
		return nil, fmt.Errorf("can't copy a socket: %w", err)
	}
	return append(all, copies...), nil
}

// copyAll copies all, or none.
func copyAll(fds []int) ([]int, error) {
	var all []int
	for _, fd := range fds {
		copied, err := copyOf(fd)
		if err != nil {
			descriptor.Close(all...)
			return nil, err
		}
		all = append(all, copied)
	}
	return all, nil
}

// copyOf is -1 after an error.
func copyOf(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
}

// answerLater answers a client that may have gone.
func (r *Reactor) answerLater(c *client, answer reply) {
	if !r.clients[c] {
		descriptor.Close(answer.Fds...)
		return
	}
	c.answer(answer.Message)
	if answer.then != nil {
		answer.then()
	}
}
