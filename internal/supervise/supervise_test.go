package supervise

import (
	"slices"
	"testing"
	"time"
)

func fixed(n int) Config {
	return Config{Min: n, Max: n, Idle: time.Second, Start: 60 * time.Second}
}

func scaled(least, most int) Config {
	return Config{Min: least, Max: most, Idle: time.Second, Start: 60 * time.Second}
}

func TestStartsAllWorkers(t *testing.T) {
	f := newFake(t, fixed(40))
	f.run(100 * ms)
	f.wants(1, 40)
	f.forget()
	f.run(10 * time.Second)
	if len(f.did) > 0 {
		t.Errorf("a pool at rest did %q", f.did)
	}
}

func TestRestsWhenNothingIsToBeExpected(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(time.Second)
	if f.after.Wake != rarely {
		t.Errorf("wakes after %v", f.after.Wake)
	}
}

func TestReplacesTheKilledAtOnce(t *testing.T) {
	f := newFake(t, fixed(4))
	f.run(100 * ms)
	for range 100 {
		f.idle()
		f.run(50 * ms)
		f.die(&f.next, f.pids()[0], false)
		f.step()
		f.wants(1, 4)
		f.run(50 * ms)
	}
}

func TestReplacesAfterCleanExit(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	f.idle()
	f.run(100 * ms)
	f.die(&f.next, f.pids()[0], true)
	f.step()
	f.wants(1, 2)
}

func TestDelaysDouble(t *testing.T) {
	f := newFake(t, fixed(1))
	f.startup, f.dies = ms, true
	f.run(5 * time.Minute)
	var pauses []time.Duration
	for i := 1; i < len(f.forks); i++ {
		pauses = append(pauses, (f.forks[i] - f.forks[i-1]).Truncate(100*ms))
	}
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms}
	if len(pauses) < len(want)+2 || !slices.Equal(pauses[:len(want)], want) {
		t.Fatalf("pauses %v", pauses)
	}
	for _, pause := range pauses[len(want)+1:] {
		if pause < 30*time.Second || pause > 31*time.Second {
			t.Errorf("pauses %v", pauses)
		}
	}
	f.didAll("log warning delay 100", "log warning delay 30000")
}

func TestManyFailingWorkersAreOneFailure(t *testing.T) {
	f := newFake(t, fixed(32))
	f.dies = true
	f.run(10 * time.Second)
	if n := len(f.forks); n < 33 || n > 45 {
		t.Errorf("%d forks", n)
	}
	if f.done("log warning delay 30000") {
		t.Errorf("the first round counted as many failures: %q", f.did)
	}
}

func TestDelayIsForgottenAfterSuccess(t *testing.T) {
	f := newFake(t, fixed(8))
	f.dies = true
	f.run(5 * time.Second)
	f.dies = false
	f.run(10 * time.Second)
	f.wants(1, 8)
	f.idle()
	f.run(10 * time.Second)
	f.forget()
	f.die(&f.next, f.pids()[3], false)
	f.step()
	f.wants(1, 8)
	if f.done("log warning delay 100") {
		t.Errorf("did %q", f.did)
	}
}

func TestRefusedForksAreDelayed(t *testing.T) {
	f := newFake(t, fixed(2))
	f.refuse = true
	f.run(time.Second)
	f.wants(1, 0)
	if n := len(f.did); n > 20 {
		t.Errorf("did %q", f.did)
	}
	f.refuse = false
	f.run(2 * time.Second)
	f.wants(1, 2)
}

func TestGrowsByDoubling(t *testing.T) {
	f := newFake(t, scaled(2, 32))
	f.run(100 * ms)
	f.queues[1] = 10
	var sizes []int
	for f.count(1) < 32 && f.now < 5*time.Second {
		f.busy()
		f.run(10 * ms)
		if n := f.count(1); len(sizes) == 0 || sizes[len(sizes)-1] != n {
			sizes = append(sizes, n)
		}
	}
	if !slices.Equal(sizes, []int{3, 5, 9, 17, 32}) {
		t.Errorf("grew through %v", sizes)
	}
	if f.now > time.Second {
		t.Errorf("it took %v", f.now)
	}
}

func TestGrowsFromNothing(t *testing.T) {
	f := newFake(t, scaled(0, 4))
	f.run(time.Second)
	f.wants(1, 0)
	f.queues[1] = 1
	f.run(200 * ms)
	if f.count(1) == 0 {
		t.Error("nobody came")
	}
}

func TestDoesNotGrowWhileSomebodyIsIdle(t *testing.T) {
	f := newFake(t, scaled(2, 32))
	f.run(100 * ms)
	f.queues[1] = 10
	f.run(time.Second)
	f.wants(1, 2)
}

