package main

import (
	"testing"

	"socketserver/bench/internal/scenario"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		names     []string
		scenarios int // 0: an error
		cases     int // of the first scenario; 0: all
	}{
		{nil, len(scenario.All), 0},
		{[]string{"lengthy", "slow"}, 2, 0},
		{[]string{"throughput", "tcl-single"}, 1, 1},
		{[]string{"tcl-single"}, 3, 1},
		{[]string{"lengthy", "node"}, 0, 0},
		{[]string{"nothing"}, 0, 0},
	}
	for _, test := range tests {
		got, err := choose(test.names)
		if (err != nil) != (test.scenarios == 0) || len(got) != test.scenarios {
			t.Errorf("%v: got %d scenarios, %v", test.names, len(got), err)
			continue
		}
		if test.cases > 0 && len(got[0].Cases) != test.cases {
			t.Errorf("%v: got %d cases", test.names, len(got[0].Cases))
		}
	}
	for _, s := range scenario.All {
		if len(s.Cases) == 0 {
			t.Errorf("%s lost its cases", s.Name)
		}
	}
}
