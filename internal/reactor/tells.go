package reactor

import (
	"strconv"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/board"
	"socketserver/internal/limit"
	"socketserver/internal/standing"
	"socketserver/internal/supervise"
)

// stateNames are those of a worker's states.
var stateNames = [...]string{
	supervise.Starting: "starting",
	supervise.Idle:     "idle",
	supervise.Busy:     "busy",
	supervise.Retiring: "retiring",
}

// standing is how the pool stood after its latest step.
func (p *pool) standing() standing.Pool {
	stands, ok := p.reactor.options.Pools.Get(p.supervisor)
	switch {
	case ok:
	case p.service.state == serving:
		stands.Phase = supervise.Running // It begins.
	default:
		stands.Phase = supervise.Over
	}
	return stands
}

// entry is what the board says of a worker; of one that hasn't got so far, that it
// starts.
func (p *pool) entry(w *standing.Worker) board.Entry {
	if p.board != nil {
		if entry, ok := p.board.Read(w.Slot); ok && entry.Pid == w.Pid {
			return entry
		}
	}
	return board.Entry{State: supervise.Starting, Since: p.clock()}
}

// clock is what the board's times are measured with.
func (p *pool) clock() int64 {
	return int64(p.reactor.sys.now() / millisecond)
}

// healthState tells who asks whether to send connections here.
func (p *pool) healthState() string {
	stands := p.standing()
	switch {
	case p.service.state != serving || stands.Phase == supervise.Stopping || stands.Phase == supervise.Over:
		return isStopping
	case stands.Phase == supervise.Draining:
		return isDraining
	}
	for i := range stands.Workers {
		w := &stands.Workers[i]
		if w.Generation != stands.Generation {
			continue
		}
		if state := p.entry(w).State; state == supervise.Idle || state == supervise.Busy {
			return isReady
		}
	}
	return isStarting
}

// appendStatus appends an object.
func (p *pool) appendStatus(to []byte) []byte {
	stands := p.standing()
	j := jsonText(to).open('{').
		text("version", p.reactor.options.Version).
		number("pid", unix.Getpid()).
		text("name", p.service.named[0].name)
	j = p.service.appendListeners(j).
		text("healthListener", p.checked.name).
		text("statusListener", p.shown.name).
		text("control", p.controlName()).
		text("health", p.healthState()).
		text("state", string(stands.Phase)).
		number("generation", stands.Generation).
		number("wanted", stands.Wanted).
		number("minworkers", stands.Min).
		number("maxworkers", stands.Max)
	j, served := p.appendStates(p.reactor.appendCounters(j), stands.Workers)
	j = p.service.appendCounts(j.number("served", served+stands.Counts.Served))
	return j.number("forked", stands.Counts.Forked).
		number("ended", stands.Counts.Ended).
		number("died", stands.Counts.Died).
		number("killed", stands.Counts.Killed).
		number("reloads", stands.Counts.Reloads).
		number("failed", stands.Counts.Failed).
		number("limitReached", stands.LimitReached).
		exits(stands.Counts.Exits).
		close('}')
}

func (j jsonText) exits(exits supervise.Exits) jsonText {
	j = j.name("exits").open('{')
	for i, n := range exits {
		j = j.number(supervise.ExitNames[i], n)
	}
	return j.close('}')
}

func (s *service) appendListeners(j jsonText) jsonText {
	j = j.name("listeners").open('[')
	for i := range s.named {
		l := &s.named[i]
		j = j.item().open('{').text("name", l.name).number("port", l.Port).name("addresses").open('[')
		for _, address := range l.Addresses {
			j = j.item().quote(address.String())
		}
		j = j.close(']').close('}')
	}
	return j.close(']')
}

// appendStates appends how many workers are in which state, and tells how much they
// have served.
func (p *pool) appendStates(j jsonText, workers []standing.Worker) (_ jsonText, served int) {
	var in [len(stateNames)]int
	attached := 0
	for i := range workers {
		entry := p.entry(&workers[i])
		in[entry.State]++
		served += int(entry.Served)
		if workers[i].Attached {
			attached++
		}
	}
	j = j.name("workers").open('{')
	for state, n := range in {
		j = j.number(stateNames[state], n)
	}
	return j.number("attached", attached).close('}'), served
}

