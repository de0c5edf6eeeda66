package limit

import "unsafe"

const (
	connectionChunk = 4096 // Connections that memory is taken for at once.

	// fewestFree is below how many free ones there are new ones, so that a
	// number isn't used again soon.
	fewestFree = 1024

	owners = 1024 // Lists of what workers have, by their pids.
)

// An id is a number, with how often that has been used above.
const (
	numberBits  = 20
	numberMask  = 1<<numberBits - 1
	generations = 1 << (31 - numberBits)
)

// state says who has a connection.
type state uint8

const (
	free state = iota
	ours
	queued
	taken
)

// connection is one that is counted, or a free place for one.
type connection struct {
	sent       uint64
	address    int32
	owner      int32 // The worker that has taken it.
	next, last int32 // In its list; 0: none.
	generation uint16
	state      state
}

// list is a list, to whose end one is put.
type list struct {
	first, end int32
}

// connections has those that there are. Number 0 is none.
type connections struct {
	chunks [(MostConnections + 1) / connectionChunk]*[connectionChunk]connection
	lists  [3 + owners]list // See listOf.
	top    int32            // There is memory for those below.
	used   int32
	bytes  int
}

// listOf is the list of all in a state: taken ones by owner, a few owners
// sharing one.
func listOf(s state, owner int32) int {
	if s == taken {
		return int(taken) + int(uint32(owner)%owners)
	}
	return int(s)
}

func (t *connections) at(i int32) *connection {
	return &t.chunks[i/connectionChunk][i%connectionChunk]
}

// find is the number of the connection that has an id, or 0.
func (t *connections) find(id uint32) int32 {
	i := int32(id & numberMask)
	if i == 0 || i >= t.top || id>>numberBits >= generations {
		return 0
	}
	if c := t.at(i); c.state == free || uint32(c.generation) != id>>numberBits {
		return 0
	}
	return i
}

// room tells whether there can be one more.
func (t *connections) room() bool {
	if t.top-t.used <= fewestFree && t.top <= MostConnections {
		t.grow()
	}
	return t.used < MostConnections
}

func (t *connections) grow() {
	chunk := new([connectionChunk]connection)
	t.chunks[t.top/connectionChunk] = chunk
	t.bytes += int(unsafe.Sizeof(*chunk))
	first := max(t.top, 1)
	t.top += connectionChunk
	for i := first; i < t.top; i++ {
		t.link(i, free, 0)
	}
}

// add makes the place that has been free for the longest the server's own
// connection. There must be room.
func (t *connections) add(from int32) (id uint32) {
	i := t.lists[free].first
	t.move(i, ours, 0)
	c := t.at(i)
	c.address = from
	t.used++
	return uint32(c.generation)<<numberBits | uint32(i)
}

// remove ends the id's validity.
func (t *connections) remove(i int32) {
	t.move(i, free, 0)
	c := t.at(i)
	c.generation = (c.generation + 1) % generations
	t.used--
}

func (t *connections) move(i int32, s state, owner int32) {
	c := t.at(i)
	from := &t.lists[listOf(c.state, c.owner)]
	if c.last != 0 {
		t.at(c.last).next = c.next
	} else {
		from.first = c.next
	}
	if c.next != 0 {
		t.at(c.next).last = c.last
	} else {
		from.end = c.last
	}
	t.link(i, s, owner)
}

// link puts one that is in no list to the end of the one that it belongs to.
func (t *connections) link(i int32, s state, owner int32) {
	c := t.at(i)
	to := &t.lists[listOf(s, owner)]
	c.state, c.owner, c.next, c.last = s, owner, 0, to.end
	if to.end != 0 {
		t.at(to.end).next = i
	} else {
		to.first = i
	}
	to.end = i
}
