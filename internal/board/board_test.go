package board

import (
	"errors"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/supervise"
)

const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// newMemory is what a board is in, until the test ends.
func newMemory(t *testing.T, size int64, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("board", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return fd
}

// put writes what a worker shows, as the other copy of its slot.
func put(t *testing.T, fd, number int, e entry) {
	t.Helper()
	s := slot{sequence: 7}
	s.copies[1] = e
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&s)), slotSize)
	if _, err := unix.Pwrite(fd, bytes, int64(number)*slotSize); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	leaktest.Check(t)
	fd := newMemory(t, 3*slotSize, seals)
	b, err := Map(fd)
	if err != nil || b.Slots() != 3 {
		t.Fatal(b, err)
	}
	defer b.Close()
	e := entry{state: 3, pid: 100, generation: 2, connections: 4, started: 5, since: 6, served: 7,
		taken: 8, waited: 9, listener: 10, peerPort: 70000}
	copy(e.peer[:], "unix")
	copy(e.handler[:], "\x1bhandle \xc2\x85\xc3\xa4\xff")
	copy(e.trouble[:], "gone wrong\x00hidden")
	copy(e.note[:], "GET /\x7f")
	put(t, fd, 2, e)
	want := Entry{100, 2, supervise.Busy, 4, 5, 6, 7, 8, 9, 10, "unix", 70000, " handle   ä", "gone wrong", "GET / "}
	if got, used := b.Read(2); !used || got != want {
		t.Errorf("%+v, %v", got, used)
	}
	for _, number := range []int{-1, 0, 1, 3} {
		if got, used := b.Read(number); used || got.State != Free {
			t.Errorf("%d: %+v, %v", number, got, used)
		}
	}
}

func TestWhatCannotBe(t *testing.T) {
	fd := newMemory(t, slotSize, seals)
	b, err := Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	low := entry{state: -5, connections: -1, since: -1, served: 1 << 63, taken: 1 << 63, waited: 1 << 63,
		listener: -1, peerPort: -1}
	put(t, fd, 0, low)
	if got, used := b.Read(0); !used || got != (Entry{State: supervise.Starting}) {
		t.Errorf("%+v, %v", got, used)
	}
	high := entry{state: 5, connections: 1<<31 - 1, since: 1<<63 - 1, served: 1<<63 - 1, taken: 1<<63 - 1,
		waited: 1<<63 - 1, listener: 1<<31 - 1, peerPort: 1<<31 - 1}
	for i := range high.trouble {
		high.trouble[i] = 'x'
	}
	for i := range high.note {
		high.note[i] = 'y'
	}
	put(t, fd, 0, high)
	got, used := b.Read(0)
	if !used || got.State != supervise.Starting || got.Connections != mostConnections || got.Since > now() ||
		got.Served != mostServed || got.Taken != mostServed || got.Waited != mostWaited ||
		got.Listener != mostListener || got.PeerPort != mostPort || len(got.Trouble) != len(high.trouble)-1 || len(got.Note) != len(high.note)-1 {
		t.Errorf("%+v, %v", got, used)
	}
}

func TestNoBoard(t *testing.T) {
	leaktest.Check(t)
	for _, c := range []struct {
		size  int64
		seals int
		want  error
	}{
		{0, seals, unix.EINVAL}, {slotSize - 1, seals, unix.EINVAL}, {slotSize + 1, seals, unix.EINVAL},
		{(most + 1) * slotSize, seals, unix.EINVAL}, {slotSize, unix.F_SEAL_GROW, unix.EPERM},
		{slotSize + 1, 0, unix.EPERM}, // What size it has counts only once that can't change.
	} {
		if b, err := Map(newMemory(t, c.size, c.seals)); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, %v", c, b, err)
		}
	}
	if _, err := Map(-1); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(pipe[0], pipe[1])
	if _, err := Map(pipe[0]); err == nil {
		t.Error("a pipe was mapped")
	}
}

func TestMapOutlivesItsDescriptor(t *testing.T) {
	fd := newMemory(t, slotSize, seals)
	own, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Map(own)
	descriptor.Close(own)
	if err != nil {
		t.Fatal(err)
	}
	put(t, fd, 0, entry{state: 2, pid: 5})
	if got, used := b.Read(0); !used || got.Pid != 5 || got.State != supervise.Idle {
		t.Errorf("%+v, %v", got, used)
	}
	b.Close()
	b.Close()
	if _, used := b.Read(0); used || b.Slots() != 0 {
		t.Error("it is read after its end")
	}
}

func TestTimes(t *testing.T) {
	fd := newMemory(t, 2*slotSize, seals)
	b, err := Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := slot{}
	s.times.Waits.Counts[3], s.times.Waits.Sum = 4, 5
	s.times.Handled.Counts[15], s.times.Handled.Sum = 1<<64-1, 1<<64-1 // What can't be.
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&s)), slotSize)
	if _, err := unix.Pwrite(fd, bytes, slotSize); err != nil {
		t.Fatal(err)
	}
	var want Times
	want.Waits.Counts[3], want.Waits.Sum = 4, 5
	want.Handled.Counts[15], want.Handled.Sum = mostServed, mostWaited
	for number, want := range map[int]Times{-1: {}, 0: {}, 1: want, 2: {}} {
		if got := b.Times(number); got != want {
			t.Errorf("%d: %+v", number, got)
		}
	}
	if !slices.IsSorted(Bounds[:]) {
		t.Error(Bounds)
	}
}

// TestAsk: whatever a worker has made of the word, a question has a number that is
// not the one before, and not 0.
func TestAsk(t *testing.T) {
	leaktest.Check(t)
	fd := newMemory(t, 2*slotSize, seals)
	b, err := MapToAsk(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for word, want := range map[uint32]uint32{0: 1, 1: 1, 2: 2, 1<<32 - 3: 1<<31 - 1, 1<<32 - 1: 1} {
		b.slots[1].ask = word
		if got := b.Ask(1, true); got != want || b.slots[1].ask != want<<1|1 {
			t.Errorf("%#x: %d, %#x", word, got, b.slots[1].ask)
		}
	}
	if b.Ask(-1, false) != 0 || b.Ask(2, false) != 0 || b.slots[0].ask != 0 {
		t.Error("nobody was asked")
	}
}
