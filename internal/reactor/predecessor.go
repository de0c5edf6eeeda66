package reactor

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/counters"
	"socketserver/internal/descriptor"
)

// predecessor is the running server from which this one takes over; see
// successor.go for its part.
type predecessor struct {
	reactor  *Reactor
	path     string
	fd       int // -1: it has ended.
	buffer   *control.Buffer
	question uint32 // What it asked.
	resume   func(error)
	late     deadline // Set while it is to answer.
	again    deadline // Set while it isn't listened to, nor its queues, for want of a descriptor.

	offers   []offer
	names    []string // Of its queue listeners, by their numbers.
	isReady  bool     // It was told that we are...
	accepted bool     // ...and has stopped accepting, or is gone.
	refused  string
	pid      int64 // Its own, once it has stopped accepting.
	pool     *pool
	queues   []int
	counters *counters.Counters // To be added; nil: none, or they are this process's, too.
}

// offer is what the predecessor listens with.
type offer struct {
	use, name string
	fds       []int
}

// answerTime is for how many nanoseconds a predecessor may think.
const answerTime = 10e9

// mostOffered bounds the descriptors of an answer.
const mostOffered = 1024

// over tells whether there is nothing to wait for: there is no predecessor, or it
// accepts no more.
func (d *predecessor) over() bool {
	return d == nil || d.accepted
}

// findPredecessor connects to the control path of the server that runs. Nil without
// an error: nobody is there.
func (r *Reactor) findPredecessor(path string) (*predecessor, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	if err == nil {
		err = isOwn(fd)
	}
	if err != nil {
		descriptor.Close(fd)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
			return nil, nil
		}
		return nil, err
	}
	d := &predecessor{reactor: r, path: path, fd: fd, buffer: control.NewBuffer()}
	d.buffer.Limit(operatorText, mostOffered)
	d.late.due, d.late.owner = d.tooLate, d
	d.again.due, d.again.owner = d.listen, d
	if errno := r.watch(fd, d, unix.EPOLLIN); errno != 0 {
		descriptor.Close(fd)
		return nil, errno
	}
	return d, nil
}

// isOwn refuses a server of another user's.
func isOwn(fd int) error {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err == nil && int(peer.Uid) != unix.Geteuid() {
		err = fmt.Errorf("it is user %d's, not %d's: %w", peer.Uid, unix.Geteuid(), unix.EPERM)
	}
	return err
}

// ask asks the predecessor; the answer resumes what waits for it.
func (d *predecessor) ask(m control.Message, resume func(error)) {
	m.ID, d.resume = d.question+1, resume
	d.question = m.ID
	if err := d.reactor.buffer.Send(d.fd, &m); err != nil {
		d.answer(err)
		return
	}
	d.reactor.deadlines.set(&d.late, d.reactor.sys.now()+answerTime)
}

func (d *predecessor) tooLate() {
	d.refused = "it doesn't answer"
	d.close()
}

// answer goes on with what waits.
func (d *predecessor) answer(err error) {
	d.reactor.deadlines.clear(&d.late)
	if resume := d.resume; resume != nil {
		d.resume = nil
		resume(err)
	}
}

func (d *predecessor) broken() {
	d.close()
}

// ready takes what the predecessor says.
func (d *predecessor) ready(uint32) {
	if d.again.place != 0 {
		return // It pauses; its end is told even then, but once.
	}
	for range batch {
		if d.fd < 0 {
			return
		}
		if d.reactor.sys.room(d.fd) != 0 {
			d.pause()
			return
		}
		m, err := d.buffer.Receive(d.fd)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			return
		case err == nil:
			d.take(&m)
			descriptor.Close(m.Fds...)
		case errors.Is(err, unix.EMFILE):
			d.takeWithout(&m, err)
		default:
			d.close()
			return
		}
	}
}

// pause waits until a descriptor is free.
func (d *predecessor) pause() {
	r := d.reactor
	r.rewatch(d.fd, unix.EPOLLONESHOT)
	r.deadlines.set(&d.again, r.sys.now()+maxPause*millisecond)
}

// listen goes on where it has paused.
func (d *predecessor) listen() {
	if d.fd < 0 {
		d.takeRest()
		return
	}
	d.reactor.rewatch(d.fd, unix.EPOLLIN)
}

// takeWithout takes a message whose descriptors are lost, for want of room. Once it
// has stopped accepting this server goes on without them.
func (d *predecessor) takeWithout(m *control.Message, err error) {
	switch {
	case m.ID != d.question || d.resume == nil:
	case d.isReady:
		d.take(m)
	default:
		d.answer(err)
	}
}

// take does what a message says. What it takes of the descriptors it removes.
func (d *predecessor) take(m *control.Message) {
	switch {
	case m.ID == d.question && m.ID != 0 && d.resume != nil:
		d.takeAnswer(m)
	case m.ID == 0 && m.Name == "arrival" && d.accepted && len(m.Fds) == 1:
		d.takeTraveller(m)
	case m.ID == 0 && m.Name != "":
		d.refused = string(m.Text)
		d.close()
	}
}

