package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"socketserver/internal/answers"
	"socketserver/internal/control"
	"socketserver/internal/leaktest"
	"socketserver/internal/load"
)

func TestTopPrintsPages(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, nil)
	got := ask("-s", f.path, "top", "-n", "2", "-i", "0.1", "--sort", "age")
	pages := strings.Split(got.out, "\n\n")
	if got.code != 0 || len(pages) != 2 || strings.Contains(got.out, "\x1b") {
		t.Fatalf("%+v", got)
	}
	lines := strings.Split(pages[1], "\n")
	first := strings.Fields(lines[5])
	if first[0] != "1073741826" || first[1] != "2" || first[3] != "-" || first[6] == "-" {
		t.Errorf("%q", lines[5])
	}
	if mine := strings.Fields(lines[7]); mine[0] != fmt.Sprint(os.Getpid()) || mine[3] == "-" || mine[4] == "-" {
		t.Errorf("%q", lines[7])
	}
}

// moment is a sample of workers 0 and 1, which have served this.
func moment(second int, served ...int64) *sample {
	s := &sample{at: time.Unix(int64(second), 0), loads: map[int]load.Load{}}
	for i, n := range served {
		s.workers = append(s.workers, answers.Worker{Pid: 100 + i, Slot: int64(i), Served: n, State: "idle"})
		s.loads[100+i] = load.Load{Began: 1, Ticks: uint64(n), Resident: 1 << 20}
	}
	return s
}

func TestRows(t *testing.T) {
	before, now := moment(10, 100, 500), moment(12, 300, 400, 7)
	now.loads[102] = load.Load{}
	all := rows(before, now)
	if all[0].rate != 100 || all[0].cpu != 100 || all[1].rate != -1 || all[1].cpu != -1 || all[2].rate != -1 || all[2].cpu != -1 {
		t.Errorf("%+v", all)
	}
	now.loads[100] = load.Load{Began: 2, Ticks: 1000}
	if all = rows(before, now); all[0].cpu != -1 {
		t.Errorf("another process: %v", all[0].cpu)
	}
	if all = rows(nil, now); all[0].cpu != -1 || all[0].rate != -1 || all[1].memory != 1<<20 {
		t.Errorf("the first: %+v", all)
	}
	delete(now.loads, 101)
	if all = rows(now, now); all[1].memory != -1 || all[0].rate != -1 {
		t.Errorf("at the same time: %+v", all)
	}
}

func TestOrders(t *testing.T) {
	all := []row{
		{Worker: answers.Worker{Pid: 1, Slot: 2, Served: 5, Age: 1, State: "idle"}, cpu: -1, memory: 3, rate: 9},
		{Worker: answers.Worker{Pid: 2, Slot: 0, Served: 9, Age: 2, State: "idle"}, cpu: 10, memory: 1, rate: 0},
		{Worker: answers.Worker{Pid: 3, Slot: 1, Served: 7, Age: 3, State: "busy"}, cpu: 5, memory: 2, rate: 4},
	}
	want := map[string][]int{"cpu": {2, 3, 1}, "memory": {1, 3, 2}, "rate": {1, 3, 2}, "served": {2, 3, 1},
		"age": {3, 2, 1}, "state": {3, 2, 1}, "pid": {1, 2, 3}, "slot": {2, 3, 1}}
	keys := map[byte]bool{'q': true, 'j': true, 'k': true}
	for i, order := range orders {
		sortRows(all, i)
		if got := []int{all[0].Pid, all[1].Pid, all[2].Pid}; !slices.Equal(got, want[order.name]) {
			t.Errorf("%s: %v", order.name, got)
		}
		if keys[order.key] {
			t.Errorf("%c means two things", order.key)
		}
		keys[order.key] = true
	}
}

func TestPageFitsTheScreen(t *testing.T) {
	served := make([]int64, 1000)
	p := page{now: moment(1, served...), keys: true}
	for _, size := range [][2]int{{80, 24}, {200, 2000}, {20, 5}, {1, 1}, {80, 7}} {
		for _, p.from = range []int{0, 500, 5000} {
			lines := p.lines(size[0], size[1])
			if len(lines) > size[1] {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line) > size[0] {
					t.Errorf("%v: %q", size, line)
				}
			}
		}
	}
	for p.order = range orders {
		if help := p.help(); len(help) > 80 || !strings.Contains(help, "*"+string(orders[p.order].key)+" ") {
			t.Errorf("%q", help)
		}
	}
	p.order = 0
	p.from = 5000
	if lines := p.lines(80, 24); !strings.Contains(lines[23], "983 to 1000 of 1000") {
		t.Errorf("%q", lines[23])
	}
	p.problem = errors.New("gone\x1b\n")
	if line := p.lines(80, 24)[3]; line != `no newer page: gone\x1b` {
		t.Errorf("%q", line)
	}
}

func TestManyWorkers(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, map[string]control.Message{"workers": {Text: []byte(workersJSON(1000, 1))}})
	got := ask("-s", f.path, "top", "-n", "1")
	if got.code != 0 || strings.Count(got.out, "\n") != 1005 {
		t.Errorf("%d: %d lines", got.code, strings.Count(got.out, "\n"))
	}
}

func TestReadable(t *testing.T) {
	for seconds, want := range map[float64]string{-1: "0s", 0: "0s", 0.0004: "<1ms", 0.0123: "12ms", 1.25: "1.2s", 59.9: "59s", 61: "1m01s",
		3600: "1h00m", 90061: "1d01h", 1e300: "11574074d01h"} {
		if got := span(seconds); got != want {
			t.Errorf("%v: %s", seconds, got)
		}
	}
	for bytes, want := range map[int64]string{0: "0.0K", 5 << 10: "5.0K", 20 << 10: "20K", 1000 << 10: "1.0M", 300 << 20: "300M", 1 << 62: "4194304T"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %s", bytes, got)
		}
	}
}
