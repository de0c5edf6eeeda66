package main

import (
	"errors"
	"testing"
)

func TestReadMetrics(t *testing.T) {
	m, err := readMetrics("# HELP a Of a.\n# TYPE a counter\na{x=\"1 2\"} 3\na{x=\"}\"} 4.5e1\nab 7\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if m.sum("a") != 48 || m.sum("ab") != 7 || m.sum("b") != 0 {
		t.Errorf("got %v", m)
	}
	for _, text := range []string{"a\n", "a b\n", "a{x=\"1\"}\n"} {
		if m, err := readMetrics(text); err == nil {
			t.Errorf("%q: got %v", text, m)
		}
	}
}

func TestKindOf(t *testing.T) {
	for text, want := range map[string]kind{
		"proc ::spin, line 3: while 1 {...}":           inProc,
		"waits for a connection":                       idle,
		"blocked in read of descriptor 7, a pipe":      blocked,
		"file /srv/app.tcl, line 10: handle sock1":     other,
		"blocked in wait4\nproc ::run, line 1: exec a": inProc,
	} {
		if got := kindOf(text); got != want {
			t.Errorf("%q: %d, not %d", text, got, want)
		}
	}
}

// What a killed worker had under way may be done or not; nothing else may differ.
func TestTallyWrong(t *testing.T) {
	known := tally{of: map[string]bounds{}}
	known.add("a", 5, nil)
	known.add("a", 3, errors.New("reset"))
	known.add("b", 2, nil)
	for _, test := range []struct {
		a, b  int64
		other bool
		wrong int
	}{{5, 2, false, 0}, {8, 2, false, 0}, {7, 2, true, 1}, {4, 2, false, 1}, {9, 3, false, 2}, {5, 0, false, 1}} {
		are := map[string]int64{"a": test.a, "b": test.b}
		if test.other {
			are["nobody's"] = 1
		}
		if n := known.wrong(are); n != test.wrong {
			t.Errorf("%v: %d wrong, not %d", are, n, test.wrong)
		}
	}
	if known.failed != 1 {
		t.Errorf("%d failed", known.failed)
	}
}
