package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"socketserver/internal/control"
	"socketserver/internal/reactor"
	"socketserver/internal/standing"
	"socketserver/internal/supervise"
)

// ask asks something of a supervisor, and wants it to be answered.
func ask(t *testing.T, answerer reactor.Answerer, id int64, text string) string {
	t.Helper()
	var answer control.Message
	answerer(&control.Message{Numbers: control.Numbers{id}, Text: []byte(text)}, &answer)
	if answer.Name != "" || strings.Contains(string(answer.Text), "problem") {
		t.Fatalf("%s %s", answer.Name, answer.Text)
	}
	return string(answer.Text)
}

// newPool has a pool supervised, until the test ends.
func newPool(t *testing.T, config string) int64 {
	t.Helper()
	id, err := strconv.ParseInt(ask(t, superviseNew, 0, config), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ask(t, superviseEnd, id, "")
		if _, found := pools.Get(id); found {
			t.Error("it still stands when it is over")
		}
	})
	return id
}

func TestStepsAreKnown(t *testing.T) {
	id := newPool(t, "min 1 max 2 slots 8")
	ask(t, superviseStep, id, "now 1\nworker 100 3 1 idle 0 0 0 0\nworker 101 9 1 idle 0 0 0 0\ncounts forked 7 served 5 exits 1 2 3 4 5 6 7\n")
	ask(t, superviseStep, id, "now 2\nworker 100 3 1 idle 0 0 0 0\nworker 101 9 1 idle 0 0 0 0\nrequest drain 1000 1000\n")
	want := standing.Pool{
		Phase: supervise.Draining, Generation: 1, Wanted: 1, Min: 1, Max: 2,
		Workers: []standing.Worker{{Pid: 100, Slot: 3, Generation: 1}, {Pid: 101, Slot: 9, Generation: 1, Attached: true}},
		Counts:  supervise.Counts{Forked: 7, Served: 5, Exits: supervise.Exits{1, 2, 3, 4, 5, 6, 7}},
	}
	if got, found := pools.Get(id); !found || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, found)
	}
	if texts := pools.TakeNotify(id); texts != nil {
		t.Errorf("%q", texts)
	}
}

func TestStepsAreTold(t *testing.T) {
	id := newPool(t, "min 1 max 1 slots 8 notify 1 watchdog 3600000")
	ask(t, superviseStep, id, "now 1\n")
	ask(t, superviseStep, id, "now 2\nworker 100 0 1 idle 0 0 0 0\n")
	ask(t, superviseStep, id, "now 3\nworker 100 0 1 idle 0 0 0 0\nrequest stop 1000\n")
	want := []string{"WATCHDOG=1", "READY=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=10000000"}
	if texts := pools.TakeNotify(id); !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	id := newPool(t, "min 2 max 2 slots 8 notify 1 watchdog 3600000")
	request := control.Message{Numbers: control.Numbers{id}, Text: []byte("now 5000\nqueue 1 0\n" +
		"worker 100 0 1 idle 250 0 12 0\nworker 101 1 1 idle 250 0 12 0\ncounts forked 2 served 24\n")}
	var answer control.Message
	step := func() {
		answer.Text = answer.Text[:0]
		superviseStep(&request, &answer)
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
