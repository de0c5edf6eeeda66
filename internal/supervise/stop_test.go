package supervise

import (
	"fmt"

	"slices"
	"testing"
	"time"
)

func TestStop(t *testing.T) {
	f := newFake(t, fixed(3))
	f.run(time.Second)
	f.idle()
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	f.step()
	f.didAll("close", "log info stop 10000")
	f.run(100 * ms)
	f.wants(1, 3)
	delete(f.queues, 1)
	f.endOf(1)
	f.run(50 * ms)
	f.didAll("stopped")
	if f.after.Phase != Over {
		t.Errorf("%+v", f.after)
	}
}

func TestStopServesWhatIsQueued(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.idle()
	f.queues[1] = 7
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	f.run(50 * ms)
	f.endOf(1)
	f.run(100 * ms)
	f.wants(1, 2)
	if f.done("stopped") {
		t.Error("stopped")
	}
}

func TestStopAtTheEndOfTheGraceTime(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.busy()
	f.forget()
	f.ask(Request{Verb: Stop, Grace: 2 * time.Second})
	f.run(1900 * ms)
	if f.done("kill 1 TERM grace") {
		t.Fatal("too early")
	}
	f.run(200 * ms)
	f.didAll("log warning grace 2", "kill 1 TERM grace", "kill 2 TERM grace")
	if f.done("kill 1 KILL grace") {
		t.Fatal("killed too early")
	}
	f.run(1100 * ms)
	f.didAll("kill 1 KILL grace", "kill 2 KILL grace", "stopped")
}

func TestStopTwiceIsAtOnce(t *testing.T) {
	f := newFake(t, fixed(1))
	f.run(time.Second)
	f.busy()
	f.ask(Request{Verb: Stop, Grace: time.Hour})
	f.run(100 * ms)
	f.ask(Request{Verb: Stop})
	f.step()
	f.didAll("kill 1 TERM grace")
	f.ask(Request{Verb: Stop})
	f.step()
	f.didAll("kill 1 KILL grace")
	f.step()
	f.didAll("stopped")
}

func TestStopDuringReload(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.startup = time.Hour
	f.ask(Request{Verb: Reload})
	f.run(200 * ms)
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	f.run(50 * ms)
	f.didAll("abandon", "close", "log info reload-stop 2 1")
	delete(f.queues, 1)
	delete(f.queues, 2)
	f.endOf(1)
	f.run(2 * time.Second)
	f.didAll("stopped")
}

func TestStopWhileAQueueIsWaitedFor(t *testing.T) {
	s := New(fixed(2))
	s.Step(0, Snapshot{Requests: []Request{{Verb: Reload}}})
	s.Step(0, Snapshot{Requests: []Request{{Verb: Stop, Grace: time.Second}}})
	actions, _ := s.Step(time.Second, Snapshot{})
	if !slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == Close }) {
		t.Errorf("%v", actions)
	}
}

func TestStopOfAPoolThatNeverCameUp(t *testing.T) {
	f := newFake(t, fixed(2))
	f.dies = true
	f.run(5 * time.Second)
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	f.step()
	delete(f.queues, 1)
	f.run(200 * ms)
	f.didAll("stopped")
}

func TestStopDismissesACrowdAtATime(t *testing.T) {
	f := newFake(t, fixed(200))
	f.run(2 * time.Second)
	f.idle()
	f.forget()
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	for _, n := range []int{64, 64, 8} {
		f.forget()
		f.run(20 * ms)
		f.didAll(fmt.Sprintf("retire %d", n))
		if f.done("close") {
			t.Fatalf("did %q", f.did)
		}
		for _, pid := range f.pids()[:n] {
			f.there[pid].State, f.there[pid].Dismissed = Retiring, true
			f.die(&f.next, pid, true)
		}
	}
	f.run(20 * ms)
	f.didAll("close")
	f.wants(1, 64)
}

func TestStopOfMessagesThatNobodyTakes(t *testing.T) {
	f := newFake(t, fixed(200))
	f.run(2 * time.Second)
	f.idle()
	f.ask(Request{Verb: Stop, Grace: 10 * time.Second})
	f.run(haste + 50*ms)
	f.didAll("close")
}
