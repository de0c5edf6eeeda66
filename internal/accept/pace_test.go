package accept

import (
	"slices"
	"testing"
)

func TestPausesGrow(t *testing.T) {
	var p pace
	var pauses []int
	for range 7 {
		pauses = append(pauses, p.next())
	}
	if want := []int{5, 10, 20, 40, 80, 100, 100}; !slices.Equal(pauses, want) {
		t.Errorf("got %v, want %v", pauses, want)
	}
	p.reset()
	if got := p.next(); got != 5 {
		t.Errorf("after a reset: %d", got)
	}
}

func TestTransientIsRetriedAtOnceButNotForever(t *testing.T) {
	var p pace
	for n := range patience {
		if got := p.transient(); got != 0 {
			t.Fatalf("error %d makes a pause of %d", n, got)
		}
	}
	if got := p.transient(); got != firstPause {
		t.Errorf("then a pause of %d", got)
	}
}
