package supervise

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseConfig(t *testing.T) {
	got, err := ParseConfig([]byte("min 2 max 32 slots 100 idle 60000 timeout 500 slow 250 killtime 1000 start 60000 first 1500 notify 1 watchdog 30000"))
	want := Config{
		Min: 2, Max: 32, Slots: 100, Idle: time.Minute, Timeout: 500 * ms, Slow: 250 * ms, KillTime: time.Second,
		Start: time.Minute, First: 1500 * ms, Notify: true, Watchdog: 30 * time.Second,
	}
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
		"worker 100 0 1 idle 250 0 12 0", "worker 101 1 2 busy 20 3 0 1",
		"died 99 5 1 busy 10 1 40 0 1", "unforked 2", "spared 98", "did renew", "failed switch",
		"request add 2", "request retire 1", "request reload", "request stop 1500",
		"request drain 5000 1500", "counts forked 7 ended 1 died 2 killed 3 reloads 4 failed 5 served 60 attached 8 exits 1 2 3 4 5 6 7", "",
	}, "\n")))
	want := Snapshot{
		Config: &Config{Min: 1, Max: 2, Slots: 3},
		Queues: map[int]int{1: 0, 2: 17},
		Workers: []Worker{
			{100, 0, 1, Idle, 250 * ms, 0, 12, false},
			{101, 1, 2, Busy, 20 * ms, 3, 0, true},
		},
		Deaths:   []Death{{Worker{99, 5, 1, Busy, 10 * ms, 1, 40, false}, true}},
		Unforked: []int{2},
		Spared:   []int{98},
		Outcomes: []Outcome{{Renew, true}, {Switch, false}},
		Requests: []Request{
			{Verb: Add, N: 2}, {Verb: Retire, N: 1}, {Verb: Reload},
			{Verb: Stop, Grace: 1500 * ms},
			{Verb: Drain, Pause: 5 * time.Second, Grace: 1500 * ms},
		},
		Counts: Counts{7, 1, 2, 3, 4, 5, 60, 8, Exits{1, 2, 3, 4, 5, 6, 7}}, Counted: true,
	}
	if err != nil || now != 123456*ms || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %+v, %v", now, got, err)
	}
	for _, text := range []string{
		"later 1", "worker 1 2 3", "worker 1 2 3 asleep 0 0 0 0", "worker 1 2 3 idle 0 0 0", "died 1 2 3 idle 0 0 0 0", "now", "now 1 2",
		"request leave", "request drain 1", "counts forked", "counts lost 1", "counts exits 1 2 3 4 5 6", "counts exits 1 2 3 4 5 6 7 8", "did switch it", "queue 1 x", "queue 1 -", "queue 1 99999999999999999999",
	} {
		if _, err := got.Read([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestBadLineIsLeftOut(t *testing.T) {
	var got Snapshot
	now, err := got.Read([]byte("now 5\nrequest add 0x1\nworker 1 0 1 idle 0 0 x 0\nrequest stop 100\n"))
	if err == nil || now != 5*ms {
		t.Errorf("%v, %v", now, err)
	}
	if len(got.Workers) > 0 || !reflect.DeepEqual(got.Requests, []Request{{Verb: Stop, Grace: 100 * ms}}) {
		t.Errorf("%+v", got)
	}
}

func TestFormat(t *testing.T) {
	got := string(Append(nil, []Action{
		{Kind: Fork, Generation: 2, Slot: 3},
		{Kind: Dismiss, N: 4},
		{Kind: Kill, Pid: 100, Signal: "KILL", Reason: ForTimeout, Limit: time.Second},
		{Kind: Renew, Generation: 3},
		{Kind: Switch}, {Kind: Abandon}, {Kind: Close}, {Kind: Stopped},
		{Kind: Ready, N: 4}, {Kind: Fail},
		{Kind: Slow, Pid: 100, Limit: 2 * time.Second},
		{Kind: Late, Pid: 101, Limit: 3 * time.Second},
		{Kind: Log, Level: "info", Text: "grown", Args: []int{2, 3}},
	}, Standing{Reloading, 2, 4, 1, 8, 3, 100 * ms}))
	want := "fork 2 3\nretire 4\nkill 100 KILL timeout 1000\nrenew 3\nswitch\nabandon\nclose\nstopped\nready 4\nfail\n" +
		"slow 100 2000\nlate 101 3000\nlog info grown 2 3\nstanding reloading 2 4 1 8 3 100\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

func TestStepAtRestAllocatesNothing(t *testing.T) {
	s := New(scaled(4, 8))
	s.config.Slots = 64
	text := []byte("now 1000\nqueue 1 0\n" + strings.Repeat("worker 100 0 1 idle 250 0 12 0\n", 4) +
		"counts forked 4 ended 0 died 0 killed 0 reloads 0 failed 0 served 0 attached 0 exits 0 0 0 0 0 0 0\n")
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
