package supervise

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseConfig(t *testing.T) {
	got, err := ParseConfig([]byte("min 2 max 32 slots 100 idle 60000 timeout 500 start 60000"))
	want := Config{2, 32, 100, time.Minute, 500 * ms, time.Minute}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{
		"", "min", "min x", "most 3", "min 3 max 2 slots 9", "min 0 max 0 slots 9",
		"min -1 max 2 slots 9", "min 1 max 10 slots 9",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestParseSnapshot(t *testing.T) {
	var got Snapshot
	now, err := got.Read([]byte(strings.Join([]string{
		"now 123456", "config min 1 max 2 slots 3", "queue 1 0", "queue 2 17",
		"worker 100 0 1 idle 250 0 12", "worker 101 1 2 busy 20 3 0",
		"died 99 5 1 40 1", "unforked 2", "retired 98", "did renew", "failed switch",
		"request add 2", "request retire 1", "request reload", "request stop 1500", "",
	}, "\n")))
	want := Snapshot{
		Config: &Config{Min: 1, Max: 2, Slots: 3},
		Queues: map[int]int{1: 0, 2: 17},
		Workers: []Worker{
			{100, 0, 1, Idle, 250 * ms, 0, 12},
			{101, 1, 2, Busy, 20 * ms, 3, 0},
		},
		Deaths:   []Death{{99, 5, 1, 40, true}},
		Unforked: []int{2},
		Retired:  []int{98},
		Outcomes: []Outcome{{Renew, true}, {Switch, false}},
		Requests: []Request{
			{Verb: Add, N: 2}, {Verb: Retire, N: 1}, {Verb: Reload},
			{Verb: Stop, Grace: 1500 * ms},
		},
	}
	if err != nil || now != 123456*ms || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %+v, %v", now, got, err)
	}
	for _, text := range []string{
		"later 1", "worker 1 2 3", "worker 1 2 3 asleep 0 0 0", "now", "now 1 2",
		"request leave", "did switch it", "queue 1 x", "queue 1 -", "queue 1 99999999999999999999",
	} {
		if _, err := got.Read([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestFormat(t *testing.T) {
	got := string(Append(nil, []Action{
		{Kind: Fork, Generation: 2, Slot: 3},
		{Kind: Dismiss, N: 4},
		{Kind: Kill, Pid: 100, Signal: "KILL", Reason: ForTimeout},
		{Kind: Renew, Generation: 3},
		{Kind: Switch}, {Kind: Abandon}, {Kind: Close}, {Kind: Stopped},
		{Kind: Log, Level: "info", Text: "grown", Args: []int{2, 3}},
	}, Standing{Reloading, 2, 4, 1, 8, 100 * ms}))
	want := "fork 2 3\nretire 4\nkill 100 KILL timeout\nrenew 3\nswitch\nabandon\nclose\nstopped\n" +
		"log info grown 2 3\nstanding reloading 2 4 1 8 100\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

func TestStepAtRestAllocatesNothing(t *testing.T) {
	s := New(scaled(4, 8))
	s.config.Slots = 64
	text := []byte("now 1000\nqueue 1 0\n" + strings.Repeat("worker 100 0 1 idle 250 0 12\n", 4))
	var seen Snapshot
	var reply []byte
	now := time.Duration(0)
	step := func() {
		if _, err := seen.Read(text); err != nil {
			t.Fatal(err)
		}
		now += 100 * ms
		actions, standing := s.Step(now, seen)
		reply = Append(reply[:0], actions, standing)
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
