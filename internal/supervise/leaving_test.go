package supervise

import (
	"testing"
	"time"
)

func drain(pause, grace time.Duration) Request {
	return Request{Verb: Drain, Pause: pause, Grace: grace}
}

// draining is a pool of idle workers that has just been asked to drain.
func draining(t *testing.T, config Config, pause, grace time.Duration) *fake {
	t.Helper()
	f := newFake(t, config)
	f.run(time.Second)
	f.idle()
	f.run(100 * ms)
	f.forget()
	f.ask(drain(pause, grace))
	f.step()
	if f.after.Phase != Draining {
		t.Errorf("%+v", f.after)
	}
	return f
}

func TestDrainThenStop(t *testing.T) {
	f := draining(t, fixed(3), 5*time.Second, 10*time.Second)
	f.run(4900 * ms)
	if len(f.did) != 1 || f.after.Phase != Draining {
		t.Errorf("%+v, did %q", f.after, f.did)
	}
	f.run(200 * ms)
	f.didAll("log info drain 5000", "log info stop 10000", "close")
	if f.after.Phase != Stopping {
		t.Errorf("%+v", f.after)
	}
	delete(f.queues, 1)
	f.endOf(1)
	f.run(50 * ms)
	f.didAll("stopped")
}

func TestDrainOfNoTimeIsAStop(t *testing.T) {
	f := newFake(t, fixed(1))
	f.run(time.Second)
	f.ask(drain(0, time.Second))
	f.step()
	f.didAll("log info stop 1000", "close")
}

func TestDrainWakesInTime(t *testing.T) {
	f := draining(t, fixed(1), 300*ms, time.Second)
	if f.after.Wake != 300*ms {
		t.Errorf("%+v", f.after)
	}
}

func TestWhoDrainsStillServes(t *testing.T) {
	f := draining(t, scaled(1, 8), time.Hour, time.Second)
	f.busy()
	f.queues[1] = 5
	f.run(300 * ms)
	f.didAll("log info grown 1 2")
	f.queues[1] = 0
	f.die(&f.next, f.pids()[0], false)
	f.step()
	if f.count(1) < 2 {
		t.Errorf("not replaced: did %q", f.did)
	}
	f.ask(Request{Verb: Reload})
	f.run(time.Second)
	f.didAll("switch")
	if f.after.Phase != Draining || f.after.Generation != 2 {
		t.Errorf("%+v", f.after)
	}
}

func TestStopSkipsTheDrain(t *testing.T) {
	f := draining(t, fixed(1), time.Hour, time.Hour)
	f.ask(Request{Verb: Stop, Grace: 2 * time.Second})
	f.step()
	f.didAll("log info stop 2000", "close")
	f.ask(drain(time.Hour, time.Hour))
	f.step()
	if f.after.Phase != Stopping {
		t.Errorf("%+v", f.after)
	}
	f.run(2100 * ms)
	f.didAll("kill 1 TERM grace")
}

func TestWhoStopsDrainsNoMore(t *testing.T) {
	f := newFake(t, fixed(1))
	f.run(time.Second)
	f.ask(Request{Verb: Stop, Grace: time.Second})
	f.ask(drain(time.Hour, time.Hour))
	f.step()
	if f.after.Phase != Stopping || f.done("log info drain 3600000") {
		t.Errorf("%+v, did %q", f.after, f.did)
	}
}

func TestDrainIsOnlyShortened(t *testing.T) {
	f := draining(t, fixed(1), 5*time.Second, 2*time.Second)
	f.ask(drain(time.Hour, time.Hour))
	f.run(4900 * ms)
	if f.done("close") {
		t.Fatalf("did %q", f.did)
	}
	f.run(200 * ms)
	f.didAll("close", "log info stop 2000")

	f = draining(t, fixed(1), time.Hour, 2*time.Second)
	f.ask(drain(time.Second, time.Second))
	f.run(1100 * ms)
	f.didAll("close", "log info stop 1000")
}

func TestDrainDuringReload(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.startup = time.Hour
	f.ask(Request{Verb: Reload})
	f.run(200 * ms)
	f.ask(drain(time.Second, 10*time.Second))
	f.run(900 * ms)
	if f.done("abandon") {
		t.Fatalf("did %q", f.did)
	}
	f.run(200 * ms)
	f.didAll("abandon", "close", "log info reload-stop 2 1")
}
