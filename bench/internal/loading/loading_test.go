package loading

import (
	"testing"

	"socketserver/tests/load"
)

func TestLost(t *testing.T) {
	var result load.Result
	result.Started = 3
	result.Outcomes[load.Served], result.Outcomes[load.Reset], result.Outcomes[load.ClosedIdle] = 1, 1, 1
	if n := Lost(result); n != 2 {
		t.Errorf("%d lost", n)
	}
}
