package accept

import (
	"slices"
	"testing"

	"socketserver/internal/handoff"
)

func TestNudgesWhileSomethingStaysQueued(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.onPoll, f.stuck = repeat(0, 1), stopWhenIdle, true
	f.ran(8)
	var want []int
	for n := range maxNudges + 1 {
		want = append(want, nudgePause<<n)
	}
	want = append(want, forever)
	if !slices.Equal(f.waits, want) {
		t.Errorf("polled %v", f.waits)
	}
	if len(f.sent) != 1+maxNudges || f.sent[1] != handoff.NoConnection {
		t.Errorf("sent %v", f.sent)
	}
}

func TestConnectionBeginsNudgesAnew(t *testing.T) {
	n := newNudger()
	n.nudges = maxNudges
	n.sent()
	if !n.unsure || n.nudges != 0 {
		t.Errorf("%+v", n)
	}
}

func TestFewNudgesWhileWorkersAreBusy(t *testing.T) {
	f := newFakeSystem(t)
	f.stuck = true
	l := f.loop(8)
	nudges := func() int {
		before := len(f.sent)
		for range 3 * mostNudges {
			l.nudger.sent()
			l.nudge()
		}
		return len(f.sent) - before
	}
	if n := nudges(); n != mostNudges {
		t.Errorf("%d nudges", n)
	}
	f.stuck = false
	l.nudge()
	f.stuck = true
	if n := nudges(); n != mostNudges {
		t.Errorf("%d nudges after nothing was queued", n)
	}
}

func TestNoNudgeOnceAllIsReceived(t *testing.T) {
	f := newFakeSystem(t)
	f.accepts, f.onPoll = repeat(0, 1), stopWhenIdle
	f.ran(8)
	if len(f.sent) != 1 {
		t.Errorf("sent %v", f.sent)
	}
}

func TestTroubleIsToldAgainOnlyAfterAGap(t *testing.T) {
	var trouble told
	for _, c := range []struct {
		at  uint64
		due bool
	}{{1, true}, {2, false}, {noticeGap, false}, {2*noticeGap + 1, true}} {
		if due := trouble.due(c.at); due != c.due {
			t.Errorf("at %d: %v", c.at, due)
		}
	}
}
