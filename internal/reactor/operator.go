package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
)

// Bounds of a control path.
const (
	mostOperators  = 128
	operatorText   = 64 << 10
	operatorFds    = 0    // None: its own connection would keep itself open.
	firstQuestion  = 10e9 // Within which an operator asks something.
	longestForward = 24 * time.Hour
)

// controlPath is where operators connect: a Unix socket.
type controlPath struct {
	pool      *pool
	listener  named
	operators map[*operator]bool
	resume    deadline // Set while it pauses.
}

// operator is another process that has connected to the control path.
type operator struct {
	*client
	pool     *pool
	path     *controlPath // Where it has connected; nil: it is a worker that asks.
	may      map[string]func(*operator, *control.Message)
	pid      int32
	uid      uint32
	at       uint64     // When it last asked, or came.
	silent   deadline   // Set until it asks.
	waiting  *forwarded // What it waits for.
	attached bool       // It is a worker...
	pidfd    int        // ...and this its pidfd, or -1.
	then     func()     // Called when it is gone, or nil.
}

// operations are what operators may ask.
var operations = map[string]func(*operator, *control.Message){
	"version":  (*operator).version,
	"health":   (*operator).health,
	"status":   (*operator).status,
	"workers":  (*operator).workers,
	"stack":    (*operator).stack,
	"command":  (*operator).command,
	"attach":   (*operator).attach,
	"observe":  (*operator).observe,
	"takeover": (*operator).takeover,
	"ready":    (*operator).successorReady,
}

func newControlPath(p *pool, l named) *controlPath {
	c := &controlPath{pool: p, listener: l, operators: map[*operator]bool{}}
	c.resume.due, c.resume.owner = c.begin, c
	return c
}

// begin looks for operators. To them a socket that a predecessor opened is this
// process's only once this one has it listen.
func (c *controlPath) begin() {
	r := c.pool.reactor
	for _, fd := range c.listener.Fds {
		if c.listener.Shared {
			c.pool.service.tune(&c.listener, fd)
		}
		if r.isWatched(fd) {
			continue
		}
		if errno := r.watch(fd, c, unix.EPOLLIN); errno != 0 {
			c.pool.log("error", "control path %s: %s", c.listener.Path, errno)
		}
	}
}

// rest accepts nobody for a while. The epoll would go on telling of errors.
func (c *controlPath) rest() {
	r := c.pool.reactor
	for _, fd := range c.listener.Fds {
		r.unwatch(fd)
	}
	r.deadlines.set(&c.resume, r.sys.now()+maxPause*millisecond)
}

// pause leaves the sockets to others.
func (c *controlPath) pause() {
	c.pool.reactor.deadlines.clear(&c.resume)
	for _, fd := range c.listener.Fds {
		c.pool.reactor.unwatch(fd)
	}
	closeAllOf(&c.listener.Fds)
}

// close ends it, with all operators but a successor.
func (c *controlPath) close() {
	if len(c.listener.Fds) > 0 && !c.pool.service.isOthers(&c.listener) {
		c.listener.Remove()
	}
	c.pause()
	for o := range c.operators {
		if o != c.pool.successor {
			o.client.close()
		}
	}
}

func (c *controlPath) broken() {}

// ready takes operators, or pauses: of a Unix socket that somebody has shut down
// accept doesn't tell.
func (c *controlPath) ready(events uint32) {
	if events&unix.EPOLLHUP != 0 {
		c.rest()
		return
	}
	for _, fd := range c.listener.Fds {
		for range batch {
			if !c.accept(fd) {
				break
			}
		}
	}
}

// accept takes one. It returns false when there is none to take now.
func (c *controlPath) accept(listener int) bool {
	r := c.pool.reactor
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	var errno unix.Errno
	errors.As(err, &errno)
	switch acceptRemedy(errno) {
	case nothing:
	case wait:
		return false
	case retry:
		return true
	default:
		c.rest()
		return false
	}
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || int(peer.Uid) != unix.Geteuid() && peer.Uid != 0 {
		descriptor.Close(fd)
		if err == nil && c.pool.foreign.due(r.sys.now()) {
			c.pool.log("warning", "control path %s: process %d of user %d was refused: only user %d and root may ask",
				c.listener.Path, peer.Pid, peer.Uid, unix.Geteuid())
		}
		return true
	}
	c.admit(fd, peer)
	return true
}

