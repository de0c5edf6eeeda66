package exporter

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/control/controltest"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// watch runs a source until the test ends.
func watch(t testing.TB, o *Options) *Source {
	t.Helper()
	s := newSource(o)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	s.connect(ctx)
	all.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return s
}

// fresh looks anew.
func (s *Source) fresh(t testing.TB) *Snapshot {
	t.Helper()
	s.turn <- struct{}{}
	s.latest = nil
	s.leave()
	snapshot, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestLook(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 4)
	times := board.Times{}
	times.Waits.Counts[3], times.Waits.Sum = 2, 1e9
	times.Handled.Counts[15], times.Handled.Sum = 5, 2e9
	f.put(t, 2, busy(os.Getpid()), times)
	f.put(t, 1, boardEntry{state: isIdle, pid: 1 << 30, generation: 1, served: 9}, times)
	f.put(t, 0, boardEntry{state: isIdle, pid: 5, generation: 2}, board.Times{})
	f.change(func() {
		f.slots[2][1] = 6                                                                      // It hasn't got to the board yet.
		f.slots = append(f.slots, [4]int{2, 1, 1, 1}, [4]int{4, 1, 1, 0}, [4]int{-1, 1, 1, 0}) // Those can't be.
	})
	source := watch(t, &Options{Path: f.Path, Version: "2.1.0"})
	s := source.fresh(t)
	if !s.Up || s.Problem != "" || s.State.Accepted != 100 || s.State.Exits["timeout"] != 33 || len(s.Workers) != 3 {
		t.Fatalf("%+v", s)
	}
	if w := &s.Workers[0]; w.Slot != 0 || w.Pid != 6 || w.State != "starting" || w.Served != 0 || w.Peer != "" {
		t.Errorf("%+v", w)
	}
	if w := &s.Workers[1]; w.Slot != 1 || w.State != "idle" || w.Generation != 1 || !w.Attached || w.Served != 9 || w.CPU >= 0 || w.RSS >= 0 {
		t.Errorf("%+v", w)
	}
	w := &s.Workers[2]
	if w.Slot != 2 || w.State != "busy" || w.Attached || w.Connections != 1 || w.Served != 3 || w.Peer != "127.0.0.1:4242" ||
		w.Listener != "unix:/run/a.sock" || w.Handler != "Handle" || w.Note != "GET /x" || w.CPU < 0 || w.RSS < 1<<20 || w.PSS < 1<<19 {
		t.Errorf("%+v", w)
	}
	if age := s.At.Sub(w.Since); age < 5*time.Second || age > time.Minute {
		t.Error(age)
	}
	if s.Waits.Counts[3] != 4 || s.Waits.Sum != 2e9 || s.Handled.Counts[15] != 10 || s.Handled.Sum != 4e9 {
		t.Errorf("%+v %+v", s.Waits, s.Handled)
	}
}

// TestOneLook: who looks at the same time gets the same.
func TestOneLook(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := watch(t, &Options{Path: f.Path})
	first := source.fresh(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if s, err := source.Look(context.Background()); err != nil || s != first && s.At.Sub(first.At) < freshTime {
				t.Error(s, err)
			}
		})
	}
	all.Wait()
	source.turn <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := source.Look(ctx); err == nil {
		t.Error("it looked without its turn")
	}
	source.leave()
}

func TestOtherBoard(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := watch(t, &Options{Path: f.Path})
	source.fresh(t)
	other := newBoard(t, 3)
	f.change(func() {
		descriptor.Close(f.board)
		f.board = other
	})
	f.put(t, 2, busy(7), board.Times{})
	if s := source.fresh(t); !s.Up || len(s.Workers) != 1 || s.Workers[0].Note != "GET /x" {
		t.Errorf("%+v", s)
	}
}

// TestTakeover: a server that has been taken over still serves whom it has, perhaps for
// long; who looks wants the one that clients reach.
func TestTakeover(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := watch(t, &Options{Path: f.Path})
	f.change(func() { f.health = "stopping" })
	for range 3 {
		if s := source.fresh(t); !s.Up || s.State.Health != "stopping" {
			t.Fatalf("%+v", s)
		}
	}
	next := newFake(t, 1)
	next.pid = 1
	next.Server = controltest.StartAt(t, f.Path, controltest.Answering(next.observe))
	await(t, "the successor", func() bool {
		s := source.fresh(t)
		if !s.Up {
			t.Errorf("meanwhile: %s", s.Problem)
		}
		return s.State.Health == "ready"
	})
}

// TestGone: the server ends, and another is there.
func TestGone(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := watch(t, &Options{Path: f.Path})
	if s := source.fresh(t); !s.Up {
		t.Fatalf("%+v", s)
	}
	f.Stop()
	await(t, "the end", func() bool { return !source.fresh(t).Up })
	f.again(t)
	await(t, "the successor", func() bool { return source.fresh(t).Up })
}

