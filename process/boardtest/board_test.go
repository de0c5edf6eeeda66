package boardtest

import (
	"math"
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
	const some = "\x00\x00\x00\x00\x01\x02\x03\x04\x05\x1f\x7f\x80\x85\x9f\xa0\xc0\xc2\xc2\xc3\xff\xff\xff az"
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
		Handler: whole(inC.Handler), Trouble: whole(inC.Trouble), Note: whole(inC.Note),
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

func TestTimes(t *testing.T) {
	number, _, mapped := newBoard(t)
	Time(1, 1) // Nobody's.
	Take(number, 2)
	var want board.Times
	for i, bound := range board.Bounds {
		ns := uint64(math.Round(bound * 1e9))
		Time(ns, ns+1)
		want.Waits.Counts[i]++
		want.Handled.Counts[i+1]++
		want.Waits.Sum += ns
		want.Handled.Sum += ns + 1
	}
	Take(number, 3)
	Take(number, 2) // What was counted there stays.
	Time(0, 1<<40)
	want.Waits.Counts[0]++
	want.Handled.Counts[len(board.Bounds)]++
	want.Handled.Sum += 1 << 40
	if got := mapped.Times(2); got != want {
		t.Errorf("%+v\n%+v", got, want)
	}
	if got := mapped.Times(3); got != (board.Times{}) {
		t.Errorf("%+v", got)
	}
}

func TestNote(t *testing.T) {
	number, _, mapped := newBoard(t)
	Note("nobody's")
	Take(number, 1)
	for _, c := range []struct{ note, want string }{
		{"GET /ä", "GET /ä"}, {"two\nlines\x1b", "two lines "}, {strings.Repeat("x", 200), strings.Repeat("x", 128)},
		{strings.Repeat("x", 127) + "ä", strings.Repeat("x", 127)}, {"", ""},
	} {
		Note(c.note)
		got, _ := mapped.Read(1)
		if inC, _ := Read(number, 1); got.Note != c.want || inC.Note != c.want {
			t.Errorf("%q: %q in Go, %q in C", c.note, got.Note, inC.Note)
		}
	}
	Note("it goes with the slot")
	Take(number, 1)
	if got, _ := mapped.Read(1); got.Note != "" {
		t.Errorf("%q", got.Note)
	}
}

func TestAsk(t *testing.T) {
	number, fd, mapped := newBoard(t)
	asking, err := board.MapToAsk(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asking.Close)
	if word, has := AskWord(); has || mapped.Ask(1, true) != 0 {
		t.Error(word, has)
	}
	Take(number, 1)
	for question := uint32(1); question < 4; question++ {
		raise := question == 2
		asked := asking.Ask(1, raise)
		word, has := AskWord()
		if asked != question || !has || word>>1 != question || word&1 == 1 != raise {
			t.Errorf("%d: %d, %#x", question, asked, word)
		}
	}
}
