package stats

import (
	"math"
	"testing"
)

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	tests := []struct {
		name   string
		sorted []int
		p      float64
		want   int
	}{
		{"none", nil, 50, 0},
		{"one", []int{7}, 99.9, 7},
		{"lowest", hundred, 0, 1},
		{"middle", hundred, 50, 50},
		{"p99", hundred, 99, 99},
		{"p99.9 of a hundred", hundred, 99.9, 100},
		{"highest", hundred, 100, 100},
		{"of three", []int{1, 2, 3}, 50, 2},
	}
	for _, test := range tests {
		if got := Percentile(test.sorted, test.p); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestMedian(t *testing.T) {
	values := []float64{5, 1, 3}
	if got := Median(values); got != 3 {
		t.Errorf("of three: got %v, want 3", got)
	}
	if values[0] != 5 {
		t.Error("Median sorted its argument")
	}
	if got := Median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("of four: got %v, want 2.5", got)
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("of none: got %v, want NaN", got)
	}
}

func TestSpread(t *testing.T) {
	if got := Spread([]float64{90, 100, 120}); math.Abs(got-0.3) > 1e-9 {
		t.Errorf("got %v, want 0.3", got)
	}
	for _, values := range [][]float64{nil, {5}, {0, 0}} {
		if got := Spread(values); got != 0 {
			t.Errorf("of %v: got %v, want 0", values, got)
		}
	}
}
