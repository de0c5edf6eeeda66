package reactor

// Pauses in milliseconds.
const (
	firstPause = 5
	maxPause   = 100
)

// millisecond in the units of now.
const millisecond = 1e6

// patience is how many transient errors in a row are retried at once.
const patience = 16

// pace says how long to pause while something keeps failing. The zero value
// is ready.
type pace struct {
	pause int // The latest pause; 0: none in this episode.
	inRow int // Transient errors since the latest success.
}

// next is the next pause in milliseconds: each twice the one before.
func (p *pace) next() int {
	p.pause = min(max(2*p.pause, firstPause), maxPause)
	return p.pause
}

// transient notes an error that a retry should mend and returns how long to
// pause before it. The first few are retried at once; one that goes on
// endlessly must not make a busy loop.
func (p *pace) transient() int {
	p.inRow++
	if p.inRow <= patience {
		return 0
	}
	return p.next()
}

// reset ends the episode.
func (p *pace) reset() {
	*p = pace{}
}

// noticeGap is how long a trouble that comes again is not told again, in
// nanoseconds: one that comes and goes under load would be told with each
// connection otherwise. As long as connections without PROXY header come they are
// told of.
const (
	noticeGap  = 10e9
	strangeGap = 1e9
)

// trouble is when a trouble was met last, as CLOCK_MONOTONIC has it; 0: never.
type trouble uint64

// due notes a trouble and reports whether it is to be told.
func (t *trouble) due(now uint64) bool {
	due := *t == 0 || now-uint64(*t) >= noticeGap
	*t = trouble(now)
	return due
}

// deadline is a moment at which something is to be done.
type deadline struct {
	at    uint64 // As CLOCK_MONOTONIC has it.
	place int    // In the heap, from 1; 0: not set.
	due   func()
	owner watcher // Whose it is.
}

// deadlines are those that are set, as a heap: the earliest is the first.
type deadlines []*deadline

// set sets a deadline, or moves one that is set.
func (h *deadlines) set(d *deadline, at uint64) {
	d.at = at
	if d.place == 0 {
		*h = append(*h, d)
		d.place = len(*h)
	}
	h.settle(d.place - 1)
}

// clear forgets a deadline, set or not.
func (h *deadlines) clear(d *deadline) {
	if d.place == 0 {
		return
	}
	i, last := d.place-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	d.place = 0
	if i < last {
		h.settle(i)
	}
}

// settle moves the one at i to where it belongs.
func (h *deadlines) settle(i int) {
	for i > 0 && (*h)[i].at < (*h)[(i-1)/2].at {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(*h); child++ {
			if (*h)[child].at < (*h)[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *deadlines) swap(i, j int) {
	(*h)[i], (*h)[j] = (*h)[j], (*h)[i]
	(*h)[i].place, (*h)[j].place = i+1, j+1
}
