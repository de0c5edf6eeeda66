package systemd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/supervise"
)

const ms = time.Millisecond

// pool is one whose steps a notifier observes.
type pool struct {
	t       *testing.T
	n       *Notifier
	now     time.Duration
	phase   supervise.Phase
	workers int
}

func newPool(t *testing.T, watchdog time.Duration) *pool {
	return &pool{t, New(watchdog), time.Minute + 123456*time.Nanosecond, supervise.Running, 2}
}

// step takes a step after a while, and wants it to be told of like this.
func (p *pool) step(after time.Duration, actions []supervise.Action, want ...string) {
	p.t.Helper()
	p.now += after
	got := p.n.Observe(p.now, actions, supervise.Standing{Phase: p.phase}, p.workers)
	if !slices.Equal(got, want) {
		p.t.Errorf("at %v: %q, not %q", p.now, got, want)
	}
}

func one(kind supervise.Kind) []supervise.Action {
	return []supervise.Action{{Kind: supervise.Fork}, {Kind: kind, N: 1, Generation: 2}}
}

func logged(text string) []supervise.Action {
	return []supervise.Action{{Kind: supervise.Log, Level: "info", Text: text, Args: []int{2, 1}}}
}

func TestReadyOnce(t *testing.T) {
	p := newPool(t, 0)
	p.step(0, nil)
	p.step(0, one(supervise.Ready), "READY=1")
	p.step(time.Hour, logged("grown"))
}

func TestReload(t *testing.T) {
	p := newPool(t, 0)
	p.step(0, one(supervise.Ready), "READY=1")
	p.step(time.Second, one(supervise.Renew), "RELOADING=1\nMONOTONIC_USEC=61000123")
	p.step(time.Second, nil)
	p.step(time.Second, logged("reloaded"), "READY=1")

	// One that was asked for meanwhile follows.
	p.step(0, one(supervise.Renew), "RELOADING=1\nMONOTONIC_USEC=63000123")
	p.step(time.Second, append(logged("reloaded"), one(supervise.Renew)...),
		"READY=1", "RELOADING=1\nMONOTONIC_USEC=64000123")
}

func TestReloadThatFails(t *testing.T) {
	for text, why := range map[string]string{
		"reload-failed": "did not come up", "reload-queue": "could not begin",
		"reload-room": "found no room beside workers that still serve", "reload-stop": "was given up",
	} {
		p := newPool(t, 0)
		p.step(0, one(supervise.Ready), "READY=1")
		p.step(0, one(supervise.Renew), "RELOADING=1\nMONOTONIC_USEC=60000123")
		p.step(0, logged(text), "STATUS=reload failed: generation 2 "+why+", generation 1 goes on", "READY=1")
		p.step(0, one(supervise.Renew), "RELOADING=1\nMONOTONIC_USEC=60000123")
		p.step(0, logged("reloaded"), "STATUS=", "READY=1")
	}
}

func TestReloadBeforeReady(t *testing.T) {
	p := newPool(t, 0)
	p.step(0, one(supervise.Renew))
	p.step(0, logged("reload-failed"), "STATUS=reload failed: generation 2 did not come up, generation 1 goes on")
	p.step(0, one(supervise.Renew))
	p.step(0, one(supervise.Ready), "READY=1")
	p.step(0, logged("reloaded"), "STATUS=")
}

func TestStopping(t *testing.T) {
	for _, phase := range []supervise.Phase{supervise.Draining, supervise.Stopping} {
		p := newPool(t, 0)
		p.step(0, one(supervise.Ready), "READY=1")
		p.step(0, one(supervise.Renew), "RELOADING=1\nMONOTONIC_USEC=60000123")
		p.phase = phase
		p.step(0, logged("reload-stop"), "STOPPING=1", "EXTEND_TIMEOUT_USEC=10000000")
		p.step(900*ms, logged("reloaded"))
		p.phase = supervise.Stopping
		p.step(100*ms, one(supervise.Ready), "EXTEND_TIMEOUT_USEC=10000000")
		p.workers = 0
		p.step(time.Second, nil)
		p.workers, p.phase = 2, supervise.Over
		p.step(time.Second, one(supervise.Stopped))
	}
}

func TestStoppedAtOnce(t *testing.T) {
	p := newPool(t, time.Second)
	p.phase = supervise.Over
	p.step(0, one(supervise.Stopped), "STOPPING=1")
}

