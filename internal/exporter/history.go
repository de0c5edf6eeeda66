package exporter

import (
	"slices"
	"time"

	"socketserver/internal/board"
)

const (
	// remembered is how long the plots look back.
	remembered = 15 * time.Minute
	// nearest is how near to one another two points of a plot may be.
	nearest = 900 * time.Millisecond
)

// point is how a server stood at a moment, and what it did since the one before.
type point struct {
	at               time.Time
	accepted, served float64 // A second.
	mean, tail       float64 // Of how long connections waited for a worker: the average and the 95th percentile, in seconds.
	busy, workers    float64
}

// history is what the plots show. Points that it has given stay as they are.
type history struct {
	last   *Snapshot
	points []point
}

// add makes a point of a snapshot, but for the first one and for one that follows
// the latest too closely.
func (h *history) add(s *Snapshot) {
	before := h.last
	if before != nil && s.At.Sub(before.At) < nearest {
		return
	}
	h.last = s
	if before == nil {
		return
	}
	first := slices.IndexFunc(h.points, func(p point) bool { return s.At.Sub(p.at) <= remembered })
	if first < 0 {
		first = len(h.points)
	}
	h.points = append(h.points[first:], between(before, s))
}

// latest is the newest point, if there is one.
func (h *history) latest() (point, bool) {
	if len(h.points) == 0 {
		return point{}, false
	}
	return h.points[len(h.points)-1], true
}

// between is what happened from one snapshot to another; nothing, where a server
// was there only at one of them.
func between(before, now *Snapshot) point {
	p := point{at: now.At}
	if !now.Up {
		return p
	}
	w := &now.State.Workers
	p.busy = float64(w.Busy)
	p.workers = float64(w.Starting + w.Idle + w.Busy + w.Retiring)
	if !before.Up || before.State.Pid != now.State.Pid {
		return p
	}
	seconds := now.At.Sub(before.At).Seconds()
	rate := func(then, now int64) float64 { return float64(max(now-then, 0)) / seconds }
	p.accepted = rate(before.State.Accepted, now.State.Accepted)
	p.served = rate(before.State.Served, now.State.Served)
	waits := since(&before.Waits, &now.Waits)
	p.mean, p.tail = average(&waits), percentile(&waits, 0.95)
	return p
}

// since is what a histogram has got more than it had; nothing, if it was begun
// anew.
func since(then, now *board.Histogram) board.Histogram {
	more := *now
	for i, count := range then.Counts {
		if count > now.Counts[i] {
			return board.Histogram{}
		}
		more.Counts[i] -= count
	}
	if then.Sum > now.Sum {
		return board.Histogram{}
	}
	more.Sum -= then.Sum
	return more
}

func total(h *board.Histogram) (all uint64) {
	for _, count := range h.Counts {
		all += count
	}
	return all
}

// average is in seconds.
func average(h *board.Histogram) float64 {
	all := total(h)
	if all == 0 {
		return 0
	}
	return float64(h.Sum) / 1e9 / float64(all)
}

// percentile is in seconds: as if the times between two bounds were spread evenly.
// What is above all bounds counts as the highest of them.
func percentile(h *board.Histogram, part float64) float64 {
	rank := part * float64(total(h))
	if rank == 0 {
		return 0
	}
	below, lower := 0.0, 0.0
	for i, bound := range board.Bounds {
		count := float64(h.Counts[i])
		if count > 0 && below+count >= rank {
			return lower + (bound-lower)*(rank-below)/count
		}
		below, lower = below+count, bound
	}
	return lower
}
