package reactor

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"socketserver/internal/board"
	"socketserver/internal/queue"
	"socketserver/internal/standing"
	"socketserver/internal/supervise"
)

// asked is a pool whose worker, this process, was published in slot 1.
func asked(t *testing.T) *pooled {
	t.Helper()
	p := newPooled(t, "defer=0")
	seen, err := board.MapToAsk(p.fd)
	if err != nil {
		t.Fatal(err)
	}
	p.board.Close()
	p.board, p.questions = seen, map[int32]*question{}
	t.Cleanup(seen.Close)
	p.service.pool = p.pool
	p.stands(supervise.Running, standing.Worker{Pid: os.Getpid(), Slot: 1, Generation: 2})
	return p
}

// answers is a message that a process sends.
func (p *pooled) answers(pid int, number uint32, text string) {
	bytes := []byte{queue.Version, queue.KindStack, 0, 0}
	bytes = binary.NativeEndian.AppendUint32(bytes, number)
	p.service.stackAnswered(&queue.Receiver{Bytes: append(bytes, text...), Pid: int32(pid)})
}

// asks asks and returns where the answer will be.
func (p *pooled) asks(t *testing.T, raise bool) *[]string {
	t.Helper()
	told := new([]string)
	if _, err := p.askStack(os.Getpid(), raise, func(text string) { *told = append(*told, text) }); err != nil {
		t.Fatal(err)
	}
	return told
}

func TestStackIsAskedOnceForAll(t *testing.T) {
	p := asked(t)
	pid := os.Getpid()
	one, two := p.asks(t, false), p.asks(t, false)
	raised := p.asks(t, true)
	first := p.questions[int32(pid)].number
	p.answers(pid, first+1, "of another question")
	p.answers(pid+1, first, "another's")
	if len(*one)+len(*two)+len(*raised) != 0 {
		t.Fatal(*one, *two, *raised)
	}
	p.answers(pid, first, "a\x00\tb\x1b\xff\nc\u0085\n\n")
	want := []string{"a  b ?\nc "}
	if !slices.Equal(*one, want) || !slices.Equal(*two, want) || len(*raised) != 0 {
		t.Errorf("%q %q %q", *one, *two, *raised)
	}
	second := p.questions[int32(pid)]
	if second.number == first || !second.raise {
		t.Errorf("%+v", second)
	}
	p.answers(pid, first, "once more")
	p.answers(pid, second.number, "later")
	if !slices.Equal(*raised, []string{"later"}) || len(p.questions) != 0 {
		t.Errorf("%q %v", *raised, p.questions)
	}
}

// Who is done when the question before it is answered gets no error at the next
// connection.
func TestStackRaisesInTheSameConnection(t *testing.T) {
	p := asked(t)
	pid := os.Getpid()
	p.says(t, 1, boardEntry{State: 4, Pid: int32(pid), Since: 1000})
	p.asks(t, false)
	raised := p.asks(t, true)
	p.says(t, 1, boardEntry{State: 4, Pid: int32(pid), Since: 2000})
	p.answers(pid, p.questions[int32(pid)].number, "text")
	if !slices.Equal(*raised, []string{"is done by now"}) || len(p.questions) != 0 {
		t.Errorf("%q %v", *raised, p.questions)
	}
}

func TestStackOfNobody(t *testing.T) {
	p := asked(t)
	if reason, err := p.askStack(1, false, nil); reason != "NOWORKER" || err == nil {
		t.Error(reason, err)
	}
	// One that was forked since the latest step has only its slot.
	p.says(t, 2, boardEntry{State: 2, Pid: 77})
	if slot := p.slotOf(77); slot != 2 {
		t.Error(slot)
	}
}

func TestStackOfTheSilent(t *testing.T) {
	p := asked(t)
	told := p.asks(t, false)
	raised := p.asks(t, true)
	p.questions[int32(os.Getpid())].giveUp()
	if len(*told) != 1 || !strings.HasPrefix((*told)[0], "doesn't answer: it ") || len(*raised) != 0 {
		t.Errorf("%q %q", *told, *raised)
	}
	p.endQuestions()
	if !slices.Equal(*raised, []string{"the pool has ended"}) || len(p.questions) != 0 {
		t.Errorf("%q %v", *raised, p.questions)
	}
}

func TestStackOfTooMany(t *testing.T) {
	p := asked(t)
	for range mostAsking {
		p.asks(t, false)
	}
	if reason, err := p.askStack(os.Getpid(), true, nil); reason != "BUSY" || err == nil {
		t.Error(reason, err)
	}
	p.endQuestions()
}

func TestStateOf(t *testing.T) {
	if got := stateOf(os.Getpid()); got != "runs" && got != "sleeps" {
		t.Error(got)
	}
	if got := stateOf(1 << 30); got != "has ended" {
		t.Error(got)
	}
}
