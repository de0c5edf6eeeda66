package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Outcome is what became of a connection.
type Outcome int

// Every connection ends in one of these.
const (
	Served     Outcome = iota // answered in full, then end of file
	Refused                   // nobody listened
	Reset                     // reset by the server, at any time
	NoReply                   // end of file before a reply
	Wrong                     // a reply that isn't the line sent, or more than that
	TimedOut                  // no connection, or no complete reply, in time
	NoFin                     // answered in full, but the end of file didn't come in time
	Busy                      // the busy reply, then end of file
	GaveUp                    // no reply in the time that the client has
	ClosedIdle                // end of file between two lines, with none under way
	Left                      // silent until the client left
	Other                     // this process failed, for want of ports for instance
	outcomes                  // how many there are
)

var outcomeNames = [outcomes]struct{ words, key string }{
	{"served", "served"}, {"refused", "refused"}, {"reset", "reset"}, {"closed without a reply", "closed"},
	{"wrong", "wrong"}, {"timed out", "timedout"}, {"replied without FIN", "noFin"},
	{"told to be busy", "busy"}, {"given up", "gaveUp"}, {"closed while idle", "closedIdle"}, {"left silent", "leftSilent"},
	{"the client's failure", "other"},
}

// String returns the outcome in words.
func (o Outcome) String() string {
	return outcomeNames[o].words
}

// Key returns the outcome in one word, for programs.
func (o Outcome) Key() string {
	return outcomeNames[o].key
}

// failed tells whether that is another end than a client may expect.
func (o Outcome) failed() bool {
	return o != Served && o != ClosedIdle && o != Left
}

// broken returns the outcome of a connection that an error ended.
func broken(errno unix.Errno) Outcome {
	switch errno {
	case unix.ECONNREFUSED:
		return Refused
	case unix.ECONNRESET, unix.EPIPE:
		return Reset
	case unix.ETIMEDOUT:
		return TimedOut
	default:
		return Other
	}
}

// Counts says how many connections were started and how they ended.
type Counts struct {
	Started  int
	Outcomes [outcomes]int
}

// Ended returns how many connections have an outcome.
func (c Counts) Ended() int {
	sum := 0
	for _, n := range c.Outcomes {
		sum += n
	}
	return sum
}

// Failed returns how many connections ended otherwise than a client may expect.
func (c Counts) Failed() int {
	sum := 0
	for i, n := range c.Outcomes {
		if Outcome(i).failed() {
			sum += n
		}
	}
	return sum
}

// Check returns an error unless every connection started has one outcome.
func (c Counts) Check() error {
	if c.Started != c.Ended() {
		return fmt.Errorf("%d connections started, but %d have an outcome", c.Started, c.Ended())
	}
	return nil
}

// Add adds what another generator counted.
func (c *Counts) Add(other Counts) {
	c.Started += other.Started
	for i, n := range other.Outcomes {
		c.Outcomes[i] += n
	}
}

// Failures returns the outcomes of those that failed, in words.
func (c Counts) Failures() map[string]int {
	failures := map[string]int{}
	for i, n := range c.Outcomes {
		if n > 0 && Outcome(i).failed() {
			failures[Outcome(i).String()] = n
		}
	}
	return failures
}
