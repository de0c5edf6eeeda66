package standing

import (
	"reflect"
	"slices"
	"sync"
	"testing"

	"socketserver/internal/supervise"
)

func some(n int) Pool {
	pool := Pool{Phase: supervise.Running, Generation: n, Counts: supervise.Counts{Forked: n}}
	for i := range n {
		pool.Workers = append(pool.Workers, Worker{Pid: 100 + i, Slot: i, Generation: n})
	}
	return pool
}

func TestTable(t *testing.T) {
	var table Table
	if _, found := table.Get(1); found {
		t.Error("found before it was set")
	}
	table.Set(1, some(2))
	table.Set(2, some(3))
	if got, found := table.Get(1); !found || !reflect.DeepEqual(got, some(2)) {
		t.Errorf("%+v, %v", got, found)
	}
	table.Drop(1)
	if _, found := table.Get(1); found {
		t.Error("found after it was dropped")
	}
	if got, _ := table.Get(2); len(got.Workers) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestSlicesStayTheirOwners(t *testing.T) {
	var table Table
	pool := some(2)
	table.Set(1, pool)
	before, _ := table.Get(1)
	pool.Workers[0].Pid = 7
	table.Set(1, pool)
	after, _ := table.Get(1)
	if before.Workers[0].Pid != 100 || after.Workers[0].Pid != 7 {
		t.Errorf("%+v, then %+v", before, after)
	}
}

func TestNotify(t *testing.T) {
	var table Table
	for _, texts := range [][]string{{"a", "b"}, nil, {"b"}, {"a", "c"}} {
		pool := some(1)
		pool.Notify = texts
		table.Set(1, pool)
	}
	if got, _ := table.Get(1); got.Notify != nil {
		t.Errorf("%q", got.Notify)
	}
	if got := table.TakeNotify(1); !slices.Equal(got, []string{"a", "b", "a", "c"}) {
		t.Errorf("%q", got)
	}
	if got := append(table.TakeNotify(1), table.TakeNotify(2)...); len(got) > 0 {
		t.Errorf("again %q", got)
	}
}

func TestNoTable(t *testing.T) {
	var table *Table
	if _, found := table.Get(1); found || table.TakeNotify(1) != nil {
		t.Error("it has a pool")
	}
}

func TestSetAtRestAllocatesNothing(t *testing.T) {
	var table Table
	pool := some(40)
	table.Set(1, pool)
	if n := testing.AllocsPerRun(100, func() { table.Set(1, pool) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSeveralGoroutines(t *testing.T) {
	var table Table
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for i := range 200 {
				table.Set(int64(n%2), some(i%5))
			}
		})
	}
	for range 400 {
		if got, _ := table.Get(0); len(got.Workers) != got.Generation {
			t.Errorf("%+v", got)
		}
		table.TakeNotify(1)
	}
	writers.Wait()
}
