package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
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

// reply is the answer to a request.
type reply struct {
	control.Message
	sent []int  // Of its descriptors, those to close when it is sent.
	then func() // Called after that, or nil.
}

// requests are what may be asked, but for what is answered beside the reactor.
// But for "serve", the first number is the handle of a service.
var requests = map[string]func(*Reactor, *client, *control.Message) reply{
	"serve":   (*Reactor).serve,
	"listen":  of((*service).listenRequest),
	"close":   of((*service).closeRequest),
	"renew":   of((*service).renewRequest),
	"switch":  of((*service).switchRequest),
	"abandon": of((*service).abandonRequest),
	"retire":  of((*service).retireRequest),
	"return":  of((*service).returnRequest),
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
			c.answer(control.Failure("SERVER", unix.EAGAIN), nil)
		}
		return
	}
	do := requests[name]
	if do == nil {
		c.answer(control.Failure("SERVER", fmt.Errorf("no such request: %q", name)), nil)
		return
	}
	answer := do(r, c, &c.request)
	c.answer(answer.Message, answer.sent)
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

// listenOptions are what both of "serve" and "listen" say: port, backlog,
// whether SO_REUSEPORT, from the second number on, and behind the fifth whether
// each address must be there; numeric addresses with commas, or "" for all.
func listenOptions(m *control.Message) (options listen.Options, err error) {
	options = listen.Options{
		Port: int(m.Numbers[1]), Backlog: int(m.Numbers[2]), ReusePort: m.Numbers[3] != 0,
		Each: m.Numbers[5] != 0,
	}
	for item := range strings.SplitSeq(string(m.Text), ",") {
		if item == "" {
			continue
		}
		address, err := netip.ParseAddr(strings.TrimSpace(item))
		if err != nil {
			return options, fmt.Errorf("can't listen on %q: not a numeric address", item)
		}
		options.Addresses = append(options.Addresses, address)
	}
	if len(options.Addresses) > maxAddresses {
		return options, fmt.Errorf("can't listen on %d addresses: the limit is %d",
			len(options.Addresses), maxAddresses)
	}
	return options, nil
}

// serve: 0, what listenOptions reads, and how many listeners follow with
// "listen"; the service begins with the last of them. Answers handle and port;
// the queue's receive end and copies of the listening sockets.
func (r *Reactor) serve(c *client, m *control.Message) reply {
	options, err := listenOptions(m)
	if err != nil {
		return failure("SERVER", err)
	}
	s, receive, err := r.open(options, c)
	if err != nil {
		return failure("SERVER", err)
	}
	answer := s.listening(0, s.port, m)
	answer.Fds = append([]int{receive}, answer.Fds...)
	answer.sent = []int{receive}
	return answer
}

// listen: one more listener, as in serve.
func (s *service) listenRequest(m *control.Message) reply {
	options, err := listenOptions(m)
	if err != nil {
		return failure("SERVER", err)
	}
	fds, port, err := listen.Listen(options)
	if err != nil {
		return failure("SERVER", err)
	}
	before := len(s.listeners)
	s.addListener(fds, options.Backlog)
	return s.listening(before, port, m)
}

// listening answers with the port and sockets of the latest listener.
func (s *service) listening(first, port int, m *control.Message) reply {
	var answer reply
	answer.Numbers = control.Numbers{int64(s.handle), int64(port)}
	for _, l := range s.listeners[first:] {
		answer.Fds = append(answer.Fds, l.fd)
	}
	if m.Numbers[4] == 0 {
		answer.then = s.begin
	}
	return answer
}

// close answers when nobody listens any more; what was accepted is still
// delivered.
func (s *service) closeRequest(*control.Message) reply {
	s.close()
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
	return reply{Message: control.Message{Fds: []int{receive}}, sent: []int{receive}}
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

// status answers what was counted: accepted, handed over, held, lost, waits,
// retries, pauses.
func (s *service) statusRequest(*control.Message) reply {
	c := &s.counts
	return reply{Message: control.Message{Numbers: control.Numbers{
		int64(c.Accepted), int64(c.HandedOver), int64(c.Accepted - c.HandedOver - c.Lost),
		int64(c.Lost), int64(c.Waits), int64(c.Retries), int64(c.Pauses),
	}}}
}

// back is the reactor's end of a service's return, on which its workers, of all
// generations, tell something. It ends when the last of them has.
type back struct {
	reactor *Reactor
	fd      int
	got     int64 // Messages.
	refused int64 // That were none.
}

// return: whether the workers' end is wanted, which must then not exist yet.
// Answers how many messages came, and how many that were none.
func (s *service) returnRequest(m *control.Message) reply {
	var answer reply
	if m.Numbers[1] != 0 {
		if s.back != nil {
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
		answer.Fds, answer.sent = []int{send}, []int{send}
	}
	if s.back != nil {
		answer.Numbers = control.Numbers{s.back.got, s.back.refused}
	}
	return answer
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
}
