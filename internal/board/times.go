package board

import "sync/atomic"

// Bounds are what the counts of a histogram are up to, in seconds; what took longer
// is in the last one.
var Bounds = [...]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Histogram counts how often something took how long; an SsHistogram.
type Histogram struct {
	Counts [len(Bounds) + 1]uint64
	Sum    uint64 // Nanoseconds.
}

// Times is how long connections waited for the workers of a slot, and were served
// there, for as long as there is the board; an SsBoardTimes.
type Times struct {
	Waits, Handled Histogram
}

// Times copies the times of a slot; of one that isn't there, none.
func (b *Board) Times(number int) (times Times) {
	if number >= 0 && number < len(b.slots) {
		shared := &b.slots[number].times
		times.Waits.read(&shared.Waits)
		times.Handled.read(&shared.Handled)
	}
	return times
}

// read makes what another process has written something that can be.
func (h *Histogram) read(shared *Histogram) {
	for i := range h.Counts {
		h.Counts[i] = min(atomic.LoadUint64(&shared.Counts[i]), mostServed)
	}
	h.Sum = min(atomic.LoadUint64(&shared.Sum), mostWaited)
}
