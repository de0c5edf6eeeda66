package load

import (
	"math"
	"time"
)

// never is a moment that doesn't come.
const never = time.Duration(math.MaxInt64)

// wakes is a heap of moments, each with the place that waits for it.
type wakes []wake

type wake struct {
	at   time.Duration
	slot int
}

// first returns the earliest moment.
func (w wakes) first() (time.Duration, bool) {
	if len(w) == 0 {
		return 0, false
	}
	return w[0].at, true
}

func (w *wakes) push(at time.Duration, slot int) {
	*w = append(*w, wake{at, slot})
	h := *w
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// pop removes the earliest moment and returns whose it was.
func (w *wakes) pop() int {
	h := *w
	slot := h[0].slot
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	*w = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return slot
		}
		if child+1 < last && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			return slot
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