// admit listens to an operator; where there are too many, the one that has been
// silent for longest gives way.
func (c *controlPath) admit(fd int, peer *unix.Ucred) {
	if len(c.operators) >= mostOperators {
		c.sendAway()
	}
	o := &operator{pool: c.pool, path: c, may: operations, pid: peer.Pid, uid: peer.Uid}
	if o.listen(fd) {
		c.operators[o] = true
	}
}

// listen begins to hear an operator, who has some time to ask; false: it can't, and
// the connection is closed.
func (o *operator) listen(fd int) bool {
	r := o.pool.reactor
	o.client = r.admit(fd)
	if o.client == nil {
		return false
	}
	o.at, o.pidfd = r.sys.now(), -1
	o.client.operator = o
	o.buffer.Limit(operatorText, operatorFds)
	o.silent.due, o.silent.owner = o.client.close, o.client
	r.deadlines.set(&o.silent, o.at+firstQuestion)
	return true
}

func (c *controlPath) sendAway() {
	var idlest *operator
	for o := range c.operators {
		if !o.attached && o.waiting == nil && o != c.pool.successor && (idlest == nil || o.at < idlest.at) {
			idlest = o
		}
	}
	if idlest != nil {
		idlest.client.close()
	}
}

// gone: the connection has ended.
func (o *operator) gone() {
	p := o.pool
	if o.path != nil {
		delete(o.path.operators, o)
	} else {
		p.askers--
	}
	p.reactor.deadlines.clear(&o.silent)
	if o.waiting != nil {
		o.waiting.operator = nil
	}
	if o.attached {
		p.tell("detached", strconv.Itoa(int(o.pid)))
	}
	if o.pidfd >= 0 {
		descriptor.Close(o.pidfd)
	}
	if p.successor == o {
		p.successorGone()
	}
	if o.then != nil {
		o.then()
	}
}

// ask does what an operator asks.
func (o *operator) ask(m *control.Message) {
	r := o.pool.reactor
	o.at = r.sys.now()
	r.deadlines.clear(&o.silent)
	before := o.question
	o.question = m.ID
	if o.waiting != nil {
		o.refuse("BUSY", "one request at a time: the one before isn't answered yet")
		o.question = before
		return
	}
	do := o.may[m.Name]
	if do == nil {
		o.refuse("USAGE", fmt.Sprintf("no such request: %q", m.Name))
		return
	}
	do(o, m)
}

// refuse answers why not.
func (o *operator) refuse(reason, why string) {
	o.answer(control.Message{Name: reason[:min(len(reason), control.NameSize-1)], Text: []byte(why)})
}

func (o *operator) version(*control.Message) {
	o.say("{\"version\":%q,\"protocol\":1,\"pid\":%d}", o.pool.reactor.options.Version, unix.Getpid())
}

func (o *operator) health(*control.Message) {
	o.say("%s", o.pool.healthState())
}

func (o *operator) status(*control.Message) {
	p := o.pool
	p.text = p.appendStatus(p.text[:0])
	o.answer(control.Message{Text: p.text})
}

func (o *operator) workers(*control.Message) {
	p := o.pool
	p.text = p.appendWorkers(p.text[:0])
	o.answer(control.Message{Text: p.text})
}

func (o *operator) say(format string, values ...any) {
	o.answer(control.Message{Text: fmt.Appendf(nil, format, values...)})
}

// command has the pool do something.
func (o *operator) command(m *control.Message) {
	limit := time.Duration(min(max(m.Numbers[0], 0), longestForward.Milliseconds())) * time.Millisecond
	if limit == 0 {
		limit = patienceOfOperators
	}
	if !utf8.Valid(m.Text) || bytes.IndexByte(m.Text, 0) >= 0 {
		o.refuse("USAGE", "a command is text")
		return
	}
	o.pool.forward(&forwarded{operator: o}, limit, "run", string(m.Text))
}

// cutLine splits a text at the end of its first line.
func cutLine(text string) (first, rest string) {
	first, rest, _ = strings.Cut(text, "\n")
	return first, rest
}
