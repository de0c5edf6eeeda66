package counters

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/leaktest"
)

func fresh(t *testing.T) *Counters {
	t.Helper()
	leaktest.Check(t)
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (c *Counters) count(t *testing.T, text string, n int64) {
	t.Helper()
	e := c.claim(nameOf(text))
	if e == nil {
		t.Fatalf("no room for %q", text)
	}
	atomic.AddInt64(&e.value, n)
}

func TestAll(t *testing.T) {
	c := fresh(t)
	if all := c.All(); len(all) != 0 {
		t.Errorf("new ones: %v", all)
	}
	long := strings.Repeat("x", longest)
	for _, text := range []string{"b", long, "a", "b", "Grüße", "😀", "eight888"} {
		c.count(t, text, 1)
	}
	want := []Counter{{"Grüße", 1}, {"a", 1}, {"b", 2}, {"eight888", 1}, {long, 1}, {"😀", 1}}
	if all := c.All(); !reflect.DeepEqual(all, want) {
		t.Errorf("got %v", all)
	}
	seen, err := Map(c.Fd())
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	if all := seen.All(); !reflect.DeepEqual(all, want) || !seen.Same(c) || seen.Fd() != -1 {
		t.Errorf("got %v, descriptor %d", all, seen.Fd())
	}
}

func TestFull(t *testing.T) {
	c, other := fresh(t), fresh(t)
	for i := range most {
		c.count(t, fmt.Sprint("name ", i), 1)
	}
	if c.claim(nameOf("one more")) != nil || len(c.All()) != most {
		t.Errorf("there are %d", len(c.All()))
	}
	other.count(t, "one more", 1)
	other.count(t, "name 7", 1)
	if lost := c.Add(other); lost != 1 || c.claim(nameOf("name 7")).value != 2 {
		t.Errorf("%d lost, %v", lost, c.All())
	}
}

// What is added again is what was counted since.
func TestAdd(t *testing.T) {
	c, other := fresh(t), fresh(t)
	c.count(t, "both", 1)
	other.count(t, "both", 10)
	other.count(t, "its", -5)
	for range 2 {
		if lost := c.Add(other); lost != 0 {
			t.Errorf("%d lost", lost)
		}
	}
	other.count(t, "both", 100)
	c.Add(other)
	if all := c.All(); !reflect.DeepEqual(all, []Counter{{"both", 111}, {"its", -5}}) {
		t.Errorf("got %v", all)
	}
}

// Names with the same beginning are put down at once by many who end anywhere in
// it: each is in one place, and nobody waits for those that have ended.
func TestKilled(t *testing.T) {
	names := make([]string, 40)
	for i := range names {
		names[i] = strings.Repeat("same-one", 1+i%7) + fmt.Sprint("-", i%20) // Each twice.
	}
	for round := range 200 {
		c := fresh(t)
		var all sync.WaitGroup
		for worker := range 8 {
			random := rand.New(rand.NewPCG(uint64(round), uint64(worker)))
			all.Go(func() {
				for range 60 {
					n := nameOf(names[random.IntN(len(names))])
					at, killed := random.IntN(20), random.IntN(len(n)+1)
					for i := range c.entries[:at] {
						if c.entries[i].claim(n, len(n)) {
							at = -1 // It is done.
							break
						}
					}
					if at >= 0 {
						c.entries[at].claim(n, killed)
					}
				}
			})
		}
		all.Wait()
		checkOnce(t, c, names)
		c.Close()
		if t.Failed() {
			return
		}
	}
}

// checkOnce counts by all names, and looks whether each is there once.
func checkOnce(t *testing.T, c *Counters, names []string) {
	t.Helper()
	want := map[string]int64{}
	for _, text := range names {
		c.count(t, text, 1)
		want[text]++
	}
	seen := map[string]int64{}
	for i := range c.entries {
		if text, ok := c.entries[i].name.text(); ok {
			if _, twice := seen[text]; twice {
				t.Errorf("%q is there twice", text)
			}
			seen[text] = c.entries[i].value
		}
	}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}

// A beginning is the next one's who can go on with it, at any word.
func TestBeginning(t *testing.T) {
	leaktest.Check(t)
	one, other := nameOf("same-one-and-one"), nameOf("same-one-and-two")
	for killed := range len(one) {
		c := fresh(t)
		c.entries[0].claim(one, killed)
		if all := c.All(); len(all) != 0 {
			t.Errorf("%d words: %v", killed, all)
		}
		first, second := c.claim(other), c.claim(one)
		if killed > 1 { // By then it can be no other's.
			first, second = second, first
		}
		if first != &c.entries[0] || second != &c.entries[1] || c.claim(one).name != one {
			t.Errorf("%d words: %v", killed, c.entries[:3])
		}
	}
}

func TestRefused(t *testing.T) {
	leaktest.Check(t)
	all := []struct {
		name        string
		size, seals int
		why         error
	}{
		{"short", size - 1, seals, unix.EINVAL},
		{"long", size + 4096, seals, unix.EINVAL},
		{"empty", 0, seals, unix.EINVAL},
		{"not sealed", size, 0, unix.EPERM},
		{"may shrink", size, unix.F_SEAL_GROW | unix.F_SEAL_SEAL, unix.EPERM},
		{"may be unsealed", size, unix.F_SEAL_GROW | unix.F_SEAL_SHRINK, unix.EPERM},
		{"nobody writes", size, seals | unix.F_SEAL_WRITE, unix.EPERM},
	}
	for _, f := range all {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Ftruncate(fd, int64(f.size))
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, f.seals); err != nil {
			t.Fatal(err)
		}
		if _, err := Take(fd); err == nil || !strings.Contains(err.Error(), f.why.Error()) {
			t.Errorf("%s: %v", f.name, err)
		}
		_ = unix.Close(fd)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if _, err := Map(int(null.Fd())); err == nil {
		t.Error("no memory file is mapped")
	}
}

// Who has them can't cut off what others read.
func TestSealed(t *testing.T) {
	c := fresh(t)
	if err := unix.Ftruncate(c.Fd(), 0); err != unix.EPERM {
		t.Errorf("to truncate it: %v", err)
	}
}

// A worker that was taken over has a name twice.
func TestTwice(t *testing.T) {
	c := fresh(t)
	c.count(t, "a", 1)
	c.entries[1] = entry{nameOf("a"), 2}
	c.entries[2] = entry{nameOf("b"), 3}
	if all := c.All(); !reflect.DeepEqual(all, []Counter{{"a", 1}, {"b", 3}}) {
		t.Errorf("got %v", all)
	}
}
