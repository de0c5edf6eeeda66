package limit

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// model does with maps what a Table does; it knows nothing of bounds.
type model struct {
	addresses   map[int]*bucket
	connections map[uint32]*counted
}

// bucket is an address. Its tokens are counted in ns, in which one comes.
type bucket struct {
	connections    int
	tokens, most   int64
	interval, last int64
}

type counted struct {
	address int
	state   state
	owner   int32
	sent    uint64
}

// rates divide a second without rest, so nothing is rounded.
var rates = []float64{0, 0.5, 1, 2, 10}

func (m *model) admit(n int, r Rules, now int64) Refusal {
	b := m.addresses[n]
	if b == nil {
		b = &bucket{last: now}
		if r.Rate > 0 {
			b.interval = int64(1e9 / r.Rate)
			b.most = max(b.interval, 1e9)
			b.tokens = b.most
		}
		m.addresses[n] = b
	}
	if r.Connections > 0 && b.connections >= r.Connections {
		return ByConnections
	}
	b.fill(now)
	if b.tokens < b.interval {
		return ByRate
	}
	b.tokens -= b.interval
	b.connections++
	return None
}

func (b *bucket) fill(now int64) {
	b.tokens = min(b.most, b.tokens+now-b.last)
	b.last = now
}

func (m *model) end(ends func(c *counted) bool) (n int) {
	for id, c := range m.connections {
		if ends(c) {
			m.addresses[c.address].connections--
			delete(m.connections, id)
			n++
		}
	}
	return n
}

func (m *model) sweep(now int64) {
	for n, b := range m.addresses {
		if b.fill(now); b.connections == 0 && b.tokens == b.most {
			delete(m.addresses, n)
		}
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { follow(t, rand.New(rand.NewPCG(seed, 12)), 20000) })
	}
}

// follow does the same at random with a table and a model.
func follow(t *testing.T, random *rand.Rand, steps int) {
	table := New()
	m := &model{map[int]*bucket{}, map[uint32]*counted{}}
	var ids []uint32 // All that ever were, mostly the late ones are asked for.
	now := uint64(1e9)
	for range steps {
		now += []uint64{0, 0, 1, 1e6, 1e8}[random.IntN(5)]
		id := uint32(random.IntN(3))
		if len(ids) > 0 && random.IntN(50) > 0 {
			id = ids[len(ids)-1-random.IntN(min(len(ids), 100))]
		}
		owner := []int32{1, 2, 1 + owners, -1}[random.IntN(4)]
		if random.IntN(3) == 0 {
			n := random.IntN(40)
			r := Rules{random.IntN(12), rates[n%len(rates)]}
			got, why := table.Admit(6, number(n), r, now)
			if want := m.admit(n, r, int64(now)); why != want || (got == 0) != (why != None) || m.connections[got] != nil {
				t.Fatalf("id %d, refused %d, the model %d", got, why, want)
			}
			if why == None {
				m.connections[got] = &counted{address: n, state: ours}
				ids = append(ids, got)
			}
		} else {
			both(t, random.IntN(40), table, m, id, owner, now)
		}
		counts(t, table, len(m.addresses), len(m.connections))
		if c := m.connections[id]; c != nil && table.MayReturn(id, owner) != (c.state == queued || c.state == taken && c.owner == owner) {
			t.Fatalf("may return: %+v", c)
		}
	}
}

// both does something other than to admit with both.
func both(t *testing.T, what int, table *Table, m *model, id uint32, owner int32, now uint64) {
	c := m.connections[id]
	if c == nil {
		c = &counted{} // Whatever becomes of it.
	}
	this := func(other *counted) bool { return other == c }
	switch {
	case what == 0:
		table.OwnerEnded(owner)
		m.end(func(c *counted) bool { return c.state == taken && c.owner == owner })
	case what == 1:
		before := now - 5e8
		n := m.end(func(c *counted) bool { return c.state == queued && c.sent < before })
		if got := table.Forget(before); got != n {
			t.Fatalf("%d forgotten, the model %d", got, n)
		}
	case what == 2:
		table.Sweep(now)
		m.sweep(int64(now))
	case what < 14:
		table.Sent(id, now)
		c.state, c.sent = queued, now
	case what < 18:
		table.Back(id)
		c.state = ours
	case what < 30:
		table.Taken(id, owner)
		if c.state == queued {
			c.state, c.owner = taken, owner
		}
	case what < 38:
		table.Ended(id, owner)
		if c.state == taken && c.owner == owner {
			m.end(this)
		}
	default:
		table.Release(id)
		m.end(this)
	}
}
