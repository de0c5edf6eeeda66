package reactor

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
	"socketserver/internal/signals"
)

// maxAddresses is how many addresses a listener may have.
const maxAddresses = 8

// defaultBacklog is cut by the system to what it allows.
const defaultBacklog = 4096

// reply is the answer to a request. Its descriptors are closed when it is sent.
type reply struct {
	control.Message
	then func() // Called after that, or nil.
}

// requests are what may be asked, but for what is answered beside the reactor.
// The first number is that of a service.
var requests = map[string]func(*Reactor, *client, *control.Message) reply{
	"serve":   (*Reactor).serve,
	"close":   (*Reactor).closeRequest,
	"renew":   of((*service).renewRequest),
	"switch":  of((*service).switchRequest),
	"abandon": of((*service).abandonRequest),
	"retire":  of((*service).retireRequest),
	"status":  of((*service).statusRequest),
}

// errService answers a number that names no service, or no longer.
var errService = fmt.Errorf("no such service: %w", unix.EBADF)

// of finds the service that a request names.
func of(do func(*service, *control.Message) reply) func(*Reactor, *client, *control.Message) reply {
	return func(r *Reactor, _ *client, m *control.Message) reply {
		s := r.services[int(m.Numbers[0])]
		if s == nil {
			return failure("SERVER", errService)
		}
		return do(s, m)
	}
}

func failure(reason string, err error) reply {
	return reply{Message: control.Failure(reason, err)}
}

// answer does what a client asks.
func (r *Reactor) answer(c *client) {
	name := c.request.Name
	if r.options.Beside[name] != nil {
		select {
		case r.questions <- c:
		default:
			c.answer(control.Failure("SERVER", unix.EAGAIN))
		}
		return
	}
	do := requests[name]
	if do == nil {
		c.answer(control.Failure("SERVER", fmt.Errorf("no such request: %q", name)))
		return
	}
	answer := do(r, c, &c.request)
	c.answer(answer.Message)
	if answer.then != nil {
		answer.then()
	}
}

// answerBeside answers what takes its time, on a thread that a handler of the
// application's is kept off. Until then the client asks for nothing else.
func (r *Reactor) answerBeside() {
	runtime.LockOSThread()
	signals.BlockAsynchronous()
	for c := range r.questions {
		c.answerWith(r.options.Beside[c.request.Name])
		r.answered.Lock()
		r.answered.all = append(r.answered.all, c)
		r.answered.Unlock()

		// Where there is no room the reactor is about to look.
		_ = unix.Sendmsg(r.options.Outer, []byte{0}, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}
}

// answerWith finds the answer; a panic is none.
func (c *client) answerWith(find Answerer) {
	defer func() {
		if reason := recover(); reason != nil {
			c.beside = control.Failure("SERVER", fmt.Errorf("internal error: %v", reason))
		}
	}()
	c.beside = control.Message{Text: c.beside.Text[:0]}
	find(&c.request, &c.beside)
}

// wanted is a listener that is asked for.
type wanted struct {
	listen.Options
	where string // What the user wrote before its port.
	rules *admit.Rules
}

// readWanted reads a line for each listener: fields name=value with tabs in
// between, what readField knows.
func readWanted(text string) ([]wanted, error) {
	var all []wanted
	for line := range strings.Lines(text) {
		rules := admit.Defaults()
		w := wanted{rules: &rules, Options: listen.Options{Backlog: defaultBacklog}}
		for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			name, value, _ := strings.Cut(field, "=")
			if err := w.readField(name, value); err != nil {
				return nil, err
			}
		}
		all = append(all, w)
	}
	return all, nil
}

// readField reads port, backlog, whether SO_REUSEPORT, whether each address must be
// there, whether TCP_DEFER_ACCEPT, what is written before the port, numeric
// addresses with commas (none: all), or one of the rules.
func (w *wanted) readField(name, value string) (err error) {
	switch name {
	case "name":
		w.where = value
		return nil
	case "addresses":
		w.Addresses, err = readAddresses(value)
		return err
	}
	known, err := w.rules.Set(name, value)
	if known {
		return err
	}
	number, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("can't read %q: %w", name+"="+value, err)
	}
	switch name {
	case "port":
		w.Port = number
	case "backlog":
		w.Backlog = cmp.Or(number, defaultBacklog)
	case "reuseport":
		w.ReusePort = number != 0
	case "each":
		w.Each = number != 0
	case "defer":
		w.Defer = number != 0
	default:
		return fmt.Errorf("a listener has no %q", name)
	}
	return nil
}

