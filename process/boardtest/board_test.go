package boardtest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/leaktest"
	"socketserver/internal/supervise"
)

const slots = 5

// newBoard makes a board in C and maps it in Go, until the test ends.
func newBoard(t *testing.T) (number, fd int, mapped *board.Board) {
	t.Helper()
	leaktest.Check(t)
	number, fd, err := Create(slots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Destroy(number) })
	mapped, err = board.Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mapped.Close)
	if mapped.Slots() != slots {
		t.Fatalf("%d slots", mapped.Slots())
	}
	return number, fd, mapped
}

func TestNewBoardIsFree(t *testing.T) {
	number, _, mapped := newBoard(t)
	for slot := range slots {
		inC, usedC := Read(number, slot)
		if inGo, used := mapped.Read(slot); used || usedC || inGo.State != board.Free || inC.State != Free {
			t.Errorf("%+v, %v in C, %+v, %v in Go", inC, usedC, inGo, used)
		}
	}
}

// TestSameIsRead writes what no worker would, and has both read it.
func TestSameIsRead(t *testing.T) {
	number, fd, mapped := newBoard(t)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(4, 2026))
	bytes := make([]byte, stat.Size)
	used := 0
	for range 20000 {
		fill(random, bytes)
		if _, err := unix.Pwrite(fd, bytes, 0); err != nil {
			t.Fatal(err)
		}
		for slot := range slots {
			if same(t, number, slot, mapped) {
				used++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if used < 1000 || used > 99000 {
		t.Errorf("%d were in use", used)
	}
}

// fill writes numbers, small ones and great ones, and bytes that text may have.
func fill(random *rand.Rand, bytes []byte) {
	const some = "\x00\x00\x00\x00\x01\x02\x03\x04\x05\x1f\x7f\x80\x85\x9f\xa0\xc2\xc2\xc3\xff\xff\xff az"
	for i := 0; i < len(bytes); i += 4 {
		word := bytes[i : i+4]
		clear(word)
		switch random.IntN(4) {
		case 0:
			word[0] = byte(random.IntN(7))
		case 1, 2:
			for j := range word {
				word[j] = some[random.IntN(len(some))]
			}
		default:
			for j := range word {
				word[j] = byte(random.Uint32())
			}
		}
	}
}

// same compares what both read of a slot, and returns whether it is in use.
func same(t *testing.T, number, slot int, mapped *board.Board) bool {
	t.Helper()
	earliest, usedC := Read(number, slot)
	got, used := mapped.Read(slot)
	inC, _ := Read(number, slot)
	want := board.Entry{
		Pid: inC.Pid, Generation: inC.Generation, State: supervise.State(inC.State - Free - 1),
		Connections: inC.Connections, Started: inC.Started, Since: got.Since,
		Served: int64(inC.Served), Taken: int64(inC.Taken), Waited: int64(inC.Waited),
		Listener: inC.Listener, Peer: whole(inC.Peer), PeerPort: inC.PeerPort,
		Handler: whole(inC.Handler), Note: whole(inC.Note),
	}
	if used != usedC || got != want {
		t.Errorf("slot %d: %v\n%+v in Go\n%+v in C\n%v", slot, used, got, want, usedC)
	}
	if got.Since < earliest.Since || got.Since > inC.Since { // Now is the latest that can be.
		t.Errorf("since %d in Go, %d to %d in C", got.Since, earliest.Since, inC.Since)
	}
	return used
}

// whole is text without what is no character.
func whole(text string) string {
	return strings.ToValidUTF8(text, "")
}
