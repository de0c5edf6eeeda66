package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"socketserver/tests/load"
)

// whole is a run in which nothing was missed, by the process 7.
func whole() *seen {
	served := load.Result{Answers: 10, Pids: map[int]int{8: 10}}
	served.Started, served.Outcomes[load.Served] = 10, 10
	own := load.Result{Answers: 5, Pids: map[int]int{7: 5}}
	own.Started, own.Outcomes[load.Served] = 5, 5
	return &seen{
		served: served, stayed: served, accepted: own, beside: own, written: 3, before: 9, after: 9,
		counts: map[string]int{
			"accepted": 10, "answered": 10, "lines": 3, "planned": 6, "fired": 6, "forked": 4, "ended": 4,
		},
	}
}

func TestMissed(t *testing.T) {
	if missed := whole().missed(10, 7); missed != "" {
		t.Errorf("missed %s", missed)
	}
	for what, spoil := range map[string]func(*seen){
		"accepted":    func(g *seen) { g.counts["accepted"]-- },
		"answered":    func(g *seen) { g.counts["answered"]++ },
		"lines":       func(g *seen) { g.counts["lines"]-- },
		"timers":      func(g *seen) { g.counts["fired"]-- },
		"ended":       func(g *seen) { g.counts["ended"]-- },
		"harmed":      func(g *seen) { g.counts["harmed"]++ },
		"disorder":    func(g *seen) { g.counts["disorder"]++ },
		"worker":      func(g *seen) { g.counts["worker"]++ },
		"connections": func(g *seen) { g.served.Outcomes[load.Served]-- },
		"lost 1":      func(g *seen) { g.stayed.Outcomes[load.ClosedIdle]++ },
		"itself":      func(g *seen) { g.beside.Pids = map[int]int{7: 4, 9: 1} },
		"descriptors": func(g *seen) { g.after++ },
	} {
		got := whole()
		spoil(got)
		if missed := got.missed(10, 7); !strings.Contains(missed, what) {
			t.Errorf("%s: missed %q", what, missed)
		}
	}
}

func TestNumbers(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	enough := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(enough) })
	n, err := numbers(writer, enough)
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 1<<16)
	size, _ := reader.Read(text)
	if lines := strings.Count(string(text[:size]), "\n"); lines != n || !strings.HasPrefix(string(text), "1\n2\n") {
		t.Errorf("%d lines, %d written", lines, n)
	}
}
