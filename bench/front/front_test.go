package main

import (
	"testing"
	"time"

	"socketserver/bench/internal/criterion"
	"socketserver/tests/load"
)

func TestBlame(t *testing.T) {
	kills := []time.Duration{time.Second, 5 * time.Second}
	tests := []struct {
		mishaps []load.Mishap
		want    int
	}{
		{nil, 0},
		{[]load.Mishap{{At: 900 * time.Millisecond, Outcome: load.Reset}}, 0},
		{[]load.Mishap{{At: time.Second, Outcome: load.Reset}, {At: 5500 * time.Millisecond, Outcome: load.NoReply}}, 2},
		{[]load.Mishap{{At: 1100 * time.Millisecond, Outcome: load.Wrong}}, 0},
		{[]load.Mishap{{At: 7 * time.Second, Outcome: load.Reset}}, 0},
		{[]load.Mishap{
			{At: time.Second, Outcome: load.Reset}, {At: time.Second, Outcome: load.Reset}, {At: time.Second, Outcome: load.Reset},
		}, held},
	}
	for _, test := range tests {
		if got := blame(test.mishaps, kills); got != test.want {
			t.Errorf("%v: %d, expected %d", test.mishaps, got, test.want)
		}
	}
}

func TestHalves(t *testing.T) {
	if early, late := halves([]float64{9, 1, 1, 1, 1, 2, 2, 2, 2, 2}); early != 1 || late != 2 {
		t.Errorf("got %v and %v", early, late)
	}
}

func TestAgainst(t *testing.T) {
	ours := cost{micros: []float64{6, 5, 90}, rates: []float64{1}}
	theirs := cost{micros: []float64{10}, rates: []float64{1}}
	if got := ours.against(theirs, criterion.Row{}, 0.6, 50*time.Millisecond); !got.OK {
		t.Errorf("not as asked: %s", got.Seen)
	}
	if got := ours.against(theirs, criterion.Row{}, 0.5, 0); got.OK {
		t.Errorf("as asked: %s", got.Seen)
	}
	ours.whole.Latencies = []time.Duration{time.Second}
	if got := ours.against(theirs, criterion.Row{}, 0.6, 50*time.Millisecond); got.OK {
		t.Errorf("as asked: %s", got.Seen)
	}
}
