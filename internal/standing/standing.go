// Package standing is what is known of pools outside of them: how each stands,
// who its workers are and what the service manager is to hear of it. Who
// supervises writes it, the reactor reads.
package standing

import (
	"slices"
	"sync"

	"socketserver/internal/supervise"
)

// Worker is a process of a pool.
type Worker struct {
	Pid, Slot, Generation int
	Attached              bool // Nobody forked it.
}

// Pool is how a pool stands.
type Pool struct {
	Phase        supervise.Phase
	Generation   int // The current one.
	Wanted       int // Workers of it.
	Min, Max     int
	LimitReached int // How many times more would have been wanted than Max.
	Workers      []Worker
	Counts       supervise.Counts
	Notify       []string // What the service manager is to hear, in order.
}

// Table has a pool for each supervisor, by its number. Several goroutines may
// use it; nil is one without pools.
type Table struct {
	mutex sync.Mutex
	pools map[int64]*Pool
}

// Set says how a pool stands. The slices stay the caller's. What is to be heard
// comes after what has not been taken yet.
func (t *Table) Set(id int64, pool Pool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	known := t.pools[id]
	if known == nil {
		if t.pools == nil {
			t.pools = map[int64]*Pool{}
		}
		known = new(Pool)
		t.pools[id] = known
	}
	workers, untold := known.Workers, known.Notify
	if !slices.Equal(workers, pool.Workers) {
		workers = slices.Clone(pool.Workers) // Somebody may still read the others.
	}
	for _, text := range pool.Notify {
		if len(untold) == 0 || untold[len(untold)-1] != text {
			untold = append(untold, text) // Nor does it grow while nobody takes it.
		}
	}
	*known = pool
	known.Workers, known.Notify = workers, untold
}

// Get answers how a pool stands, without what is to be heard. Its workers are
// not to be changed.
func (t *Table) Get(id int64) (pool Pool, found bool) {
	if t == nil {
		return pool, false
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if known := t.pools[id]; known != nil {
		pool, found = *known, true
		pool.Notify = nil
	}
	return pool, found
}

// TakeNotify answers what is to be heard since it was taken last.
func (t *Table) TakeNotify(id int64) []string {
	if t == nil {
		return nil
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	known := t.pools[id]
	if known == nil {
		return nil
	}
	untold := known.Notify
	known.Notify = nil
	return untold
}

// Drop forgets a pool.
func (t *Table) Drop(id int64) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	delete(t.pools, id)
}
