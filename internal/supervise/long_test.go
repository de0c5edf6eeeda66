package supervise

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// bounded is a pool of two whose connections have a time, with a second until
// the kill.
func bounded(t *testing.T, slow, timeout time.Duration) *fake {
	config := fixed(2)
	config.Slow, config.Timeout, config.KillTime = slow, timeout, time.Second
	f := newFake(t, config)
	f.run(time.Second)
	f.forget()
	return f
}

// take has a worker take a connection, and nothing else.
func (f *fake) take(pid int) {
	p := f.there[pid]
	p.State, p.Connections, p.since = Busy, 1, f.now
}

// give has it close that.
func (f *fake) give(pid int) {
	p := f.there[pid]
	p.State, p.Connections, p.since, p.Served = Idle, 0, f.now, p.Served+1
}

// wantsDone wants these to have been done since the last call to forget, and
// nothing else.
func (f *fake) wantsDone(texts ...string) {
	f.t.Helper()
	if !slices.Equal(f.did, texts) {
		f.t.Errorf("at %v did %q, not %q", f.now, f.did, texts)
	}
	f.forget()
}

func TestSlowIsToldOnce(t *testing.T) {
	f := bounded(t, 2*time.Second, 0)
	f.take(1)
	f.run(1990 * ms)
	f.wantsDone()
	f.run(20 * ms)
	f.wantsDone("slow 1 2000")
	f.run(time.Minute)
	f.wantsDone()
	f.give(1)
	f.take(1)
	f.run(3 * time.Second)
	f.wantsDone("slow 1 2000")
}

func TestSlowOfAnEventLoopIsToldNowAndThen(t *testing.T) {
	f := bounded(t, time.Second, 0)
	f.take(1)
	start := f.now
	for i := range 50 {
		f.there[1].since = start + time.Duration(i)*ms // The one before is closed, and it has many more.
		f.run(100 * ms)
	}
	if n := len(f.did); n < 3 || n > 5 {
		t.Errorf("did %q", f.did)
	}
}

func TestSlowIsSeenInTime(t *testing.T) {
	f := bounded(t, 100*ms, 0)
	if f.after.Wake > 100*ms {
		t.Errorf("%+v", f.after)
	}
}

func TestLateIsKilledAWhileLater(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.run(2010 * ms)
	f.wantsDone("late 1 2000")
	f.run(980 * ms)
	f.wantsDone()
	f.run(20 * ms)
	f.wantsDone("kill 1 KILL timeout 3000")
	f.run(10 * ms)
	f.wantsDone("fork 1 0")
}

func TestLateAndKilledAtOnce(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.s.config.KillTime = 0
	f.take(1)
	f.step()
	f.run(2000 * ms)
	f.step()
	if len(f.did) < 2 || f.did[0] != "late 1 2000" || f.did[1] != "kill 1 KILL timeout 2000" {
		t.Errorf("did %q", f.did)
	}
}

func TestWhoWasFreedLivesOn(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.run(2500 * ms)
	f.wantsDone("late 1 2000")
	f.give(1)
	f.run(time.Minute)
	f.wantsDone()
	f.take(1)
	f.run(2500 * ms)
	f.wantsDone("late 1 2000")
	f.give(1)
	f.take(1) // Another one at once.
	f.run(1990 * ms)
	f.wantsDone()
	f.run(20 * ms)
	f.wantsDone("late 1 2000")
	f.run(time.Second)
	f.didAll("kill 1 KILL timeout 3000")
}

func TestLateThatIsSeenLateHasItsTimeUntilTheKill(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.now += time.Minute // Nobody looked.
	f.step()
	f.wantsDone("late 1 2000")
	f.run(990 * ms)
	f.wantsDone()
	f.run(20 * ms)
	f.didAll("kill 1 KILL timeout 3000")
}

func TestNextConnectionIsNotKilledForTheOneBefore(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.run(2010 * ms)
	f.wantsDone("late 1 2000")
	f.give(1)
	f.take(1)
	f.now += time.Minute // Nobody looked, and it is late, too.
	f.step()
	f.wantsDone("late 1 2000")
}

func TestSecondOfAnEventLoopIsNotKilledTooEarly(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	start := f.now
	f.run(2100 * ms)
	f.wantsDone("late 1 2000")
	f.there[1].since = start + 90*ms // The first is closed, and this is late, too.
	f.run(980 * ms)
	f.wantsDone()
	f.run(30 * ms)
	f.didAll("kill 1 KILL timeout 3000")
}

func TestTimeoutChangesWhileOneIsLate(t *testing.T) {
	for _, test := range []struct {
		timeout time.Duration
		then    []string
	}{
		{0, nil},
		{time.Minute, nil},
		{3500 * ms, []string{"late 1 3500", "kill 1 KILL timeout 4500"}},
		{time.Second, []string{"kill 1 KILL timeout 2000"}},
	} {
		f := bounded(t, 0, 2*time.Second)
		f.take(1)
		f.run(2100 * ms)
		f.wantsDone("late 1 2000")
		config := f.s.config
		config.Timeout = test.timeout
		f.next.Config = &config
		f.run(2450 * ms)
		f.did = slices.DeleteFunc(f.did, func(text string) bool { return strings.HasPrefix(text, "fork") })
		f.wantsDone(test.then...)
	}
}

