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

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
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
	"serve":    (*Reactor).serve,
	"close":    (*Reactor).closeRequest,
	"renew":    of((*service).renewRequest),
	"switch":   of((*service).switchRequest),
	"abandon":  of((*service).abandonRequest),
	"retire":   of((*service).retireRequest),
	"return":   of((*service).returnRequest),
	"returned": of((*service).returnedRequest),
	"status":   of((*service).statusRequest),
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
}

// readWanted reads a line for each listener: port, backlog or 0, whether SO_REUSEPORT,
// whether each address must be there, what is written before the port, and
// numeric addresses with commas, none for all; tabs in between.
func readWanted(text string) ([]wanted, error) {
	var all []wanted
	for line := range strings.Lines(text) {
		var numbers [4]int
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 6 {
			return nil, fmt.Errorf("can't read %q: not 6 fields", line)
		}
		for i := range numbers {
			number, err := strconv.Atoi(fields[i])
			if err != nil {
				return nil, fmt.Errorf("can't read %q: %w", line, err)
			}
			numbers[i] = number
		}
		addresses, err := readAddresses(fields[5])
		if err != nil {
			return nil, err
		}
		all = append(all, wanted{listen.Options{
			Port: numbers[0], Backlog: cmp.Or(numbers[1], defaultBacklog), ReusePort: numbers[2] != 0, Each: numbers[3] != 0,
			Addresses: addresses,
		}, fields[4]})
	}
	return all, nil
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
// Tcl's; the queue's receive end, and copies of the listening sockets. Nothing is
// accepted before.
func (r *Reactor) serve(c *client, m *control.Message) reply {
	all, err := readWanted(string(m.Text))
	if err != nil {
		return failure("SERVER", err)
	}
	s, receive, err := r.open(int(m.Numbers[0]), c, all)
	if errors.Is(err, errTwice) {
		return failure("USAGE", err)
	}
	if err != nil {
		return failure("SERVER", err)
	}
	answer := reply{then: s.begin}
	answer.Text = s.describe()
	answer.Fds, err = s.copies(receive)
	if err != nil {
		s.close()
		return failure("SERVER", err)
	}
	return answer
}

// copies are copies of the listening sockets, behind a descriptor that is closed
// after an error.
func (s *service) copies(first int) ([]int, error) {
	all := []int{first}
	for _, l := range s.listeners {
		fd, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			descriptor.Close(all...)
			return nil, fmt.Errorf("can't copy a listening socket: %w", err)
		}
		all = append(all, fd)
	}
	return all, nil
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
	if s.next >= 0 {
		return failure("RENEWED", fmt.Errorf(
			"port %d has a second queue already: switch to it or abandon it first", s.port))
	}
	send, receive, err := queue.Pair()
	if err != nil {
		return failure("SERVER", err)
	}
	s.next = send
	return reply{Message: control.Message{Fds: []int{receive}}}
}

// switch sends to the second queue from now on; the first ends.
func (s *service) switchRequest(*control.Message) reply {
	if s.state == failed {
		return s.failedAlready()
	}
	if s.next < 0 {
		return s.notRenewed()
	}
	s.switchQueue()
	return reply{}
}

// abandon ends the second queue.
func (s *service) abandonRequest(*control.Message) reply {
	if s.next < 0 {
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

// status answers what was counted, as a dict of Tcl's.
func (s *service) statusRequest(*control.Message) reply {
	c := &s.counts
	return text("accepted %d handedOver %d held %d lost %d waits %d retries %d pauses %d",
		c.Accepted, c.HandedOver, c.Accepted-c.HandedOver-c.Lost, c.Lost, c.Waits, c.Retries, c.Pauses)
}

func text(format string, values ...any) reply {
	return reply{Message: control.Message{Text: fmt.Appendf(nil, format, values...)}}
}

// back is the reactor's end of a service's return, on which its workers, of all
// generations, tell something. It ends when the last of them has.
type back struct {
	reactor *Reactor
	fd      int   // -1: it has ended.
	got     int64 // Messages.
	refused int64 // That were none.
}

// return makes a return and answers the workers' end.
func (s *service) returnRequest(*control.Message) reply {
	if s.back != nil && s.back.fd >= 0 {
		return failure("SERVER", fmt.Errorf("port %d has a return already", s.port))
	}
	send, receive, err := queue.Pair()
	if err != nil {
		return failure("SERVER", err)
	}
	s.back = &back{reactor: s.reactor, fd: receive}
	if errno := s.reactor.watch(receive, s.back, unix.EPOLLIN); errno != 0 {
		s.back = nil
		descriptor.Close(send, receive)
		return failure("SERVER", errno)
	}
	return reply{Message: control.Message{Fds: []int{send}}}
}

// returned answers how many messages came, and how many that were none, as a
// dict of Tcl's.
func (s *service) returnedRequest(*control.Message) reply {
	var b back
	if s.back != nil {
		b = *s.back
	}
	return text("got %d refused %d", b.got, b.refused)
}

// ready takes a batch of what workers sent. A worker may be anybody's by now:
// what comes is checked, and descriptors that nobody wants are closed.
func (b *back) ready(uint32) {
	var bytes [queue.ReturnSize + 1]byte
	for range batch {
		n, _, _, _, err := unix.Recvmsg(b.fd, bytes[:], nil, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil || n == 0 {
			b.broken()
			return
		}
		if _, err := queue.DecodeReturn(bytes[:n]); err != nil {
			b.refused++
		} else {
			b.got++
		}
	}
}

func (b *back) broken() {
	b.reactor.unwatch(b.fd)
	descriptor.Close(b.fd)
	b.fd = -1
}
