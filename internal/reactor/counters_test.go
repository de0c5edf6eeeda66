package reactor

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/counters"
	"socketserver/internal/descriptor"
)

// counting is a service and the counters that came with it, mapped.
func (a *asker) counting(listeners, more string) (*served, *counters.Counters) {
	a.t.Helper()
	a.last++
	m := a.done("serve", listeners+more, a.last)
	return a.countedBy(m)
}

func (a *asker) countedBy(m control.Message) (*served, *counters.Counters) {
	a.t.Helper()
	c, err := counters.Map(m.Fds[2])
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(c.Close)
	return a.servedBy(m), c
}

// offers has a liar give counters to who takes over.
func (a *asker) offers(listener int, path string, fd int) (s *served, l *asker, c *counters.Counters) {
	a.t.Helper()
	a.last++
	a.sendWith(nil, "serve", asks("127.0.0.1:", 0, 64, "127.0.0.1")+fmt.Sprintf("use=takeover\tpath=%s\n", path), a.last)
	l = accepts(a.t, listener)
	l.says(control.Message{
		ID: l.wait().ID, Numbers: control.Numbers{takeoverLevel, travelLevel},
		Text: []byte("counters\t\t1\n"), Fds: []int{fd},
	})
	s, c = a.countedBy(a.answer())
	a.t.Cleanup(func() { a.ask("done", "", s.handle) })
	return s, l, c
}

// isReady has a service take over from a liar.
func (a *asker) isReady(s *served, l *asker) {
	a.t.Helper()
	a.sendWith(nil, "ready", "", s.handle)
	l.says(control.Message{ID: l.wait().ID, Numbers: control.Numbers{1}})
	if m := a.answer(); m.Name != "" {
		a.t.Fatalf("%+v", m)
	}
}

// counted is a file with counters that are named by a letter.
func counted(t *testing.T, names string, value int64) *counters.Counters {
	t.Helper()
	c, err := counters.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	recount(t, c, names, value)
	return c
}

func recount(t *testing.T, c *counters.Counters, names string, value int64) {
	t.Helper()
	for i, letter := range []byte(names) {
		entry := make([]byte, 80)
		for j := range 64 {
			entry[j] = 0xff
		}
		entry[0] = letter
		binary.NativeEndian.PutUint64(entry[64:], 0x101)
		binary.NativeEndian.PutUint64(entry[72:], uint64(value))
		if _, err := unix.Pwrite(c.Fd(), entry, int64(80*i)); err != nil {
			t.Fatal(err)
		}
	}
}

func wants(t *testing.T, c *counters.Counters, want ...counters.Counter) {
	t.Helper()
	if all := c.All(); !reflect.DeepEqual(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
}

func TestCountersAreTheProcesss(t *testing.T) {
	a := begin(t)
	one, first := a.counting(asks("127.0.0.1:", 0, 64, "127.0.0.1"), "")
	two, second := a.counting(asks("127.0.0.1:", 0, 64, "127.0.0.1"), "")
	if !first.Same(second) {
		t.Error("two services count apart")
	}
	a.done("close", "", one.handle)
	a.done("close", "", two.handle)
	three, third := a.counting(asks("127.0.0.1:", 0, 64, "127.0.0.1"), "")
	if !first.Same(third) {
		t.Error("they end with what was served")
	}
	a.done("close", "", three.handle)
}

func TestCountersAreTakenOver(t *testing.T) {
	one, two := begin(t), begin(t)
	path := filepath.Join(t.TempDir(), "c")
	use := fmt.Sprintf("use=control\tpath=%s\n", path)
	before, first := one.counting(asks("127.0.0.1:", 0, 64, "127.0.0.1"), use)
	shown := someBoard(t)
	defer descriptor.Close(shown)
	one.doneWith(shown, "pool", "", before.handle, 0)
	after, second := two.counting(asks("127.0.0.1:", before.ports[0], 64, "127.0.0.1"),
		use+fmt.Sprintf("use=takeover\tpath=%s\ttime=5000\n", path))
	if !first.Same(second) {
		t.Error("the successor counts apart")
	}
	two.done("close", "", after.handle)
	one.done("close", "", before.handle)
	one.done("done", "", before.handle)
}

// TestCountersAreAdded of a predecessor with two pools, to those of a server that had
// its own: once when it takes over, and what came later at the end.
func TestCountersAreAdded(t *testing.T) {
	a := begin(t)
	own, c := a.counting(asks("127.0.0.1:", 0, 64, "127.0.0.1"), "")
	theirs := counted(t, "ab", 7)
	var all []*served
	var liars []*asker
	for range 2 {
		path := filepath.Join(t.TempDir(), "c")
		s, l, mapped := a.offers(lies(t, path), path, theirs.Fd())
		if !mapped.Same(c) {
			t.Error("one process counts apart")
		}
		all, liars = append(all, s), append(liars, l)
	}
	wants(t, c)
	for i := range all {
		a.isReady(all[i], liars[i])
	}
	wants(t, c, counters.Counter{Name: "a", Value: 7}, counters.Counter{Name: "b", Value: 7})
	recount(t, theirs, "abc", 8)
	for _, l := range liars {
		l.dies()
	}
	for _, s := range append(all, own) {
		a.done("close", "", s.handle)
	}
	wants(t, c, counters.Counter{Name: "a", Value: 8}, counters.Counter{Name: "b", Value: 8},
		counters.Counter{Name: "c", Value: 8})
}

// TestCountersOfAnotherSize: who takes over says so and goes on with none.
func TestCountersOfAnotherSize(t *testing.T) {
	sizes := map[string]int{"long": 20480 + 80, "not sealed": 20480}
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			a := begin(t)
			fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err != nil {
				t.Fatal(err)
			}
			defer descriptor.Close(fd)
			_ = unix.Ftruncate(fd, int64(size))
			if size > 20480 {
				_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
			}
			path := filepath.Join(t.TempDir(), "c")
			s, l, c := a.offers(lies(t, path), path, fd)
			shown := someBoard(t)
			defer descriptor.Close(shown)
			a.doneWith(shown, "pool", "", s.handle, 0)
			if m := a.hear(); !strings.HasPrefix(string(m.Text), `log warning the\ counters\ of`) {
				t.Errorf("%q", m.Text)
			}
			wants(t, c)
			a.isReady(s, l)
			a.done("close", "", s.handle)
		})
	}
}
