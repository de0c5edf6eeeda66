package countertest

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/counters"
)

// both has Go make counters and C count there.
func both(t *testing.T) *counters.Counters {
	t.Helper()
	c, err := counters.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := Map(c.Fd()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNames(t *testing.T) {
	c := both(t)
	long := strings.Repeat("n", 64)
	for _, name := range []string{"a", "eight888", "two words", "ä", "😀", long} {
		if isName, hasRoom := Add(name, 3); !isName || !hasRoom {
			t.Errorf("%q: %v, %v", name, isName, hasRoom)
		}
	}
	for _, name := range []string{
		"", long + "n", "a\nb", "\x00", "\x7f", "\u0085", "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf", "a\x80",
	} {
		if isName, _ := Add(name, 3); isName {
			t.Errorf("%q is a name", name)
		}
	}
	want := []counters.Counter{{Name: "a", Value: 3}, {Name: "eight888", Value: 3}, {Name: long, Value: 3}, {Name: "two words", Value: 3}, {Name: "ä", Value: 3}, {Name: "😀", Value: 3}}
	if all := c.All(); !reflect.DeepEqual(all, want) {
		t.Errorf("got %v", all)
	}
}

// TestBeginning has C go on with what a killed one left, wherever that was.
func TestBeginning(t *testing.T) {
	one, other := "same-one-and-one", "same-one-and-two"
	c := both(t)
	Add(one, 1)
	whole := make([]byte, 72)
	if _, err := unix.Pread(c.Fd(), whole, 0); err != nil {
		t.Fatal(err)
	}
	for killed := 0; killed < len(whole); killed += 8 {
		c := both(t)
		if _, err := unix.Pwrite(c.Fd(), whole[:killed], 0); err != nil {
			t.Fatal(err)
		}
		if _, has := Value(one); has || len(c.All()) != 0 {
			t.Errorf("%d bytes are a name", killed)
		}
		first, second := other, one
		if killed > 8 { // By then it can be no other's.
			first, second = second, first
		}
		Add(other, 1)
		Add(one, 1)
		Add(other, 1)
		if Name(0) != first || Name(1) != second || Name(2) != "" {
			t.Errorf("after %d bytes: %q, %q, %q", killed, Name(0), Name(1), Name(2))
		}
	}
}

// TestSameIsRead writes what no worker would, and has both read it.
func TestSameIsRead(t *testing.T) {
	c := both(t)
	random := rand.New(rand.NewPCG(6, 2026))
	memory := make([]byte, Size)
	shown := 0
	for range 3000 {
		fill(random, memory)
		if _, err := unix.Pwrite(c.Fd(), memory, 0); err != nil {
			t.Fatal(err)
		}
		inC := map[string]int64{}
		for i := range Most {
			if name := Name(i); name != "" {
				inC[name], _ = Value(name)
			}
		}
		inGo := map[string]int64{}
		for _, one := range c.All() {
			inGo[one.Name] = one.Value
		}
		if !reflect.DeepEqual(inC, inGo) {
			t.Fatalf("%v in C\n%v in Go", inC, inGo)
		}
		shown += len(inC)
	}
	if shown < 3000 || shown > 3000*Most/2 {
		t.Errorf("%d were shown", shown)
	}
}

// fill writes entries of which some are nearly names.
func fill(random *rand.Rand, memory []byte) {
	const some = "ab\xc2\xa0\xc3\xa4\x80\x9f\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80\x7f\x1f\xc0\xff\xf4\x90"
	entry := Size / Most
	for at := 0; at < Size; at += entry {
		length := random.IntN(10)
		for i := range 64 {
			memory[at+i] = 0xff
		}
		for i := range length {
			memory[at+i] = some[random.IntN(2)]
			if random.IntN(4) == 0 {
				memory[at+i] = some[random.IntN(len(some))]
			}
		}
		clear(memory[at+64 : at+entry])
		memory[at+64], memory[at+65] = byte(length), 1
		memory[at+72] = byte(random.Uint32())
		if random.IntN(4) == 0 {
			memory[at+random.IntN(72)] = byte(random.Uint32())
		}
	}
}

func TestRefused(t *testing.T) {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.Ftruncate(fd, Size)
	if err := Map(fd); err != unix.EINVAL {
		t.Errorf("without seals: %v", err)
	}
	_ = unix.Ftruncate(fd, Size+1)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	if err != nil {
		t.Fatal(err)
	}
	if err := Map(fd); err != unix.EINVAL {
		t.Errorf("of another size: %v", err)
	}
}