// TestHostile: each answer is told as a problem, and the next good one is taken.
func TestHostile(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := watch(t, &Options{Path: f.Path, Version: "2.1.0"})
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	odd, open := newMemory(t, 960, unix.F_SEAL_SHRINK), newMemory(t, 1472, unix.F_SEAL_GROW)
	defer descriptor.Close(append(pipe, odd, open)...)
	text := func(text string) func(*control.Message) {
		return func(m *control.Message) { m.Text = []byte(text) }
	}
	fds := func(fds ...int) func(*control.Message) {
		return func(m *control.Message) { m.Fds = fds }
	}
	for name, try := range map[string]struct {
		answer func(*control.Message)
		want   string
	}{
		"no JSON":         {text("{"), "isn't understood"},
		"no status":       {text("{}"), "isn't understood"},
		"no numbers":      {text(`{"status":{"pid":"x"},"slots":[]}`), "isn't understood"},
		"no slots":        {text(`{"status":{"version":"2.1.0"},"slots":[["a"]]}`), "isn't understood"},
		"other version":   {text(`{"status":{"version":"2.0.9"},"slots":[]}`), `it is version "2.0.9", and this exporter is version 2.1.0`},
		"deep":            {text(strings.Repeat("[", 1<<20)), "isn't understood"},
		"too large":       {text(strings.Repeat(" ", mostAnswer+1)), "isn't understood"},
		"nothing":         {fds(), "no scoreboard"},
		"one":             {fds(odd), "no scoreboard"},
		"pipes":           {fds(pipe...), "another version"},
		"another size":    {fds(odd, odd), "another version"},
		"no seals":        {fds(open, open), "not sealed"},
		"too many":        {fds(make([]int, 50)...), "isn't understood"},
		"a refusal":       {func(m *control.Message) { *m = control.Message{Name: "USAGE", Text: []byte("no such request")} }, "no such request"},
		"wrong counters":  {func(m *control.Message) { m.Fds[1] = m.Fds[0] }, "another version"},
		"a refusal of it": {func(m *control.Message) { *m = control.Message{Errno: unix.EPERM} }, "watched"},
	} {
		f.change(func() { f.answer = try.answer })
		if s := source.fresh(t); s.Up || !strings.Contains(s.Problem, try.want) || len(s.Workers) > 0 {
			t.Errorf("%s: %v, %q", name, s.Up, s.Problem)
		}
		f.change(func() { f.answer = nil })
		await(t, "a good answer after "+name, func() bool { return source.fresh(t).Up })
	}
}

// TestNoise: the board may say anything, and still all of it can be told.
func TestNoise(t *testing.T) {
	leaktest.Check(t)
	const slots = 20
	f := newFakeServer(t, slots)
	source := watch(t, &Options{Path: f.Path})
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, slots*int(unsafe.Sizeof(boardSlot{})))
	f.change(func() {
		for i := range slots {
			f.slots = append(f.slots, [4]int{i, i - 3, -i, i})
		}
	})
	for range 200 {
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		for i := range slots { // So that what follows is read.
			*(*int32)(unsafe.Pointer(&noise[i*int(unsafe.Sizeof(boardSlot{}))+8+4])) = int32(i - 3)
		}
		if _, err := unix.Pwrite(f.board, noise, 0); err != nil {
			t.Fatal(err)
		}
		s := source.fresh(t)
		text, err := s.encode()
		if !s.Up || err != nil || !json.Valid(text) {
			t.Fatal(s.Problem, err)
		}
		if _, err := gather(s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSilent: a server that is stopped answers nobody, and isn't given up.
func TestSilent(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, 1)
	wake := make(chan struct{})
	f.Server = controltest.Start(t, controltest.Answering(func(m control.Message) control.Message {
		<-wake
		return f.observe(m)
	}))
	source := watch(t, &Options{Path: f.Path})
	if s := source.fresh(t); s.Up || !strings.Contains(s.Problem, "doesn't answer") {
		t.Errorf("%+v", s)
	}
	close(wake)
	if s := source.fresh(t); !s.Up {
		t.Errorf("%+v", s)
	}
}

// TestKeptEnds: what the server keeps ends with it, even where another server is
// there at once and somebody saw the end before Run did.
func TestKeptEnds(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	source := newSource(&Options{Path: f.Path, Kept: true})
	if source.connect(context.Background()) == nil {
		t.Fatal(source.problem)
	}
	source.turn <- struct{}{}
	done := make(chan struct{})
	go func() {
		source.Run(context.Background())
		close(done)
	}()
	f.Stop()
	f.again(t)
	if s := source.look(); s.Up {
		t.Error("it answers after its end")
	}
	source.leave()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it has turned to the other server")
	}
}