func TestWatchdog(t *testing.T) {
	p := newPool(t, 3*time.Second)
	p.step(0, one(supervise.Ready), "READY=1", "WATCHDOG=1")
	p.step(900*ms, nil)
	p.step(100*ms, nil, "WATCHDOG=1")
	p.step(5*time.Second, nil, "WATCHDOG=1")
	p.step(999*ms, nil)
	p.phase, p.workers = supervise.Stopping, 0
	p.step(1*ms, nil, "STOPPING=1", "WATCHDOG=1")
}

// TestWithASupervisor has a real one make the steps.
func TestWithASupervisor(t *testing.T) {
	s := supervise.New(supervise.Config{Min: 1, Max: 1, Slots: 8, Watchdog: time.Hour})
	n := New(0)
	var told []string
	step := func(now time.Duration, seen supervise.Snapshot) {
		actions, standing := s.Step(now, seen)
		told = append(told, n.Observe(now, actions, standing, len(seen.Workers))...)
	}
	worker := supervise.Worker{Pid: 1, Generation: 1, State: supervise.Idle}
	next := supervise.Worker{Pid: 2, Slot: 1, Generation: 2, State: supervise.Idle}
	workers := []supervise.Worker{worker}
	both := append(workers, next)
	step(0, supervise.Snapshot{})
	step(ms, supervise.Snapshot{Workers: workers})
	step(2*ms, supervise.Snapshot{Workers: workers, Requests: []supervise.Request{{Verb: supervise.Reload}}})
	step(3*ms, supervise.Snapshot{Workers: workers, Outcomes: []supervise.Outcome{{Kind: supervise.Renew, OK: true}}})
	step(4*ms, supervise.Snapshot{Workers: both})
	step(5*ms, supervise.Snapshot{Workers: both, Outcomes: []supervise.Outcome{{Kind: supervise.Switch, OK: true}}})
	step(6*ms, supervise.Snapshot{Workers: both, Requests: []supervise.Request{{Verb: supervise.Reload}}})
	step(7*ms, supervise.Snapshot{Workers: both, Outcomes: []supervise.Outcome{{Kind: supervise.Renew}}})
	step(8*ms, supervise.Snapshot{Workers: both, Requests: []supervise.Request{
		{Verb: supervise.Drain, Pause: ms, Grace: time.Second}}})
	step(9*ms, supervise.Snapshot{Workers: both})
	step(time.Second+8*ms, supervise.Snapshot{Workers: both})
	step(2*time.Second, supervise.Snapshot{})
	want := []string{
		"READY=1",
		"RELOADING=1\nMONOTONIC_USEC=2000", "READY=1",
		"RELOADING=1\nMONOTONIC_USEC=6000",
		"STATUS=reload failed: generation 3 could not begin, generation 2 goes on", "READY=1",
		"STOPPING=1", "EXTEND_TIMEOUT_USEC=10000000",
		"EXTEND_TIMEOUT_USEC=10000000",
	}
	if !slices.Equal(told, want) {
		t.Errorf("%q\nnot\n%q", told, want)
	}
}

// listen is a socket for notifications, until the test ends.
func listen(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestSend(t *testing.T) {
	leaktest.Check(t)
	for _, path := range []string{t.TempDir() + "/notify", fmt.Sprintf("@socketserver/test/%d", time.Now().UnixNano())} {
		fd := listen(t, path)
		for _, text := range []string{"READY=1", "RELOADING=1\nMONOTONIC_USEC=5"} {
			if err := Send(path, text); err != nil {
				t.Fatal(err)
			}
			bytes := make([]byte, 100)
			if n, err := unix.Read(fd, bytes); err != nil || string(bytes[:n]) != text {
				t.Errorf("%q, %v", bytes[:max(n, 0)], err)
			}
		}
	}
}

func TestSendToNobody(t *testing.T) {
	leaktest.Check(t)
	gone := t.TempDir() + "/gone"
	t.Run("listening", func(t *testing.T) { listen(t, gone) })
	for path, want := range map[string]error{
		t.TempDir() + "/none": unix.ENOENT, gone: unix.ECONNREFUSED,
		"/" + strings.Repeat("x", 200): unix.EINVAL, "": errAddress, "notify": errAddress, "vsock:2:1": errAddress,
	} {
		if err := Send(path, "READY=1"); !errors.Is(err, want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestSendDoesNotWait(t *testing.T) {
	leaktest.Check(t)
	path := t.TempDir() + "/full"
	listen(t, path)
	for range 100000 {
		if err := Send(path, "WATCHDOG=1"); err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("it is never full")
}