func (d *predecessor) takeAnswer(m *control.Message) {
	var err error
	switch {
	case m.Name != "":
		d.refused = string(m.Text)
		err = errors.New(d.refused)
	case d.isReady:
		d.pid = m.Numbers[0]
		d.queues, m.Fds = m.Fds, nil
	default:
		err = d.takeOffers(m)
	}
	d.answer(err)
}

// takeOffers reads what is offered; the descriptors are the offers' then.
func (d *predecessor) takeOffers(m *control.Message) error {
	for line := range strings.Lines(string(m.Text)) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(words) != 3 {
			return fmt.Errorf("can't read %q", line)
		}
		count, err := strconv.Atoi(words[2])
		if err != nil || count < 0 || count > len(m.Fds) {
			return fmt.Errorf("can't read %q", line)
		}
		d.offers = append(d.offers, offer{words[0], words[1], m.Fds[:count:count]})
		m.Fds = m.Fds[count:]
		if words[0] == "queue" {
			d.names = append(d.names, words[1])
		}
	}
	return nil
}

// offered takes the sockets of a listener out of what is offered; nil: it has none.
func (d *predecessor) offered(use, name string) []int {
	if d == nil {
		return nil
	}
	for i := range d.offers {
		if o := &d.offers[i]; o.use == use && o.name == name {
			fds := o.fds
			o.fds = nil
			return fds
		}
	}
	return nil
}

// takeTraveller takes a connection that the predecessor sends. One for which there
// is no listener here is lost.
func (d *predecessor) takeTraveller(m *control.Message) {
	s := d.pool.service
	stage, message, extra, err := decodeTraveller(m.Text)
	listener := d.listenerOf(message.Listener)
	if err != nil || listener < 0 || !isConnection(m.Fds[0]) {
		s.counts.Lost++
		return
	}
	s.arrive(stage, message, extra, m.Fds[0], listener)
	m.Fds = nil // The service's.
}

// listenerOf is the number of the listener here that has the same name as the
// predecessor's, or -1.
func (d *predecessor) listenerOf(number uint16) int {
	if int(number) < len(d.names) {
		for i, l := range d.pool.service.named {
			if l.name == d.names[number] {
				return i
			}
		}
	}
	return -1
}

// close: the connection has ended. Without a word it was the predecessor's end, and
// this server goes on with what it has; what is left on its queues is served here.
func (d *predecessor) close() {
	if d.fd < 0 {
		return
	}
	r := d.reactor
	r.deadlines.clear(&d.late)
	r.deadlines.clear(&d.again)
	r.unwatch(d.fd)
	d.buffer.Discard()
	descriptor.Close(d.fd)
	d.fd = -1
	if d.accepted {
		d.addCounters()
	}
	d.takeRest()
	d.answer(d.gone())
}

// takeRest takes what is left on the queues, as far as there is room.
func (d *predecessor) takeRest() {
	for len(d.queues) > 0 {
		if !d.pool.service.takeLeft(d.queues[0], d.listenerOf) {
			d.reactor.deadlines.set(&d.again, d.reactor.sys.now()+maxPause*millisecond)
			return
		}
		d.queues = d.queues[1:]
	}
}

// gone is nil where the predecessor has ended without refusing.
func (d *predecessor) gone() error {
	switch {
	case d.refused != "":
		return errors.New(d.refused)
	case !d.isReady && d.offers == nil:
		return errors.New("it has ended meanwhile")
	}
	return nil
}

// end forgets a predecessor, for this server has failed or is done.
func (d *predecessor) end() {
	if d == nil {
		return
	}
	d.refused = cmp.Or(d.refused, "this server ends")
	d.reactor.deadlines.clear(&d.again)
	closeAllOf(&d.queues)
	for i := range d.offers {
		closeAllOf(&d.offers[i].fds)
	}
	d.close()
}

// readyRequest: the first workers are ready. A predecessor accepts no more when this
// is answered, with its process id unless it has just ended, and this server begins
// to.
func (r *Reactor) readyRequest(c *client, m *control.Message) reply {
	p := r.pools[int(m.Numbers[0])]
	if p == nil {
		return failure("SERVER", errService)
	}
	d := p.predecessor
	if d == nil || d.accepted {
		return reply{}
	}
	if d.refused != "" {
		return failure("TAKEOVER", d.error(errors.New(d.refused)))
	}
	d.isReady = true
	if d.fd < 0 {
		p.takeOver()
		return reply{}
	}
	d.ask(control.Message{Name: "ready", Numbers: control.Numbers{travelLevel}}, func(err error) {
		if err != nil {
			r.answerLater(c, failure("TAKEOVER", d.error(err)))
			return
		}
		p.takeOver()
		answer := reply{}
		if d.pid > 0 {
			answer.Text = strconv.AppendInt(nil, d.pid, 10)
		}
		r.answerLater(c, answer)
	})
	return reply{later: true}
}

func (d *predecessor) error(err error) error {
	return fmt.Errorf("can't take over from who listens on %s: %w", d.path, err)
}

// takeOver begins to accept where the predecessor has ended.
func (p *pool) takeOver() {
	p.predecessor.accepted = true
	p.predecessor.addCounters()
	p.service.begin()
	p.sendNotes()
}
