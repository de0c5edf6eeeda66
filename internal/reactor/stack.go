package reactor

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
)

// Bounds of questions for a stack.
const (
	answerPatience = 2500 * millisecond // For a worker, which says so itself after 2 s.
	mostAsking     = 256                // Who wait for one worker.
)

// question is what a worker was asked by the scoreboard and hasn't answered: its
// stack.
type question struct {
	pool   *pool
	pid    int32
	slot   int
	number uint32
	raise  bool           // Its application is to get an error, too.
	asking []func(string) // Who wait for the text...
	next   []raising      // ...and who for that of a question that raises, asked after it.
	late   deadline
}

// raising is asked when the question before it is answered, if the worker is still at
// what it was at: an error is not the next connection's.
type raising struct {
	since  int64
	asking func(string)
}

// askStack asks a worker for its stack; who asks meanwhile gets the same.
func (p *pool) askStack(pid int, raise bool, asking func(text string)) (reason string, err error) {
	slot := p.slotOf(pid)
	q := p.questions[int32(pid)]
	switch {
	case slot < 0:
		return "NOWORKER", fmt.Errorf("process %d is no worker of %s", pid, p.service.called)
	case q == nil:
		q = &question{pool: p, pid: int32(pid), slot: slot, raise: raise, asking: []func(string){asking}}
		q.late.due, q.late.owner = q.giveUp, p
		p.questions[q.pid] = q
		q.ask()
	case len(q.asking)+len(q.next) >= mostAsking:
		return "BUSY", fmt.Errorf("process %d has been asked by too many already: try again", pid)
	case raise && !q.raise:
		q.next = append(q.next, raising{since: p.since(slot), asking: asking})
	default:
		q.asking = append(q.asking, asking)
	}
	return "", nil
}

// slotOf finds a worker's slot, or -1. Of one that was forked since the latest step
// only its slot tells; who claims another's number there gets a question that nobody
// but that one can answer.
func (p *pool) slotOf(pid int) int {
	workers := p.standing().Workers
	for i := range workers {
		if workers[i].Pid == pid {
			return workers[i].Slot
		}
	}
	if p.board == nil {
		return -1
	}
	for slot := range p.board.Slots() {
		if entry, used := p.board.Read(slot); used && entry.Pid == pid {
			return slot
		}
	}
	return -1
}

// since is when what a worker is at began.
func (p *pool) since(slot int) int64 {
	if p.board == nil {
		return 0
	}
	entry, _ := p.board.Read(slot)
	return entry.Since
}

// ask asks, and waits for the answer even where there is no board to ask by.
func (q *question) ask() {
	p := q.pool
	if p.board != nil {
		q.number = p.board.Ask(q.slot, q.raise)
	}
	p.reactor.deadlines.set(&q.late, p.reactor.sys.now()+answerPatience)
}

// stackAnswered takes what a worker answers, if it was asked that.
func (s *service) stackAnswered(from *queue.Receiver) {
	number, text, err := queue.DecodeAnswer(from.Bytes)
	if err != nil || s.pool == nil {
		return
	}
	if q := s.pool.questions[from.Pid]; q != nil && q.number == number {
		q.answer(plain(text))
	}
}

// answer tells all who wait, and asks what is asked next.
func (q *question) answer(text string) {
	p := q.pool
	delete(p.questions, q.pid)
	p.reactor.deadlines.clear(&q.late)
	for _, asking := range q.asking {
		asking(text)
	}
	for _, next := range q.next {
		if p.since(q.slot) != next.since {
			next.asking("is done by now")
		} else if _, err := p.askStack(int(q.pid), true, next.asking); err != nil {
			next.asking(err.Error())
		}
	}
}

// giveUp answers for a worker that doesn't.
func (q *question) giveUp() {
	q.answer("doesn't answer: it " + stateOf(int(q.pid)))
}

// endQuestions: nobody answers any more.
func (p *pool) endQuestions() {
	for _, q := range p.questions {
		q.next = nil
		q.answer("the pool has ended")
	}
}

// plain makes text of what a worker has sent: it goes into logs and to terminals.
func plain(text []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029') {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "?"))
	return strings.Trim(clean, "\n")
}

// states are what the system says of a process.
var states = map[byte]string{
	'R': "runs", 'S': "sleeps", 'D': "waits for a device", 'T': "is stopped", 't': "is stopped by a debugger",
	'Z': "has ended", 'X': "has ended", 'I': "is idle",
}

// stateOf tells what a process does, as far as anybody can see.
func stateOf(pid int) string {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "has ended"
	}
	defer descriptor.Close(fd)
	var text [512]byte
	n, err := unix.Read(fd, text[:])
	at := bytes.LastIndexByte(text[:max(n, 0)], ')')
	if err != nil || at < 0 || at+2 >= n {
		return "has ended"
	}
	if state, ok := states[text[at+2]]; ok {
		return state
	}
	return "is in state " + strconv.Quote(string(text[at+2:at+3]))
}

// stack: text: a worker's number. Answers its stack.
func (o *operator) stack(m *control.Message) {
	p := o.pool
	pid, err := strconv.Atoi(string(m.Text))
	if err != nil || pid <= 0 {
		o.refuse("USAGE", "which worker? say its process number")
		return
	}
	f := &forwarded{pool: p, operator: o}
	reason, err := p.askStack(pid, false, f.stack)
	if err != nil {
		o.refuse(reason, err.Error())
		return
	}
	o.waiting = f
}

// stack answers the operator, if it still waits.
func (f *forwarded) stack(text string) {
	if o := f.operator; o != nil {
		f.operator, o.waiting = nil, nil
		o.answer(control.Message{Text: []byte(text)})
	}
}

// stackRequest: the service, a process; text: nothing; "raise": its application is to
// get an error; or "wait": the stack is the answer. Else the pool is told.
func (r *Reactor) stackRequest(c *client, m *control.Message) reply {
	p, pid := r.pools[int(m.Numbers[0])], int(m.Numbers[1])
	if p == nil {
		return failure("SERVER", errService)
	}
	how := string(m.Text)
	asking := func(text string) { r.answerLater(c, reply{Message: control.Message{Text: []byte(text)}}) }
	if how != "wait" {
		asking = func(text string) { p.tellStack(pid, how == "raise", text) }
	}
	reason, err := p.askStack(pid, how == "raise", asking)
	if err != nil {
		return failure(reason, err)
	}
	return reply{later: how == "wait"}
}

// tellStack tells the pool a worker's stack, unless it has not read for long.
func (p *pool) tellStack(pid int, raise bool, text string) {
	raised := "0"
	if raise {
		raised = "1"
	}
	if len(p.untold) < mostUntold {
		p.tell("stack", strconv.Itoa(pid), raised, text)
	}
}