func TestGrowsThoughSomebodyIsToRetire(t *testing.T) {
	f := newFake(t, scaled(2, 16))
	f.run(100 * ms)
	f.busy()
	f.ask(Request{Verb: Retire, N: 1})
	f.step()
	f.queues[1] = 1 + 10 // The message, and who waits behind it.
	f.run(time.Second)
	if f.after.Wanted < 2 {
		t.Errorf("%+v, did %q", f.after, f.did)
	}
}

func TestRetireOfNobody(t *testing.T) {
	f := newFake(t, scaled(0, 4))
	f.run(100 * ms)
	f.ask(Request{Verb: Retire, N: 1})
	f.run(100 * ms)
	if f.after.Wanted != 0 {
		t.Errorf("%+v", f.after)
	}
}

func TestShrinksByOneEachIdleTime(t *testing.T) {
	f := newFake(t, scaled(2, 6))
	f.ask(Request{Verb: Add, N: 4})
	f.run(100 * ms)
	f.wants(1, 6)
	f.forget()
	for i := range 4 {
		f.run(1100 * ms)
		if n := len(f.did); n != 2*(i+1) {
			t.Fatalf("after %d times: %q", i+1, f.did)
		}
		f.quit(f.pids()[0])
	}
	f.run(5 * time.Second)
	f.wants(1, 2)
}

// quit has a worker take a message to retire, and end.
func (f *fake) quit(pid int) {
	f.there[pid].State, f.there[pid].Dismissed = Retiring, true
	f.step()
	f.die(&f.next, pid, true)
}

func TestDoesNotShrinkWhenAllAreBusyNowAndThen(t *testing.T) {
	f := newFake(t, scaled(1, 4))
	f.ask(Request{Verb: Add, N: 3})
	f.run(100 * ms)
	for range 10 {
		f.busy()
		f.run(400 * ms)
		f.idle()
		f.run(400 * ms)
	}
	f.wants(1, 4)
	if f.done("retire 1") {
		t.Errorf("did %q", f.did)
	}
}

func TestAddAndRetire(t *testing.T) {
	f := newFake(t, fixed(4))
	f.run(100 * ms)
	f.ask(Request{Verb: Add, N: 3})
	f.run(100 * ms)
	f.wants(1, 7)
	f.ask(Request{Verb: Retire, N: 2})
	f.step()
	f.didAll("retire 2")
	f.forget()
	f.run(300 * ms)
	if f.done("retire 2") {
		t.Error("asked twice")
	}
	f.quit(f.pids()[0])
	f.quit(f.pids()[0])
	f.run(5 * time.Second)
	f.wants(1, 5)
	if f.after.Min != 5 || f.after.Max != 5 {
		t.Errorf("%+v", f.after)
	}
	f.ask(Request{Verb: Retire, N: 100})
	f.step()
	f.didAll("retire 4")
}

func TestMessageToRetireThatWasLost(t *testing.T) {
	f := newFake(t, fixed(3))
	f.run(100 * ms)
	f.idle()
	f.ask(Request{Verb: Retire, N: 1})
	f.step()
	f.die(&f.next, f.pids()[0], false) // It took the message and was killed.
	f.forget()
	f.run(1200 * ms)
	f.didAll("retire 1")
	f.quit(f.pids()[0])
	f.run(5 * time.Second)
	f.wants(1, 2)
}

func TestRecycledWorkerIsReplacedWhileItFinishes(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	f.idle()
	f.there[f.pids()[0]].State = Retiring
	f.run(100 * ms)
	f.wants(1, 3)
}

func TestTimeout(t *testing.T) {
	config := fixed(2)
	config.Timeout = 2 * time.Second
	f := newFake(t, config)
	f.run(time.Second)
	f.idle()
	p := f.there[f.pids()[0]]
	p.State, p.Connections, p.since = Busy, 1, f.now
	f.run(1990 * ms)
	if slices.Contains(f.did, "kill 1 KILL timeout 2000") {
		t.Fatalf("too early: %q", f.did)
	}
	f.run(20 * ms)
	f.didAll("kill 1 KILL timeout 2000")
	f.run(20 * ms)
	f.wants(1, 2)
}

func TestWorkerThatDoesNotBecomeReady(t *testing.T) {
	f := newFake(t, fixed(1))
	f.startup = time.Hour
	f.run(61 * time.Second)
	f.didAll("kill 1 KILL start 60000")
}

func TestConfigureMovesTheNumber(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	config := scaled(4, 8)
	config.Slots = 30
	f.next.Config = &config
	f.run(100 * ms)
	f.wants(1, 4)
}

// crash ends a worker in the middle of a connection.
func (f *fake) crash(pid int) {
	f.there[pid].State, f.there[pid].Connections = Busy, 1
	f.die(&f.next, pid, false)
}

func TestDeathWhileServingDelaysNothing(t *testing.T) {
	f := newFake(t, fixed(4))
	f.run(100 * ms)
	f.forget()
	for range 3 {
		f.crash(f.pids()[0])
		f.step()
		f.wants(1, 4)
		f.run(30 * ms)
	}
	if f.done("log warning delay 100") {
		t.Errorf("did %q", f.did)
	}
}

