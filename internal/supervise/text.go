package supervise

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The text that crosses to C has a line for each thing, whose first word says
// what; the others are numbers and keywords. Times are in milliseconds.

var stateNames = map[string]State{
	"starting": Starting, "idle": Idle, "busy": Busy, "retiring": Retiring,
}

var verbNames = map[string]Verb{
	"add": Add, "retire": Retire, "reload": Reload, "stop": Stop,
}

var outcomeNames = map[string]Kind{"renew": Renew, "switch": Switch}

// line is one line of text on its way to numbers.
type line struct {
	words []string
	err   error
}

// word takes the next word.
func (l *line) word() string {
	if len(l.words) == 0 {
		if l.err == nil {
			l.err = fmt.Errorf("too few words")
		}
		return ""
	}
	word := l.words[0]
	l.words = l.words[1:]
	return word
}

// number takes the next word as a number.
func (l *line) number() int {
	word := l.word()
	n, err := strconv.Atoi(word)
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("%q is not a number", word)
	}
	return n
}

// time takes the next word as a time.
func (l *line) time() time.Duration {
	return time.Duration(l.number()) * time.Millisecond
}

// named takes the next word as one of a table's.
func named[T any](l *line, table map[string]T) T {
	word := l.word()
	value, ok := table[word]
	if !ok && l.err == nil {
		l.err = fmt.Errorf("%q is not known", word)
	}
	return value
}

// ParseConfig reads "KEY NUMBER ...".
func ParseConfig(text string) (Config, error) {
	l := &line{words: strings.Fields(text)}
	config := l.config()
	return config, l.err
}

// config takes the rest of a line as a configuration.
func (l *line) config() Config {
	var c Config
	for len(l.words) > 0 && l.err == nil {
		switch key := l.word(); key {
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
		case "start":
			c.Start = l.time()
		default:
			l.err = fmt.Errorf("%q is not known", key)
		}
	}
	if l.err == nil && (c.Min < 0 || c.Max < max(c.Min, 1) || c.Slots < c.Max) {
		l.err = fmt.Errorf("min %d, max %d, slots %d can't be", c.Min, c.Max, c.Slots)
	}
	return c
}

// ParseSnapshot reads a snapshot, which begins with "now TIME".
func ParseSnapshot(text string) (now time.Duration, seen Snapshot, err error) {
	seen.Queues = map[int]int{}
	for row := range strings.Lines(text) {
		l := &line{words: strings.Fields(row)}
		if len(l.words) == 0 {
			continue
		}
		kind := l.word()
		if kind == "now" {
			now = l.time()
		} else {
			seen.read(kind, l)
		}
		if l.err == nil && len(l.words) > 0 {
			l.err = fmt.Errorf("too many words")
		}
		if l.err != nil {
			return now, seen, fmt.Errorf("%q: %w", strings.TrimSpace(row), l.err)
		}
	}
	return now, seen, nil
}

// read adds what a line says.
func (seen *Snapshot) read(kind string, l *line) {
	switch kind {
	case "config":
		config := l.config()
		seen.Config = &config
	case "worker":
		seen.Workers = append(seen.Workers, Worker{
			Pid: l.number(), Slot: l.number(), Generation: l.number(),
			State: named(l, stateNames), Age: l.time(),
			Connections: l.number(), Served: l.number(),
		})
	case "died":
		seen.Deaths = append(seen.Deaths, Death{
			Pid: l.number(), Slot: l.number(), Generation: l.number(),
			Served: l.number(), Clean: l.number() != 0,
		})
	case "queue":
		generation := l.number()
		seen.Queues[generation] = l.number()
	case "unforked":
		seen.Unforked = append(seen.Unforked, l.number())
	case "retired":
		seen.Retired = append(seen.Retired, l.number())
	case "did", "failed":
		seen.Outcomes = append(seen.Outcomes, Outcome{named(l, outcomeNames), kind == "did"})
	case "request":
		seen.Requests = append(seen.Requests, l.request())
	default:
		l.err = fmt.Errorf("%q is not known", kind)
	}
}

// request takes the rest of a line as a request.
func (l *line) request() Request {
	r := Request{Verb: named(l, verbNames)}
	switch r.Verb {
	case Add, Retire:
		r.N = l.number()
	case Stop:
		r.Grace = l.time()
	}
	return r
}

// Format writes what is to be done, and how things stand, one line each.
func Format(actions []Action, standing Standing) string {
	var b strings.Builder
	for _, a := range actions {
		fmt.Fprintln(&b, a)
	}
	fmt.Fprintf(&b, "standing %s %d %d %d %d %d\n", standing.Phase, standing.Generation,
		standing.Wanted, standing.Min, standing.Max, standing.Wake.Milliseconds())
	return b.String()
}

// String is the action's line.
func (a Action) String() string {
	switch a.Kind {
	case Fork:
		return fmt.Sprintf("fork %d %d", a.Generation, a.Slot)
	case Dismiss:
		return fmt.Sprintf("retire %d", a.N)
	case Kill:
		return fmt.Sprintf("kill %d %s %s", a.Pid, a.Signal, a.Reason)
	case Renew:
		return fmt.Sprintf("renew %d", a.Generation)
	case Log:
		words := []string{"log", a.Level, a.Text}
		for _, n := range a.Args {
			words = append(words, strconv.Itoa(n))
		}
		return strings.Join(words, " ")
	case Switch:
		return "switch"
	case Abandon:
		return "abandon"
	case Close:
		return "close"
	default:
		return "stopped"
	}
}