func readAddresses(text string) ([]netip.Addr, error) {
	var all []netip.Addr
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		address, err := netip.ParseAddr(item)
		if err != nil {
			return nil, fmt.Errorf("can't listen on %q: not a numeric address", item)
		}
		all = append(all, address)
	}
	if len(all) > maxAddresses {
		return nil, fmt.Errorf("can't listen on %d addresses: the limit is %d", len(all), maxAddresses)
	}
	return all, nil
}

// errTwice answers listeners of which one couldn't be told from the other.
var errTwice = errors.New("there are two listeners")

// serve: the number that the service is to have, and what readWanted reads.
// Answers for each listener its name, its port and its addresses as a list of
// Tcl's; the queue's receive end, the workers' end of the return, and copies of the
// listening sockets. Nothing is accepted before.
func (r *Reactor) serve(c *client, m *control.Message) reply {
	all, err := readWanted(string(m.Text))
	if err != nil {
		return failure(reasonOf(err), err)
	}
	s, workers, err := r.open(int(m.Numbers[0]), c, all)
	if err != nil {
		return failure(reasonOf(err), err)
	}
	answer := reply{then: s.begin}
	answer.Text = s.describe()
	answer.Fds, err = s.copies(workers)
	if err != nil {
		s.close()
		return failure("SERVER", err)
	}
	return answer
}

// reasonOf tells what the user got wrong from all else.
func reasonOf(err error) string {
	if errors.Is(err, errTwice) || errors.Is(err, admit.ErrNetwork) {
		return "USAGE"
	}
	return "SERVER"
}

// copies are copies of the queue's receive end and of the listening sockets, with
// the workers' end of the return between, which is closed after an error.
func (s *service) copies(workers int) ([]int, error) {
	receive, err := copyOf(s.queue.receive)
	all := []int{receive, workers}
	for _, l := range s.listeners {
		if err != nil {
			break
		}
		var fd int
		fd, err = copyOf(l.fd)
		all = append(all, fd)
	}
	if err != nil {
		descriptor.Close(all...)
		return nil, fmt.Errorf("can't copy a socket: %w", err)
	}
	return all, nil
}

// copyOf is -1 after an error.
func copyOf(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
}

// close answers when nobody listens any more; what was accepted is still
// delivered. A service that has failed is closed already.
func (r *Reactor) closeRequest(_ *client, m *control.Message) reply {
	if s := r.services[int(m.Numbers[0])]; s != nil {
		s.close()
	}
	return reply{}
}

// renew makes a second queue and answers its receive end.
func (s *service) renewRequest(*control.Message) reply {
	if s.state == failed {
		return s.failedAlready()
	}
	if s.next != nil {
		return failure("RENEWED", fmt.Errorf(
			"port %d has a second queue already: switch to it or abandon it first", s.port))
	}
	next, err := newLine()
	if err != nil {
		return failure("SERVER", err)
	}
	receive, err := copyOf(next.receive)
	if err != nil {
		s.endLine(&next)
		return failure("SERVER", err)
	}
	s.next = next
	return reply{Message: control.Message{Fds: []int{receive}}}
}

// switch sends to the second queue from now on; the first ends.
func (s *service) switchRequest(*control.Message) reply {
	if s.state == failed {
		return s.failedAlready()
	}
	if s.next == nil {
		return s.notRenewed()
	}
	s.switchQueue()
	return reply{}
}

// abandon ends the second queue.
func (s *service) abandonRequest(*control.Message) reply {
	if s.next == nil {
		return s.notRenewed()
	}
	s.closeNext()
	return reply{}
}

func (s *service) notRenewed() reply {
	return failure("NOTRENEWED", fmt.Errorf("port %d has no second queue: renew it first", s.port))
}

func (s *service) failedAlready() reply {
	return failure("SERVER", fmt.Errorf("accepting on port %d has ended: serve it again", s.port))
}

// retire: how many workers. Asks them to end, behind what is queued; while the
// queue is full, a little later.
func (s *service) retireRequest(m *control.Message) reply {
	if s.state == failed {
		return s.failedAlready()
	}
	s.retiring += max(int(m.Numbers[1]), 0)
	if !s.sendRetiring() && s.later.place == 0 {
		s.flushIn(maxPause)
	}
	return reply{}
}

func text(format string, values ...any) reply {
	return reply{Message: control.Message{Text: fmt.Appendf(nil, format, values...)}}
}
