package reactor

import (
	"fmt"
	"slices"
	"strconv"

	"socketserver/internal/counters"
	"socketserver/internal/descriptor"
)

// The application's counters are the process's, whatever it serves, from the first
// service on: a predecessor's, which its workers go on with, or new ones.

// ownCounters are those of this process.
func (r *Reactor) ownCounters() (*counters.Counters, error) {
	if r.counters == nil {
		made, err := counters.New()
		if err != nil {
			return nil, err
		}
		r.counters = made
	}
	return r.counters, nil
}

// inheritCounters takes a predecessor's. Where this process has some already,
// they are added to these once it has taken over.
func (p *pool) inheritCounters(d *predecessor) {
	r, fds := p.reactor, d.offered("counters", "")
	if len(fds) == 0 {
		return // It is of a version that has none.
	}
	descriptor.Close(fds[1:]...)
	theirs, err := counters.Take(fds[0])
	if err != nil {
		descriptor.Close(fds[0])
		p.log("warning", "the counters of who listens on %s are lost: %s", d.path, err)
		return
	}
	switch {
	case r.counters == nil:
		r.counters = theirs
	case r.counters.Same(theirs):
		theirs.Close()
	default:
		d.counters = r.foreign(theirs)
	}
}

// foreign are another process's counters, mapped once: its pools share them, and all
// is added once.
func (r *Reactor) foreign(theirs *counters.Counters) *counters.Counters {
	i := slices.IndexFunc(r.added, theirs.Same)
	if i >= 0 {
		theirs.Close()
		return r.added[i]
	}
	theirs.Release()
	r.added = append(r.added, theirs)
	return theirs
}

// addCounters adds what a predecessor has counted by now, and once more at its end
// what its workers have since.
func (d *predecessor) addCounters() {
	if d.counters == nil {
		return
	}
	if lost := d.reactor.counters.Add(d.counters); lost > 0 {
		d.pool.log("warning", "%d counters of who listened on %s are lost: there is no room for their names",
			lost, d.path)
	}
}

// withCounters has an attaching worker's descriptors, which it closes after an
// error, followed by the counters: behind queue, return and scoreboard.
func (r *Reactor) withCounters(fds []int) ([]int, error) {
	const before = 3
	if len(fds) < before || r.counters == nil {
		descriptor.Close(fds...)
		return nil, fmt.Errorf("can't attach with %d descriptors", len(fds))
	}
	fd, err := copyOf(r.counters.Fd())
	if err != nil {
		descriptor.Close(fds...)
		return nil, fmt.Errorf("can't copy the counters: %w", err)
	}
	return slices.Insert(fds, before, fd), nil
}

// appendCounters appends an object.
func (r *Reactor) appendCounters(j jsonText) jsonText {
	j = j.name("counters").open('{')
	if r.counters != nil {
		for _, c := range r.counters.All() {
			j = strconv.AppendInt(j.name(c.Name), c.Value, 10)
		}
	}
	return j.close('}')
}
