package reactor

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/signals"
)

// reply is the answer to a request. Its descriptors are closed when it is sent.
type reply struct {
	control.Message
	then  func() // Called after that, or nil.
	later bool   // It is answered later.
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

	"pool":      (*Reactor).poolRequest,
	"ready":     (*Reactor).readyRequest,
	"commanded": ofPool((*pool).commandedRequest),
	"detach":    ofPool((*pool).detachRequest),
	"stack":     (*Reactor).stackRequest,
	"done":      (*Reactor).doneRequest,
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
	if answer.later {
		return
	}
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

// reasonOf tells what the user got wrong from all else.
func reasonOf(err error) string {
	if errors.Is(err, errTwice) || errors.Is(err, admit.ErrNetwork) || errors.Is(err, errNotPassed) ||
		errors.Is(err, errOpen) {
		return "USAGE"
	}
	return "SERVER"
}

// close answers when nobody listens any more; what was accepted is still
// delivered. A service that has failed is closed already.
func (r *Reactor) closeRequest(_ *client, m *control.Message) reply {
	s := r.services[int(m.Numbers[0])]
	if s == nil {
		return reply{}
	}
	s.close()
	if p := s.pool; p != nil && p.owner == nil {
		p.end() // Nobody has taken it on.
	}
	return reply{}
}

// renew makes a second queue and answers its receive end, and its gate where there
// are datagrams.
func (s *service) renewRequest(*control.Message) reply {
	if s.state == failed {
		return s.failedAlready()
	}
	if s.next != nil {
		return failure("RENEWED", fmt.Errorf(
			"%s has a second queue already: switch to it or abandon it first", s.called))
	}
	next, err := newLine(s.hasDatagrams())
	if err != nil {
		return failure("SERVER", err)
	}
	ends := []int{next.receive}
	if next.gate > 0 {
		ends = append(ends, next.gate)
	}
	copies, err := copyAll(ends)
	if err != nil {
		s.endLine(&next)
		return failure("SERVER", err)
	}
	s.next = next
	return reply{Message: control.Message{Fds: copies}}
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
	return failure("NOTRENEWED", fmt.Errorf("%s has no second queue: renew it first", s.called))
}

func (s *service) failedAlready() reply {
	return failure("SERVER", fmt.Errorf("accepting on %s has ended: serve it again", s.called))
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
