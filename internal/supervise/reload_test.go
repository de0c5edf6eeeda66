package supervise

import (
	"testing"
	"time"
)

func TestReload(t *testing.T) {
	f := newFake(t, fixed(4))
	f.run(time.Second)
	f.idle()
	f.ask(Request{Verb: Reload})
	f.step()
	if f.after.Phase != Reloading {
		t.Errorf("%+v", f.after)
	}
	f.step()
	f.wants(1, 4)
	f.wants(2, 4)
	if f.done("switch") {
		t.Fatal("switched before they were ready")
	}
	f.run(100 * ms)
	f.didAll("switch", "log info reloaded 2 1")
	if f.after.Phase != Running || f.after.Generation != 2 {
		t.Errorf("%+v", f.after)
	}
	f.endOf(1)
	f.run(time.Second)
	f.wants(1, 0)
	f.wants(2, 4)
}

func TestReloadThatFails(t *testing.T) {
	f := newFake(t, fixed(4))
	f.run(time.Second)
	f.idle()
	f.ask(Request{Verb: Reload})
	f.step()
	f.dies = true
	f.run(100 * ms)
	f.didAll("abandon", "log error reload-failed 2 1")
	if f.done("switch") || f.after.Generation != 1 || f.after.Phase != Running {
		t.Errorf("%+v %q", f.after, f.did)
	}
	f.dies = false
	f.run(3 * time.Second)
	f.wants(1, 4)
	f.wants(2, 0)

	f.forget()
	f.ask(Request{Verb: Reload})
	f.run(100 * ms)
	f.didAll("renew 3", "switch")
	if f.after.Generation != 3 {
		t.Errorf("%+v", f.after)
	}
}

func TestReloadWhoseWorkersHangIsGivenUp(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.idle()
	f.startup = time.Hour
	f.ask(Request{Verb: Reload})
	f.run(65 * time.Second)
	f.didAll("log error reload-failed 2 1")
	f.wants(1, 2)
	f.wants(2, 0)
}

func TestReloadWithoutAQueue(t *testing.T) {
	for _, broken := range []Kind{Renew, Switch} {
		f := newFake(t, fixed(2))
		f.run(time.Second)
		f.idle()
		f.broken = broken
		f.ask(Request{Verb: Reload})
		f.run(3 * time.Second)
		if f.after.Generation != 1 || f.after.Phase != Running {
			t.Errorf("%+v", f.after)
		}
		f.wants(1, 2)
		f.wants(2, 0)
		if !f.done("log error reload-queue 2 1") && !f.done("log error reload-failed 2 1") {
			t.Errorf("said nothing: %q", f.did)
		}
	}
}

func TestReloadWithoutRoom(t *testing.T) {
	config := fixed(2)
	config.Slots = 2
	f := newFake(t, config)
	f.run(time.Second)
	f.ask(Request{Verb: Reload})
	f.run(time.Second)
	f.didAll("abandon", "log error reload-room 2 1")
}

func TestReloadDuringReloadFollows(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.ask(Request{Verb: Reload})
	f.step()
	f.step()
	f.ask(Request{Verb: Reload})
	f.ask(Request{Verb: Reload})
	f.run(time.Second)
	if f.after.Generation != 3 {
		t.Errorf("%+v", f.after)
	}
}

func TestCurrentGenerationIsKeptUpDuringReload(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.idle()
	f.startup = 500 * ms
	f.ask(Request{Verb: Reload})
	f.run(50 * ms)
	f.die(&f.next, 1, false)
	f.step()
	f.wants(1, 2)
	f.wants(2, 2)
}

func TestOldQueueIsServedWhenItsWorkersDie(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	f.idle()
	f.ask(Request{Verb: Reload})
	f.run(100 * ms)
	f.queues[1] = 5 // The old queue has not ended: it holds connections.
	f.endOf(1)
	f.run(100 * ms)
	f.wants(1, 2)
	delete(f.queues, 1)
	f.endOf(1)
	f.run(3 * time.Second)
	f.wants(1, 0)
}

func TestOldQueueIsServedThoughNobodyIsLeft(t *testing.T) {
	f := newFake(t, fixed(2))
	f.dies = true
	f.queues[1] = 5
	f.run(time.Second)
	f.dies = false
	f.ask(Request{Verb: Reload})
	f.run(200 * ms)
	if f.after.Generation != 2 || f.count(1) == 0 {
		t.Errorf("nobody serves the old queue: %+v, did %q", f.after, f.did)
	}
}

func TestLongConnectionsOfOldGenerationsGoOn(t *testing.T) {
	f := newFake(t, fixed(2))
	for generation := 1; generation <= 3; generation++ {
		f.run(time.Second)
		f.busy()
		f.ask(Request{Verb: Reload})
	}
	f.run(time.Hour)
	for generation := 1; generation <= 4; generation++ {
		f.wants(generation, 2)
	}
}

func TestEndOfTheOldIsSeenWithTheSwitch(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	f.ask(Request{Verb: Reload})
	for !f.done("switch") {
		f.run(ms)
	}
	f.endOf(1)
	f.run(time.Second)
	if f.done("log warning delay 100") {
		t.Errorf("did %q", f.did)
	}
	f.wants(2, 2)
}

func TestOldGenerationDoesNotSlowTheNew(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	f.ask(Request{Verb: Reload})
	for !f.done("switch") {
		f.run(ms)
	}
	f.queues[1] = 5
	f.step()
	for _, pid := range f.pids() {
		if f.there[pid].Generation == 1 {
			f.die(&f.next, pid, false)
		}
	}
	f.step()
	f.crash(f.pids()[0])
	f.step()
	f.wants(2, 2)
	if f.done("log warning delay 100") {
		t.Errorf("did %q", f.did)
	}
}
