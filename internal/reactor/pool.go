package reactor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/systemd"
)

// pool is a service whose workers somebody looks after, and what operators see
// of it. It lives longer than the service listens: until its owner says that it is
// done.
type pool struct {
	reactor    *Reactor
	service    *service
	handle     int     // The service's.
	owner      *client // Does what operators ask; nil: nobody does.
	supervisor int64
	board      *board.Board // Nil: not known yet...
	boardFd    int          // ...and its memory, for who observes; -1: none.

	control *controlPath // Nil: none.
	health  *health      // Nil: none.
	checked named        // What that listens with.
	shown   named        // Where the pool's status is to be seen; who observes it accepts there.
	askers  int          // Workers that ask something now.

	forwarded map[int64]*forwarded // What the owner has been asked, by token.
	questions map[int32]*question  // What workers have been asked, by process.
	untold    []control.Message    // For the owner, in order.
	foreign   trouble              // When somebody was refused.

	notify      string   // Where systemd listens; "": it doesn't.
	notes       []string // What it is still to hear...
	noted       bool     // ...to which nothing is added any more...
	renotify    deadline // ...and when that is tried again.
	successor   *operator
	given       bool     // A successor has the listening sockets, too...
	travels     bool     // ...and takes connections.
	giveUp      deadline // When that one must be ready.
	predecessor *predecessor
	text        []byte // Used again for answers.
}

// forwarded is what the owner was asked and hasn't answered.
type forwarded struct {
	pool     *pool
	operator *operator // Nil: it waits no more.
	attach   bool
	worker   bool // A worker has asked.
	pid      int32
	late     deadline
}

const (
	patienceOfOperators = 10 * time.Second // For Tcl, where they say nothing.
	mostUntold          = 1024
	mostForwarded       = 256 // At a time, whoever still waits for it.
	renotifyTime        = 100 * millisecond
)

// newPool makes the pool of a service.
func (r *Reactor) newPool(s *service) *pool {
	p := &pool{reactor: r, service: s, handle: s.handle, boardFd: -1, forwarded: map[int64]*forwarded{},
		questions: map[int32]*question{}}
	p.renotify.due, p.renotify.owner = p.sendNotes, p
	p.giveUp.due, p.giveUp.owner = p.successorLate, p
	s.pool = p
	r.pools[s.handle] = p
	return p
}

// ready and broken let a pool own deadlines.
func (p *pool) ready(uint32) {}
func (p *pool) broken()      {}

// poolRequest: the service, its supervisor's number; where systemd listens, as
// "notify=PATH" and a line end; the scoreboard's descriptor. From now on the client
// does what operators ask.
func (r *Reactor) poolRequest(c *client, m *control.Message) reply {
	s := r.services[int(m.Numbers[0])]
	if s == nil {
		return failure("SERVER", errService)
	}
	if len(m.Fds) != 1 {
		return failure("SERVER", fmt.Errorf("a pool has one scoreboard: %w", unix.EBADF))
	}
	seen, err := board.MapToAsk(m.Fds[0])
	if err != nil {
		return failure("SERVER", err)
	}
	p := s.pool
	if p == nil {
		p = r.newPool(s)
	}
	p.closeBoard()
	p.board, p.boardFd, p.owner, p.supervisor = seen, m.Fds[0], c, m.Numbers[1]
	m.Fds = nil // The pool's.
	notify, _ := cutLine(string(m.Text))
	p.notify = strings.TrimPrefix(notify, "notify=")
	return reply{then: p.tellUntold}
}

// ofPool finds the pool that a request names.
func ofPool(do func(*pool, *control.Message) reply) func(*Reactor, *client, *control.Message) reply {
	return func(r *Reactor, _ *client, m *control.Message) reply {
		p := r.pools[int(m.Numbers[0])]
		if p == nil {
			return failure("SERVER", errService)
		}
		return do(p, m)
	}
}

// controlName is where operators connect.
func (p *pool) controlName() string {
	if p.control == nil {
		return ""
	}
	return p.control.listener.Path
}

// begin lets operators in, and who checks.
func (p *pool) begin() {
	if p.control != nil {
		p.control.begin()
	}
	if p.health != nil {
		p.health.begin()
	}
}

// doneRequest: the pool has ended. It is answered when a successor has got all that
// travels: the process may end then.
func (r *Reactor) doneRequest(c *client, m *control.Message) reply {
	p := r.pools[int(m.Numbers[0])]
	if p == nil {
		return failure("SERVER", errService)
	}
	heir := p.service.heir
	if heir != nil {
		p.service.back.drain()
	}
	p.end()
	if heir == nil || !r.clients[heir.client] {
		return reply{}
	}
	heir.then = func() { r.answerLater(c, reply{}) }
	r.deadlines.set(&heir.silent, r.sys.now()+answerTime)
	return reply{later: true}
}

func (p *pool) end() {
	r := p.reactor
	delete(r.pools, p.handle)
	p.abandon("STOPPED", "the pool has ended")
	p.endQuestions()
	p.sendNotes()
	r.deadlines.clear(&p.renotify)
	r.deadlines.clear(&p.giveUp)
	if p.control != nil {
		p.control.close()
	}
	if p.health != nil {
		p.health.close(!p.service.isOthers(&p.checked))
	}
	if p.predecessor != nil {
		p.predecessor.end()
	}
	p.closeShown()
	p.closeBoard()
	if o := p.successor; o != nil {
		o.client.closeWhenSent() // It goes on with what it has.
	}
}

