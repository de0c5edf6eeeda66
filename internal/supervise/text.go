package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The text that crosses to C has a line for each thing, whose first word says
// what; the others are numbers and keywords. Times are in milliseconds.
//
// A pool at rest takes a step every second for months, and the collector of
// this runtime seldom works. So reading and writing allocate nothing once
// their buffers have grown.

var stateNames = map[string]State{
	"starting": Starting, "idle": Idle, "busy": Busy, "retiring": Retiring,
}

var verbNames = map[string]Verb{
	"add": Add, "retire": Retire, "reload": Reload, "stop": Stop,
	"drain": Drain,
}

var outcomeNames = map[string]Kind{"renew": Renew, "switch": Switch}

var actionNames = [...]string{
	Fork: "fork", Dismiss: "retire", Kill: "kill", Renew: "renew", Switch: "switch", Abandon: "abandon",
	Close: "close", Log: "log", Ready: "ready", Fail: "fail", Stopped: "stopped",
	Slow: "slow", Late: "late",
}

var (
	errTooFew  = errors.New("too few words")
	errTooMany = errors.New("too many words")
)

// line is what is left of one line of text on its way to numbers, and the
// first error in it.
type line struct {
	rest []byte
	err  error
}

func (l *line) more() bool {
	l.rest = bytes.TrimLeft(l.rest, " \t\r")
	return len(l.rest) > 0
}

func (l *line) word() []byte {
	if !l.more() {
		l.fail(errTooFew)
		return nil
	}
	end := bytes.IndexByte(l.rest, ' ')
	if end < 0 {
		end = len(l.rest)
	}
	word := l.rest[:end]
	l.rest = l.rest[end:]
	return word
}

// fail notes the first error.
func (l *line) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *line) number() int {
	word := l.word()
	digits, negative := bytes.CutPrefix(word, []byte{'-'})
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' || n > 1<<52 {
			l.fail(fmt.Errorf("%q is not a number", word))
			return 0
		}
		n = 10*n + int(c-'0')
	}
	if len(digits) == 0 {
		l.fail(fmt.Errorf("%q is not a number", word))
	}
	if negative {
		return -n
	}
	return n
}

// flag takes the next word as a number that is 0 or not.
func (l *line) flag() bool {
	return l.number() != 0
}

// end tells whether all was read, and without error.
func (l *line) end() bool {
	if l.more() {
		l.fail(errTooMany)
	}
	return l.err == nil
}

func (l *line) time() time.Duration {
	return time.Duration(l.number()) * time.Millisecond
}

// named takes the next word as one of a table's.
func named[T any](l *line, table map[string]T) T {
	word := l.word()
	value, ok := table[string(word)]
	if !ok {
		l.unknown(word)
	}
	return value
}

func (l *line) unknown(word []byte) {
	if l.err == nil {
		l.err = fmt.Errorf("%q is not known", word)
	}
}

// ParseConfig reads "KEY NUMBER ...".
func ParseConfig(text []byte) (Config, error) {
	l := &line{rest: text}
	config := l.config()
	return config, l.err
}

// config takes the rest of a line as a configuration.
func (l *line) config() Config {
	var c Config
	for l.more() && l.err == nil {
		switch key := l.word(); string(key) {
		case "min":
			c.Min = l.number()
		case "max":
			c.Max = l.number()
		case "slots":
			c.Slots = l.number()
		case "idle":
			c.Idle = l.time()
		case "timeout":
			c.Timeout = l.time()
		case "slow":
			c.Slow = l.time()
		case "killtime":
			c.KillTime = l.time()
		case "start":
			c.Start = l.time()
		case "first":
			c.First = l.time()
		case "notify":
			c.Notify = l.flag()
		case "watchdog":
			c.Watchdog = l.time()
		default:
			l.unknown(key)
		}
	}
	if l.err == nil && (c.Min < 0 || c.Max < max(c.Min, 1) || c.Slots < c.Max) {
		l.err = fmt.Errorf("min %d, max %d, slots %d can't be", c.Min, c.Max, c.Slots)
	}
	return c
}

// Read reads a snapshot, which begins with "now TIME", in the place of what it
// had before, and returns that time. A line that can't be read is left out: the
// error tells of the first, and the rest holds.
func (seen *Snapshot) Read(text []byte) (now time.Duration, err error) {
	seen.clear()
	for len(text) > 0 {
		var row []byte
		row, text, _ = bytes.Cut(text, []byte{'\n'})
		l := line{rest: row}
		if !l.more() {
			continue
		}
		kind := l.word()
		if string(kind) == "now" {
			now = l.time()
			l.end()
		} else {
			seen.read(kind, &l)
		}
		if l.err != nil && err == nil {
			err = fmt.Errorf("%q: %w", row, l.err)
		}
	}
	return now, err
}