func TestForksHaveAPace(t *testing.T) {
	f := newFake(t, fixed(2))
	f.run(100 * ms)
	f.forget()
	for f.now < 2*time.Second {
		for _, pid := range f.pids() {
			f.crash(pid)
		}
		f.run(ms)
	}
	if n := len(f.forks); n < 70 || n > 2*paceRate+paceBurst {
		t.Errorf("%d forks", n)
	}
}

func TestWorkersThatAreDoneDontCountForThePace(t *testing.T) {
	f := newFake(t, fixed(2))
	f.startup = ms
	f.run(100 * ms)
	f.forget()
	for f.now < time.Second {
		f.idle()
		pid := f.pids()[0]
		f.there[pid].State = Retiring
		f.die(&f.next, pid, true)
		f.run(2 * ms)
	}
	if n := len(f.forks); n < 400 {
		t.Errorf("%d forks", n)
	}
}

func TestHandlersThatCloseAndExitCountForThePace(t *testing.T) {
	f := newFake(t, fixed(2))
	f.startup = ms
	f.run(100 * ms)
	f.forget()
	for f.now < 2*time.Second {
		for _, pid := range f.pids() {
			f.there[pid].State, f.there[pid].Served = Idle, 1
			f.die(&f.next, pid, true)
		}
		f.run(2 * ms)
	}
	if n := len(f.forks); n < 70 || n > 2*paceRate+paceBurst {
		t.Errorf("%d forks", n)
	}
}

func TestSparedIsKilledTheNextTime(t *testing.T) {
	config := fixed(1)
	config.Timeout = time.Second
	f := newFake(t, config)
	f.run(100 * ms)
	f.forget()
	f.there[1].State, f.there[1].Connections, f.there[1].since = Busy, 1, f.now
	kills := func(pause time.Duration) (n int) {
		for end := f.now + pause; f.now < end; f.now += 10 * ms {
			seen := Snapshot{Queues: f.queues, Spared: f.next.Spared}
			f.next.Spared = nil
			p := f.there[1]
			p.Age = f.now - p.since
			seen.Workers = []Worker{p.Worker}
			actions, _ := f.s.Step(f.now, seen)
			for _, a := range actions {
				if a.Kind == Kill && a.Limit == time.Second {
					n++
					p.since = f.now // It took the next one meanwhile.
					f.next.Spared = []int{1}
				}
			}
		}
		return n
	}
	if n := kills(3500 * ms); n != 3 {
		t.Errorf("%d kills", n)
	}
}

func TestFirstWorkers(t *testing.T) {
	config := fixed(3)
	config.First = time.Second
	f := newFake(t, config)
	f.run(500 * ms)
	f.didAll("ready 3")
	f.forget()
	f.run(3 * time.Second)
	if len(f.did) > 0 {
		t.Errorf("did %q", f.did)
	}

	f = newFake(t, config)
	f.dies = true
	f.run(900 * ms)
	if f.done("fail") {
		t.Errorf("too early")
	}
	f.run(200 * ms)
	f.didAll("fail")
	f.forget()
	f.run(3 * time.Second)
	if f.done("fail") {
		t.Errorf("failed twice")
	}

	config.First = 0
	f = newFake(t, config)
	f.dies = true
	f.run(time.Minute)
	if f.done("fail") {
		t.Errorf("failed")
	}
	f.dies = false
	f.run(time.Minute)
	f.didAll("ready 3")
}

func TestWhoMayBeSparedIsNotReplacedYet(t *testing.T) {
	config := fixed(1)
	config.Timeout = time.Second
	f := newFake(t, config)
	f.run(100 * ms)
	f.forget()
	late := Worker{Pid: 1, Slot: 0, Generation: 1, State: Busy, Age: time.Second, Connections: 1}
	actions, _ := f.s.Step(f.now+time.Second, Snapshot{Queues: f.queues, Workers: []Worker{late}})
	if len(actions) != 2 || actions[0].Kind != Late || actions[1].Kind != Kill {
		t.Errorf("did %v", actions)
	}
	late.Age, late.Connections, late.State = 0, 0, Idle
	actions, _ = f.s.Step(f.now+time.Second+ms, Snapshot{Queues: f.queues, Workers: []Worker{late}, Spared: []int{1}})
	if len(actions) != 0 {
		t.Errorf("did %v", actions)
	}
}

func TestWhoDoesNotEndIsKilled(t *testing.T) {
	f := newFake(t, fixed(1))
	f.run(100 * ms)
	f.there[1].State, f.there[1].since = Retiring, f.now
	f.run(59 * time.Second)
	if f.done("kill 1 KILL end 60000") {
		t.Error("too early")
	}
	f.run(2 * time.Second)
	f.didAll("kill 1 KILL end 60000")
	f.wants(1, 1)
}
