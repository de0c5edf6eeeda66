package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	text := "42 (a) b (c) S 1 41 40 0 -1 4194304 102 0 0 0 7 3 20 10 20 0 1 0 176029 3133440\n"
	got, err := parseStat([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := stat{pid: 42, session: 40, own: 100 * time.Millisecond, children: 300 * time.Millisecond}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, broken := range []string{"", "42 S 1", "42 (name) S 1"} {
		if _, err := parseStat([]byte(broken)); err == nil {
			t.Errorf("%q was taken for a stat line", broken)
		}
	}
}

func TestLabelled(t *testing.T) {
	text := []byte("nonvoluntary_ctxt_switches:\t5\nvoluntary_ctxt_switches:\t12\nPss:   340 kB\n")
	if got := labelled(text, "voluntary_ctxt_switches:"); got != 12 {
		t.Errorf("got %d, want 12", got)
	}
	if got := labelled(text, "Pss:"); got != 340 {
		t.Errorf("got %d, want 340", got)
	}
	if got := labelled(text, "Rss:"); got != 0 {
		t.Errorf("got %d for what isn't there", got)
	}
}

func TestStopEndsAll(t *testing.T) {
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	script := `trap '' TERM; sleep 60 & (sleep 60 & sleep 60) & echo port 7; wait`
	s, err := Start(context.Background(), []string{"sh", "-c", script}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Port != 7 {
		t.Errorf("port %d, want 7", s.Port)
	}
	pids := s.Pids()
	if len(pids) < 3 {
		t.Errorf("found %d processes, want the shell and its children", len(pids))
	}
	if usage, err := s.Usage(); err != nil || usage.Switches == 0 {
		t.Errorf("usage %+v, %v", usage, err)
	}
	s.Stop()
	for _, pid := range pids {
		if unix.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
}

func TestStartFails(t *testing.T) {
	_, err := Start(context.Background(), []string{"sh", "-c", "echo /some/where/lib.so: no such thing >&2"}, nil)
	if err == nil || !strings.Contains(err.Error(), "ended before it listened: lib.so: no such thing") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, []string{"sleep", "60"}, nil); err == nil {
		t.Error("a cancelled start ended without an error")
	}
}
