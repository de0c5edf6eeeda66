package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// outcome is how a connection ended. Each has exactly one.
type outcome int

const (
	served   outcome = iota // The right reply, then the end of file.
	refused                 // Nobody listened.
	reset                   // The server's side broke it off.
	closed                  // The end of file without a reply.
	wrong                   // Another reply than the right one.
	timedOut                // No connection, or no reply.
	noFin                   // The right reply, but no end of file.
	other                   // This process failed, for want of ports for instance.
	outcomes
)

var names = [outcomes]string{
	"served", "refused", "reset", "closed", "wrong", "timedout", "noFin", "other",
}

// result is what came of one connection.
type result struct {
	outcome outcome
	pid     int           // Who replied, if it was served.
	late    bool          // The end of file came late.
	took    time.Duration // Until the end; 0 if it never was a connection.
}

// tally adds up results.
type tally struct {
	started int64
	counts  [outcomes]int64
	late    int64
	longest time.Duration
	pids    map[int]int64
}

func newTally() *tally {
	return &tally{pids: map[int]int64{}}
}

func (t *tally) add(r result) {
	t.started++
	t.counts[r.outcome]++
	if r.outcome == served {
		t.pids[r.pid]++
	}
	if r.late {
		t.late++
	}
	t.longest = max(t.longest, r.took)
}

func (t *tally) merge(u *tally) {
	t.started += u.started
	for i, n := range u.counts {
		t.counts[i] += n
	}
	t.late += u.late
	t.longest = max(t.longest, u.longest)
	for pid, n := range u.pids {
		t.pids[pid] += n
	}
}

// check makes sure that no connection is missing.
func (t *tally) check() error {
	var sum int64
	for _, n := range t.counts {
		sum += n
	}
	if sum != t.started {
		return fmt.Errorf("%d connections started, but %d ended", t.started, sum)
	}
	return nil
}

// String is a list that Tcl reads as a dictionary.
func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "started %d", t.started)
	for i, n := range t.counts {
		fmt.Fprintf(&b, " %s %d", names[i], n)
	}
	fmt.Fprintf(&b, " late %d maxMs %d pids {", t.late, t.longest.Milliseconds())
	for i, pid := range slices.Sorted(maps.Keys(t.pids)) {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d %d", pid, t.pids[pid])
	}
	b.WriteByte('}')
	return b.String()
}