func TestKillTimeOfOneThatIsLateMayBeShortened(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.s.config.KillTime = time.Hour
	f.take(1)
	f.run(time.Minute)
	f.wantsDone("late 1 2000")
	config := f.s.config
	config.KillTime = 0
	f.next.Config = &config
	f.step()
	f.wantsDone("kill 1 KILL timeout 2000")
}

func TestStopWhileOneIsLate(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.run(2100 * ms)
	f.ask(Request{Verb: Stop})
	f.run(50 * ms)
	f.didAll("late 1 2000", "kill 1 TERM grace")
	f.forget()
	delete(f.queues, 1)
	f.die(&f.next, 2, true)
	f.run(1100 * ms)
	f.wantsDone("kill 1 KILL grace", "stopped")
}

func TestLateOfAnOldGeneration(t *testing.T) {
	f := bounded(t, 0, 2*time.Second)
	f.take(1)
	f.ask(Request{Verb: Reload})
	f.run(time.Second)
	f.die(&f.next, 2, true)
	f.run(900 * ms)
	f.forget()
	f.run(200 * ms)
	f.wantsDone("late 1 2000")
	f.run(time.Second)
	f.wantsDone("kill 1 KILL timeout 3000")
	f.wants(2, 2)
}

func TestNewWorkerOfASlotIsNotLate(t *testing.T) {
	f := bounded(t, time.Second, 2*time.Second)
	f.take(1)
	f.run(2100 * ms)
	f.wantsDone("slow 1 1000", "late 1 2000")
	f.die(&f.next, 1, false)
	f.run(100 * ms)
	f.wantsDone("fork 1 0")
	f.take(3)
	f.run(1990 * ms)
	f.wantsDone("slow 3 1000")
}

func TestLiarsAreToldOfNowAndThen(t *testing.T) {
	f := bounded(t, time.Second, 2*time.Second)
	f.take(1)
	for i := range 100 {
		f.there[1].since = f.now - time.Hour - time.Duration(i%7)*time.Second
		if i%2 > 0 {
			f.there[1].since = f.now
		}
		f.now += 100 * ms
		f.step()
	}
	if n := len(f.did); n > 100 || f.there[1] != nil && !f.done("late 1 2000") {
		t.Errorf("did %q", f.did)
	}
	slow := 0
	for _, text := range f.did {
		if text == "slow 1 1000" {
			slow++
		}
	}
	if slow > 11 {
		t.Errorf("did %q", f.did)
	}
}

func TestStepWithOneThatIsLateAllocatesNothing(t *testing.T) {
	f := bounded(t, time.Second, 2*time.Second)
	f.s.config.KillTime = 100 * time.Hour
	w := Worker{Pid: 1, Slot: 0, Generation: 1, State: Busy, Connections: 1, Age: time.Second}
	seen := Snapshot{Queues: map[int]int{1: 1}, Workers: []Worker{w, {Pid: 2, Slot: 1, Generation: 1, State: Busy, Connections: 1}}}
	now := f.now
	var reply []byte
	step := func() {
		now += time.Second
		seen.Workers[0].Age += time.Second
		actions, standing := f.s.Step(now, seen)
		reply = Append(reply[:0], actions, standing)
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLimitIsCountedWhenItIsReached(t *testing.T) {
	for _, config := range []Config{fixed(2), scaled(1, 2)} {
		f := newFake(t, config)
		f.run(time.Second)
		f.busy()
		f.queues[1] = 1
		f.run(time.Second)
		f.busy()
		f.run(time.Second)
		if f.after.LimitReached != 1 {
			t.Errorf("%+v: %+v", config, f.after)
		}
		f.run(time.Minute)
		if f.after.LimitReached != 1 {
			t.Errorf("still: %+v", f.after)
		}
		f.queues[1] = 0
		f.run(time.Second)
		f.queues[1] = 3
		f.run(time.Second)
		if f.after.LimitReached != 2 {
			t.Errorf("once more: %+v", f.after)
		}
	}
}

func TestLimitIsNotReachedWhileSomebodyIsThereOrComes(t *testing.T) {
	f := newFake(t, fixed(2))
	f.queues[1] = 5
	f.run(20 * ms) // They are starting.
	f.run(time.Second)
	f.take(1) // The other is idle.
	f.run(time.Second)
	f.queues[1] = 1
	f.take(2)
	f.ask(Request{Verb: Add, N: 1})
	f.step()
	f.run(time.Second)
	if f.after.LimitReached != 0 {
		t.Errorf("%+v", f.after)
	}
}
