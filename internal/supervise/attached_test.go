package supervise

import (
	"testing"
	"time"
)

// attach has a worker come by itself, and returns its pid.
func (f *fake) attach(generation int) int {
	f.pid++
	f.there[f.pid] = &process{forked: f.now, since: f.now, Worker: Worker{
		Pid: f.pid, Slot: f.s.config.Slots + len(f.there), Generation: generation, State: Idle,
	}}
	return f.pid
}

// withAttached is a pool that some have attached to and that rests.
func withAttached(t *testing.T, config Config, n int) *fake {
	f := newFake(t, config)
	f.run(time.Second)
	for range n {
		f.attach(1)
	}
	f.run(time.Second)
	f.forget()
	return f
}

func TestAttachedAreNotCounted(t *testing.T) {
	f := withAttached(t, fixed(4), 2)
	f.die(&f.next, f.pids()[0], false)
	f.run(time.Second)
	f.wants(1, 6)
	f.ask(Request{Verb: Add, N: 1})
	f.run(time.Second)
	f.wants(1, 7)
}

func TestAttachedDontCountAsTheFirst(t *testing.T) {
	f := newFake(t, fixed(2))
	f.startup = time.Minute
	f.attach(1)
	f.attach(1)
	f.run(time.Second)
	if f.done("ready 2") {
		t.Errorf("did %q", f.did)
	}
}

func TestAttachedDontKeepThePoolSmall(t *testing.T) {
	f := withAttached(t, scaled(1, 4), 3)
	f.there[1].State, f.there[1].Connections = Busy, 1
	f.queues[1] = 5
	f.run(300 * ms)
	f.didAll("log info grown 1 2")
}

func TestEndsOfAttachedSayNothing(t *testing.T) {
	f := withAttached(t, fixed(2), 3)
	for _, pid := range f.pids()[2:] {
		f.die(&f.next, pid, false)
	}
	f.run(time.Second)
	f.wants(1, 2)
	if len(f.did) > 0 {
		t.Errorf("did %q", f.did)
	}
}

func TestAttachedStayWhereAReloadFails(t *testing.T) {
	f := withAttached(t, fixed(2), 0)
	f.startup = time.Hour
	f.ask(Request{Verb: Reload})
	f.run(200 * ms)
	pid := f.attach(2)
	f.run(100 * ms)
	f.die(&f.next, pid, false)
	f.run(100 * ms)
	if f.done("abandon") {
		t.Fatalf("did %q", f.did)
	}
	f.attach(2)
	f.run(61 * time.Second)
	f.didAll("abandon")
	f.wants(2, 1)
}

func TestAttachedAreKilledForTheirConnections(t *testing.T) {
	config := fixed(1)
	config.Timeout = 2 * time.Second
	f := withAttached(t, config, 1)
	f.there[2].State, f.there[2].Connections, f.there[2].since = Busy, 1, f.now
	f.run(2500 * ms)
	f.didAll("kill 2 KILL timeout 2000")
	f.wants(1, 1)
}

func TestAttachedMayTakeTheirTimeToStartAndEnd(t *testing.T) {
	for _, state := range []State{Starting, Retiring} {
		f := withAttached(t, fixed(1), 1)
		f.startup = time.Hour
		f.there[2].State, f.there[2].since = state, f.now
		f.run(5 * time.Minute)
		if len(f.did) > 0 {
			t.Errorf("did %q", f.did)
		}
	}
}

func TestAttachedMayTakeAMessageToRetire(t *testing.T) {
	f := withAttached(t, fixed(2), 1)
	f.ask(Request{Verb: Retire, N: 1})
	f.step()
	f.didAll("retire 1")
	f.forget()
	f.there[3].State, f.there[3].Dismissed = Retiring, true
	f.step()
	f.didAll("retire 1") // It was for one of the others.
	f.forget()
	f.there[1].State, f.there[1].Dismissed = Retiring, true
	f.run(time.Second)
	if len(f.did) > 0 {
		t.Errorf("did %q", f.did)
	}
}

func TestStopAwaitsTheAttached(t *testing.T) {
	f := withAttached(t, fixed(1), 1)
	f.ask(Request{Verb: Stop, Grace: 2 * time.Second})
	f.run(100 * ms)
	delete(f.queues, 1)
	f.die(&f.next, 1, true)
	f.run(1800 * ms)
	if f.done("stopped") {
		t.Fatalf("did %q", f.did)
	}
	f.run(1200 * ms)
	f.didAll("kill 2 TERM grace")
	f.run(time.Second)
	f.didAll("kill 2 KILL grace", "stopped")
}

func TestOldGenerationOfAttachedIsOver(t *testing.T) {
	f := withAttached(t, fixed(2), 1)
	f.there[3].State, f.there[3].Connections = Busy, 1
	f.ask(Request{Verb: Reload})
	f.run(time.Second)
	f.die(&f.next, 1, true)
	f.die(&f.next, 2, true)
	f.run(time.Second)
	if len(f.s.draining) > 0 {
		t.Error("it is still looked after")
	}
	f.wants(2, 2)
}

func TestStepsFeedTheWatchdog(t *testing.T) {
	config := fixed(1)
	config.Watchdog = time.Second
	f := newFake(t, config)
	f.run(2 * time.Second)
	if f.after.Wake > config.Watchdog/3 {
		t.Errorf("%+v", f.after)
	}
}
