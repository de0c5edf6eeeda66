// Package limit counts connections by the address of the peer, so that nobody
// has more than a fair share of them.
//
// A connection that Admit has counted has an id, which goes with it to the
// queue and to the worker. Who has it decides who may end it:
//
//	Admit -> the server's own -> Sent -> nobody's, on the queue -> Taken -> a worker's
//	              ^                                                            |
//	              +---------------------------- Back --------------------------+
//
// and from everywhere to its end: Release, by the server; Ended, by the worker;
// OwnerEnded, with the worker; Forget, when a worker died before it said that
// it had taken it. Ids come back from workers, so one that is stale or
// another's does nothing, and nor does 0, of which nobody counts anything.
//
// Times are nanoseconds of CLOCK_MONOTONIC. Memory comes in chunks and stays;
// apart from that nothing is allocated (package reactor says why that counts).
package limit

// Rules are what one address may have.
type Rules struct {
	Connections int     // At a time; 0: no bound.
	Rate        float64 // New ones per second, max(1, Rate) of them at once; 0: no bound.
}

// Refusal says why a connection isn't admitted.
type Refusal uint8

const (
	None          Refusal = iota
	ByConnections         // There are too many of the address, or in all.
	ByRate                // They come too fast.
)

// Bounds of a table.
const (
	MostAddresses   = 1 << 16   // With "the others", who have one together when there is no room.
	MostConnections = 1<<20 - 1 // Those above are refused.
)

// Table is the count. It is for one thread.
type Table struct {
	addresses   addresses
	connections connections
}

// New makes a table, which takes next to no memory before it counts.
func New() *Table {
	return &Table{}
}

// Admit counts a connection, or says why not. The first 64 bits of an address
// count, but of one that is IPv4-mapped all; a peer that has no address (family 0) isn't counted, and has id 0.
// One that is refused changes nothing.
func (t *Table) Admit(family uint8, address [16]byte, r Rules, now uint64) (id uint32, why Refusal) {
	if family == 0 {
		return 0, None
	}
	if !t.connections.room() {
		return 0, ByConnections
	}
	from := t.addresses.find(keyOf(family, address), now)
	entry := t.addresses.at(from)
	if why := entry.admit(r, now); why != None {
		return 0, why
	}
	entry.connections++
	return t.connections.add(from), None
}

// Sent puts a connection on the queue: it is nobody's.
func (t *Table) Sent(id uint32, now uint64) {
	if c := t.connections.find(id); c != 0 {
		t.connections.at(c).sent = now
		t.connections.move(c, queued, 0)
	}
}

// Back makes it the server's own again, parked or given back.
func (t *Table) Back(id uint32) {
	if c := t.connections.find(id); c != 0 {
		t.connections.move(c, ours, 0)
	}
}

// MayReturn tells whether a worker may give a connection back: it has it, or
// has got it from the queue and not said so.
func (t *Table) MayReturn(id uint32, owner int32) bool {
	c := t.connections.find(id)
	if c == 0 {
		return id == 0
	}
	entry := t.connections.at(c)
	return entry.state == queued || entry.state == taken && entry.owner == owner
}

// Taken makes a connection a worker's that was sent and that nobody has.
func (t *Table) Taken(id uint32, owner int32) {
	if c := t.connections.find(id); c != 0 && t.connections.at(c).state == queued {
		t.connections.move(c, taken, owner)
	}
}

// Ended ends a connection of this worker.
func (t *Table) Ended(id uint32, owner int32) {
	c := t.connections.find(id)
	if c == 0 {
		return
	}
	if entry := t.connections.at(c); entry.state == taken && entry.owner == owner {
		t.end(c)
	}
}

// Release ends a connection that the server itself has closed.
func (t *Table) Release(id uint32) {
	if c := t.connections.find(id); c != 0 {
		t.end(c)
	}
}

// OwnerEnded ends all that a worker has.
func (t *Table) OwnerEnded(owner int32) {
	for c := t.connections.lists[listOf(taken, owner)].first; c != 0; {
		entry := t.connections.at(c)
		this := c
		c = entry.next
		if entry.owner == owner {
			t.end(this)
		}
	}
}

// Forget ends those that were sent before a moment and that nobody has taken.
// It returns how many.
func (t *Table) Forget(before uint64) int {
	n := 0
	for {
		c := t.connections.lists[listOf(queued, 0)].first
		if c == 0 || t.connections.at(c).sent >= before {
			return n
		}
		t.end(c)
		n++
	}
}

// Sweep forgets addresses of which there is nothing to know: no connections,
// and they may have as many at once as ever.
func (t *Table) Sweep(now uint64) {
	t.addresses.sweep(t.addresses.top, now)
}

// Addresses is how many are known, without the others.
func (t *Table) Addresses() int {
	return int(t.addresses.used)
}

// Connections is how many there are.
func (t *Table) Connections() int {
	return int(t.connections.used)
}

// Bytes is how much memory the table has taken.
func (t *Table) Bytes() int {
	return t.addresses.bytes + t.connections.bytes
}

func (t *Table) end(c int32) {
	t.addresses.at(t.connections.at(c).address).connections--
	t.connections.remove(c)
}
