package accept

import "sync/atomic"

// Counts is what a loop has counted since it began.
type Counts struct {
	Accepted   uint64 // Connections accepted.
	HandedOver uint64 // Connections put on the queue.
	Held       uint64 // Accepted, not yet on the queue.
	Lost       uint64 // Accepted, but could not be handed over by any means; closed.
	Waits      uint64 // Times the queue was full.
	Retries    uint64 // Transient errors of accept and sendmsg.
	Pauses     uint64 // Times it paused for want of descriptors or memory.
}

// counters are written by the loop and read by any goroutine.
type counters struct {
	accepted, handedOver, lost, waits, retries, pauses atomic.Uint64
}

// snapshot reads the counters. What has left the loop is read before what has
// entered it, so that Held can't come out below zero.
func (c *counters) snapshot() Counts {
	counts := Counts{
		HandedOver: c.handedOver.Load(),
		Lost:       c.lost.Load(),
		Waits:      c.waits.Load(),
		Retries:    c.retries.Load(),
		Pauses:     c.pauses.Load(),
	}
	counts.Accepted = c.accepted.Load()
	counts.Held = counts.Accepted - counts.HandedOver - counts.Lost
	return counts
}