func (p *pool) closeBoard() {
	if p.board != nil {
		p.board.Close()
		descriptor.Close(p.boardFd)
		p.board, p.boardFd = nil, -1
	}
}

// tell has the owner hear something that wants no answer.
func (p *pool) tell(words ...string) {
	p.ask(0, words...)
}

// log has the owner's log say something, unless it has not read for long.
func (p *pool) log(level, format string, values ...any) {
	if len(p.untold) < mostUntold {
		p.tell("log", level, fmt.Sprintf(format, values...))
	}
}

func (p *pool) ask(token int64, words ...string) {
	p.untold = append(p.untold, control.Message{
		Name: "COMMAND", Numbers: control.Numbers{int64(p.handle), token},
		Text: []byte(control.Words(words...)),
	})
	p.tellUntold()
}

// tellUntold tells as much as the owner reads now. One that goes in part is the
// first that is sent later.
func (p *pool) tellUntold() {
	for p.owner != nil && !p.owner.blocked && len(p.untold) > 0 {
		p.owner.give(p.untold[0])
		p.untold = p.untold[1:]
	}
}

// forward asks the owner what an operator wants to know, for so long.
func (p *pool) forward(f *forwarded, limit time.Duration, words ...string) {
	r := p.reactor
	switch {
	case p.owner == nil:
		f.operator.refuse("NOPOOL", "nobody looks after the workers here")
		return
	case len(p.forwarded) >= mostForwarded:
		f.operator.refuse("BUSY", "Tcl has too much to answer already: try again")
		return
	}
	r.lastToken++
	token := r.lastToken
	f.pool, p.forwarded[token] = p, f
	f.operator.waiting = f
	f.late.due, f.late.owner = f.giveUp, p
	r.deadlines.set(&f.late, r.sys.now()+uint64(limit))
	p.ask(token, words...)
}

// giveUp lets the operator wait no more; the answer may still come.
func (f *forwarded) giveUp() {
	f.refuse("TIMEOUT", "Tcl doesn't answer: the server process is busy")
}

// refuse answers the operator, if it still waits.
func (f *forwarded) refuse(reason, why string) {
	if o := f.operator; o != nil {
		f.operator, o.waiting = nil, nil
		o.refuse(reason, why)
	}
}

// abandon: nobody will do any more what is asked here.
func (p *pool) abandon(reason, why string) {
	p.owner, p.untold = nil, nil
	for _, f := range p.forwarded {
		p.reactor.deadlines.clear(&f.late)
		f.refuse(reason, why)
	}
	clear(p.forwarded)
}

// commandedRequest: the service, the token; why not, or an empty line, and what is
// answered. For who attaches: slot and generation, and descriptors.
func (p *pool) commandedRequest(m *control.Message) reply {
	f := p.forwarded[m.Numbers[1]]
	if f == nil {
		return reply{}
	}
	delete(p.forwarded, m.Numbers[1])
	p.reactor.deadlines.clear(&f.late)
	reason, text := cutLine(string(m.Text))
	switch {
	case reason != "":
		f.refuse(reason, text)
	case f.attach:
		f.attached(text, m)
	case f.operator != nil:
		f.operator.waiting = nil
		f.operator.answer(control.Message{Text: []byte(text)})
	}
	return reply{}
}

// note has systemd hear something.
func (p *pool) note(texts ...string) {
	if p.notify == "" || p.noted {
		return
	}
	for _, text := range texts {
		// What is told again needn't be told twice.
		p.notes = append(slices.DeleteFunc(p.notes, func(one string) bool { return one == text }), text)
	}
	p.sendNotes()
}

// lastNote has it hear something, and nothing after that.
func (p *pool) lastNote(texts ...string) {
	if p.notify != "" {
		p.notes, p.noted = append(p.notes, texts...), true
		p.sendNotes()
	}
}

// sendNotes tells systemd, which listens to a successor not before the
// predecessor has said so.
func (p *pool) sendNotes() {
	for len(p.notes) > 0 && p.predecessor.over() {
		err := systemd.Send(p.notify, p.notes[0])
		var errno unix.Errno
		errors.As(err, &errno)
		switch sendRemedy(errno) {
		case wait, pause:
			r := p.reactor
			r.deadlines.set(&p.renotify, r.sys.now()+renotifyTime)
			return
		}
		p.notes = p.notes[1:]
		if err != nil {
			p.log("warning", "can't tell systemd: %s", err)
			p.notify, p.notes = "", nil
		}
	}
}

// sendPoolNotes tells what supervision has found beside the reactor.
func (r *Reactor) sendPoolNotes() {
	for _, p := range r.pools {
		if r.options.Pools != nil && p.supervisor != 0 {
			p.note(r.options.Pools.TakeNotify(p.supervisor)...)
		}
	}
}

// closeAllOf closes descriptors and forgets them.
func closeAllOf(fds *[]int) {
	descriptor.Close(*fds...)
	*fds = nil
}