// appendCounts appends what the service has counted, and what waits now.
func (s *service) appendCounts(j jsonText) jsonText {
	c, h := &s.counts, &s.holding
	received, answered, dropped := s.datagrams()
	return j.count("accepted", c.Accepted).
		count("handedOver", c.HandedOver).
		count("resumed", c.Resumed).
		count("lost", c.Lost).
		count("waits", c.Waits).
		count("retries", c.Retries).
		count("pauses", c.Pauses).
		number("parked", h[admit.StageParked]).
		name("holding").open('{').
		number("queue", s.pending.length()).
		number("proxy", h[admit.StageProxy]).
		number("firstbyte", h[admit.StageFirstByte]).
		number("head", h[admit.StageHead]).
		number("closing", h[admit.StageClosing]).close('}').
		number("queued", s.queuedNow()).
		seconds("oldest", s.oldestWait()).
		seconds("firstByte", c.meanFirstByte()).
		name("shed").open('{').
		count("queuetime", c.Shed[tooLong]).
		count("maxqueue", c.Shed[tooMany]).close('}').
		count("gone", c.Gone).
		name("refused").open('{').
		count("maxperaddr", c.Refused[limit.ByConnections]).
		count("rateperaddr", c.Refused[limit.ByRate]).close('}').
		name("expired").open('{').
		count("proxy", c.Expired[admit.StageProxy]).
		count("firstbyte", c.Expired[admit.StageFirstByte]).
		count("head", c.Expired[admit.StageHead]).
		count("parked", c.Expired[admit.StageParked]).close('}').
		count("malformed", c.Malformed).
		count("probes", c.Probes).
		number("backlog", s.backlog()).
		name("datagrams").open('{').
		count("received", received).
		count("answered", answered).
		count("dropped", dropped).close('}')
}

// queuedNow is how many connections wait for a worker, of all generations.
func (s *service) queuedNow() int {
	all := s.pending.length()
	if s.queue != nil {
		all += s.reactor.sys.queued(s.queue.receive)
	}
	for _, l := range s.ending {
		all += s.reactor.sys.queued(l.receive)
	}
	return all
}

// appendWorkers appends an array.
func (p *pool) appendWorkers(to []byte) []byte {
	workers := p.standing().Workers
	j := jsonText(to).open('[')
	for i := range workers {
		j = p.appendWorker(j.item(), &workers[i])
	}
	return j.close(']')
}

func (p *pool) appendWorker(j jsonText, w *standing.Worker) jsonText {
	entry := p.entry(w)
	return j.open('{').
		number("pid", w.Pid).
		number("slot", w.Slot).
		number("generation", w.Generation).
		text("state", stateNames[entry.State]).
		flag("attached", w.Attached).
		number("connections", entry.Connections).
		number("served", int(entry.Served)).
		seconds("age", float64(max(p.clock()-entry.Since, 0))/1000).
		text("peer", entry.Peer).
		number("peerPort", entry.PeerPort).
		text("handler", entry.Handler).
		text("listener", p.listenerOf(&entry)).
		text("note", entry.Note).
		close('}')
}

// listenerOf names the listener by which the oldest open connection came, if there
// is one.
func (p *pool) listenerOf(entry *board.Entry) string {
	i, all := entry.Listener, p.service.named
	if entry.Connections == 0 || i < 0 || i >= len(all) {
		return ""
	}
	return all[i].name
}

// jsonText is JSON to which is appended.
type jsonText []byte

// item separates what follows from what stands before it.
func (j jsonText) item() jsonText {
	if last := j[len(j)-1]; last == '{' || last == '[' {
		return j
	}
	return append(j, ',')
}

func (j jsonText) open(bracket byte) jsonText  { return append(j, bracket) }
func (j jsonText) close(bracket byte) jsonText { return append(j, bracket) }

// name begins a member of an object.
func (j jsonText) name(name string) jsonText {
	return append(j.item().quote(name), ':')
}

func (j jsonText) text(name, value string) jsonText {
	return j.name(name).quote(value)
}

func (j jsonText) plain(value int) jsonText {
	return strconv.AppendInt(j, int64(value), 10)
}

func (j jsonText) number(name string, value int) jsonText {
	return strconv.AppendInt(j.name(name), int64(value), 10)
}

func (j jsonText) count(name string, value uint64) jsonText {
	return strconv.AppendUint(j.name(name), value, 10)
}

func (j jsonText) seconds(name string, value float64) jsonText {
	return strconv.AppendFloat(j.name(name), value, 'f', 3, 64)
}

func (j jsonText) flag(name string, value bool) jsonText {
	return strconv.AppendBool(j.name(name), value)
}

// quote appends any bytes as a string; what is no UTF-8 is replaced.
func (j jsonText) quote(text string) jsonText {
	const digits = "0123456789abcdef"
	j = append(j, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			j = append(j, '\\', byte(r))
		case r < ' ':
			j = append(j, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			j = utf8.AppendRune(j, r)
		}
	}
	return append(j, '"')
}