// clear empties a snapshot and keeps its memory.
func (seen *Snapshot) clear() {
	if seen.Queues == nil {
		seen.Queues = map[int]int{}
	}
	clear(seen.Queues)
	seen.Config = nil
	seen.Workers = seen.Workers[:0]
	seen.Deaths = seen.Deaths[:0]
	seen.Unforked = seen.Unforked[:0]
	seen.Spared = seen.Spared[:0]
	seen.Requests = seen.Requests[:0]
	seen.Outcomes = seen.Outcomes[:0]
	seen.Counts, seen.Counted = Counts{}, false
}

// read adds what a line says, if it can be read to its end.
func (seen *Snapshot) read(kind []byte, l *line) {
	switch string(kind) {
	case "config":
		if config := l.config(); l.end() {
			seen.Config = &config
		}
	case "worker":
		if w := l.worker(); l.end() {
			seen.Workers = append(seen.Workers, w)
		}
	case "died":
		if death := (Death{l.worker(), l.flag()}); l.end() {
			seen.Deaths = append(seen.Deaths, death)
		}
	case "queue":
		if generation, length := l.number(), l.number(); l.end() {
			seen.Queues[generation] = length
		}
	case "unforked":
		if generation := l.number(); l.end() {
			seen.Unforked = append(seen.Unforked, generation)
		}
	case "spared":
		if pid := l.number(); l.end() {
			seen.Spared = append(seen.Spared, pid)
		}
	case "did", "failed":
		if o := (Outcome{named(l, outcomeNames), string(kind) == "did"}); l.end() {
			seen.Outcomes = append(seen.Outcomes, o)
		}
	case "counts":
		if counts := l.counts(); l.end() {
			seen.Counts, seen.Counted = counts, true
		}
	case "request":
		if r := l.request(); l.end() {
			seen.Requests = append(seen.Requests, r)
		}
	default:
		l.unknown(kind)
	}
}

func (l *line) worker() Worker {
	return Worker{
		Pid: l.number(), Slot: l.number(), Generation: l.number(),
		State: named(l, stateNames), Age: l.time(),
		Connections: l.number(), Served: l.number(), Dismissed: l.flag(),
	}
}

// counts takes the rest of a line as what has happened so far.
func (l *line) counts() Counts {
	var c Counts
	for l.more() && l.err == nil {
		switch key := l.word(); string(key) {
		case "forked":
			c.Forked = l.number()
		case "ended":
			c.Ended = l.number()
		case "died":
			c.Died = l.number()
		case "killed":
			c.Killed = l.number()
		case "reloads":
			c.Reloads = l.number()
		case "failed":
			c.Failed = l.number()
		case "served":
			c.Served = l.number()
		case "attached":
			c.Attached = l.number()
		case "exits":
			for i := range c.Exits {
				c.Exits[i] = l.number()
			}
		default:
			l.unknown(key)
		}
	}
	return c
}

// request takes the rest of a line as a request.
func (l *line) request() Request {
	r := Request{Verb: named(l, verbNames)}
	switch r.Verb {
	case Add, Retire:
		r.N = l.number()
	case Stop:
		r.Grace = l.time()
	case Drain:
		r.Pause, r.Grace = l.time(), l.time()
	}
	return r
}

// AppendProblem writes what was wrong with a snapshot, if anything was.
func AppendProblem(text []byte, err error) []byte {
	if err != nil {
		text = fmt.Appendf(text, "problem %v\n", err)
	}
	return text
}

// Append writes what is to be done, and how things stand, one line each.
func Append(text []byte, actions []Action, standing Standing) []byte {
	for _, a := range actions {
		text = append(a.append(text), '\n')
	}
	text = append(append(text, "standing "...), standing.Phase...)
	text = numbers(text, standing.Generation, standing.Wanted, standing.Min, standing.Max,
		standing.LimitReached, int(standing.Wake.Milliseconds()))
	return append(text, '\n')
}

// numbers writes numbers, each after a space.
func numbers(text []byte, all ...int) []byte {
	for _, n := range all {
		text = strconv.AppendInt(append(text, ' '), int64(n), 10)
	}
	return text
}

// words writes words, each after a space.
func words(text []byte, all ...string) []byte {
	for _, word := range all {
		text = append(append(text, ' '), word...)
	}
	return text
}

func (a Action) append(text []byte) []byte {
	text = append(text, actionNames[a.Kind]...)
	switch a.Kind {
	case Fork:
		text = numbers(text, a.Generation, a.Slot)
	case Renew:
		text = numbers(text, a.Generation)
	case Dismiss, Ready:
		text = numbers(text, a.N)
	case Log:
		text = numbers(words(text, a.Level, a.Text), a.Args...)
	case Slow, Late:
		text = numbers(text, a.Pid, int(a.Limit.Milliseconds()))
	case Kill:
		text = words(numbers(text, a.Pid), a.Signal, string(a.Reason))
		if a.Limit > 0 {
			text = numbers(text, int(a.Limit.Milliseconds()))
		}
	}
	return text
}

// String is the action's line.
func (a Action) String() string {
	return string(a.append(nil))
}
