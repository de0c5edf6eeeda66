package reactor

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/queue"
)

// A takeover, as the predecessor sees it: the successor asks for the listening
// sockets, and later says that it is ready. Until then this server goes on as if
// nothing had been; from then on it accepts nothing. The requests "takeover" and
// "ready" and their answers are the same in all versions.

// takeoverLevel is that of the protocol, travelLevel that of what travels after it:
// raise the latter whenever messages on queues or arrivals change.
const (
	takeoverLevel = 1
	travelLevel   = 1
)

const takeoverSlack = 2e9 // What a successor has more than it asked for.

// takeover: for how many milliseconds at most until it is ready, its travelLevel;
// text: its version. Answers takeoverLevel and travelLevel; for each listener a line
// of use, name and number of sockets, with tabs; the sockets.
func (o *operator) takeover(m *control.Message) {
	p := o.pool
	switch {
	case int(o.uid) != unix.Geteuid():
		o.refuse("NOTOWNER", fmt.Sprintf("only user %d may take over", unix.Geteuid()))
	case p.successor != nil:
		o.refuse("BUSY", fmt.Sprintf("process %d takes over already", p.successor.pid))
	case p.service.state != serving || !p.service.listens():
		o.refuse("STOPPING", "the running server stops already")
	default:
		o.giveListeners(m)
	}
}

func (o *operator) giveListeners(m *control.Message) {
	p := o.pool
	r := p.reactor
	answer := control.Message{Numbers: control.Numbers{takeoverLevel, travelLevel}}
	var err error
	give := func(use, name string, fds []int) {
		answer.Text = fmt.Appendf(answer.Text, "%s\t%s\t%d\n", use, name, len(fds))
		for _, fd := range fds {
			copied, failed := copyOf(fd)
			if failed != nil {
				err = failed
				return
			}
			answer.Fds = append(answer.Fds, copied)
		}
	}
	for _, l := range p.service.named {
		give(useQueue, l.name, l.Fds)
	}
	give(useControl, p.control.listener.Path, p.control.listener.Fds)
	if p.health != nil {
		give(useHealth, p.checked.name, p.checked.Fds)
	}
	if len(p.shown.Fds) > 0 {
		give(useStatus, p.shown.name, p.shown.Fds)
	}
	give("counters", "", []int{r.counters.Fd()})
	if err != nil {
		closeAllOf(&answer.Fds)
		o.refuse("SERVER", err.Error())
		return
	}
	p.successor, p.given = o, true
	p.travels = m.Numbers[1] == travelLevel && string(m.Text) == r.options.Version
	limit := uint64(min(max(m.Numbers[0], 0), 1e9))
	r.deadlines.set(&p.giveUp, r.sys.now()+limit*millisecond+takeoverSlack)
	p.log("info", "process %d prepares to take over", o.pid)
	o.answer(answer)
}

// successorLate: it had time enough.
func (p *pool) successorLate() {
	o := p.successor
	if o == nil || p.service.heir != nil {
		return
	}
	o.question = 0
	o.refuse("TIMEOUT", "this took too long: the running server goes on")
	o.client.close()
}

// successorGone: its connection has ended. Before it was ready nothing has changed;
// after that it may have failed, but here nobody listens any more.
func (p *pool) successorGone() {
	s := p.service
	pid := p.successor.pid
	p.successor = nil
	p.reactor.deadlines.clear(&p.giveUp)
	if s.heir == nil {
		p.given = false
		p.log("warning", "process %d has not taken over: this one goes on", pid)
		return
	}
	s.heir = nil
}

// successorReady: the successor's workers are there. From here on it accepts.
func (o *operator) successorReady(*control.Message) {
	p := o.pool
	s := p.service
	if p.successor != o || s.heir != nil {
		o.refuse("USAGE", "ask for a takeover first")
		return
	}
	p.reactor.deadlines.clear(&p.giveUp)
	answer := control.Message{Numbers: control.Numbers{int64(unix.Getpid())}}
	if p.travels {
		answer.Fds = s.receiveEnds()
	}
	p.leaveListeners()
	p.lastNote(o.mainPid()...) // First, for then systemd listens to that one.
	o.answer(answer)
	p.tell("handedover", fmt.Sprint(o.pid))
	if p.travels {
		s.heir = o
		s.sendOff()
	}
}

// mainPid tells systemd whom to listen to; nothing where the process is in a
// namespace that can't be seen from here.
func (o *operator) mainPid() []string {
	if o.pid <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("MAINPID=%d", o.pid)}
}

// leaveListeners closes what listens, which is the successor's now.
func (p *pool) leaveListeners() {
	s := p.service
	s.shutListeners()
	p.control.pause()
	if p.health != nil {
		p.health.close(false)
		p.health = nil
	}
	closeAllOf(&p.shown.Fds)
}

// receiveEnds are copies of all that its workers receive from; what can't be copied
// stays with them.
func (s *service) receiveEnds() []int {
	var all []int
	for _, l := range append(slices.Clone(s.ending), s.queue, s.next) {
		if l == nil {
			continue
		}
		if fd, err := copyOf(l.receive); err == nil {
			all = append(all, fd)
		}
	}
	return all
}

// sendOff has all connections travel that no worker has, nor will have here.
func (s *service) sendOff() {
	for s.pending.length() > 0 {
		s.current = *s.pending.first()
		s.pending.pop()
		s.travel(stageQueued)
	}
	for _, w := range s.reactor.watched {
		if h, ok := w.watcher.(*hold); ok && h.service == s && h.stage != admit.StageClosing {
			stage := h.stage
			h.release()
			s.travel(uint8(stage))
			s.reactor.memory.putHold(h)
		}
	}
	s.finishIfEmpty()
}

// travel sends the connection in hand to the successor.
func (s *service) travel(stage uint8) {
	a := &s.current
	a.message.Kind = queue.KindConnection
	m := control.Message{Name: "arrival", Text: encodeTraveller(stage, a), Fds: []int{a.connection}}
	s.uncount(a)
	a.connection = queue.NoConnection
	s.reactor.memory.putExtra(a.extra)
	a.extra = nil
	s.heir.give(m)
}
