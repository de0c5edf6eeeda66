package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// What others see of a pool: who observes it gets all of it and the scoreboard
// itself; a worker asks what its pool's status is.

// observe: 1: the board's and the counters' memory come along, and the sockets where
// the pool's status is to be seen, which who observes accepts on. Answers what
// "status" does, and which slot of the board is whose.
func (o *operator) observe(m *control.Message) {
	p := o.pool
	answer := control.Message{}
	if m.Numbers[0] == 1 && p.board != nil {
		fds, err := copyAll(append([]int{p.boardFd, p.reactor.counters.Fd()}, p.shown.Fds...))
		if err != nil {
			o.refuse("SERVER", err.Error())
			return
		}
		answer.Fds = fds
	}
	j := jsonText(p.text[:0]).open('{').name("status")
	j = p.appendStatus(j)
	j = p.appendSlots(j.name("slots")).close('}')
	p.text, answer.Text = j, j
	o.answer(answer)
}

// appendSlots appends slot, pid, generation and whether it is attached of each worker.
func (p *pool) appendSlots(j jsonText) jsonText {
	j = j.open('[')
	for _, w := range p.standing().Workers {
		attached := 0
		if w.Attached {
			attached = 1
		}
		j = j.item().open('[')
		for _, n := range [...]int{w.Slot, w.Pid, w.Generation, attached} {
			j = j.item().plain(n)
		}
		j = j.close(']')
	}
	return j.close(']')
}

// closeShown closes where the status is to be seen, for others, too, unless it is
// theirs.
func (p *pool) closeShown() {
	l := &p.shown
	if len(l.Fds) == 0 {
		return
	}
	if !p.service.isOthers(l) {
		l.Remove()
		if !l.Shared {
			for _, fd := range l.Fds {
				p.reactor.sys.hush(fd)
			}
		}
	}
	closeAllOf(&l.Fds)
}

// mostAskers is how many workers may ask at a time.
const mostAskers = 64

// workerMay is what a worker may ask, which needn't be the server's user.
var workerMay = map[string]func(*operator, *control.Message){
	"status": (*operator).poolStatus,
}

// ask: a worker has sent the other end of a socket on which it asks. True: that is the
// operator's.
func (s *service) ask(fd int, worker int32) bool {
	p := s.pool
	if p == nil || p.owner == nil || p.askers >= mostAskers || !isPacketSocket(fd) {
		return false
	}
	o := &operator{pool: p, may: workerMay, pid: worker}
	p.askers++
	if !o.listen(fd) {
		p.askers--
	}
	return true
}

// isPacketSocket tells whether a descriptor is an end of a pair.
func isPacketSocket(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_UNIX {
		return false
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET || unix.SetNonblock(fd, true) != nil {
		return false
	}
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && listening == 0
}

// poolStatus has the pool say what its command "status" does. Who asked and has gone
// counts, too, until that is said.
func (o *operator) poolStatus(*control.Message) {
	asked := 0
	for _, f := range o.pool.forwarded {
		if f.worker {
			asked++
		}
	}
	if asked >= mostAskers {
		o.refuse("BUSY", "workers have asked too much already: try again")
		return
	}
	o.pool.forward(&forwarded{operator: o, worker: true}, patienceOfOperators, "status")
}

// answer answers; to a worker that is all, whose socket might be anything.
func (o *operator) answer(m control.Message) {
	o.client.answer(m)
	if o.path == nil {
		r := o.pool.reactor
		r.deadlines.set(&o.silent, r.sys.now()+firstQuestion) // To read it.
		o.client.closeWhenSent()
	}
}

// takeQuestion takes the socket on which a worker asks, or closes it.
func (b *back) takeQuestion(from *queue.Receiver) {
	if from.Connection >= 0 && !b.service.ask(from.Connection, from.Pid) {
		descriptor.Close(from.Connection)
	}
}
