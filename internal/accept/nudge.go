package accept

import "socketserver/internal/handoff"

// A message wakes one worker that sleeps. If that one doesn't receive it (it is
// killed or stopped at that moment, has no descriptor left, or its Tcl thread is
// busy with something else), the others sleep on, and the connection would wait
// for the next one to come. So when a loop has nothing to do and something stays
// queued, it sends nudges: each wakes one more worker, which receives what is
// first in the queue.
//
// Where all workers are just busy, nudges do nothing but take the room of a
// connection each; so there are few.
const (
	nudgePause = 25 // Milliseconds before the first, doubled for each.
	maxNudges  = 8  // After the latest connection.
	mostNudges = 16 // Since nothing was queued.
)

// nudger knows whether what was sent may still be queued.
type nudger struct {
	unsure  bool
	nudges  int // Since the latest connection.
	since   int // Since nothing was queued.
	message handoff.Message
}

func newNudger() nudger {
	return nudger{message: handoff.Message{Kind: handoff.KindNudge}}
}

// sent notes that something was put on the queue.
func (n *nudger) sent() {
	n.unsure = true
	n.nudges = 0
}

// idle waits for something to do.
func (l *Loop) idle() {
	switch {
	case !l.sendRetiring():
		l.await(l.connections, maxPause)
	case !l.nudger.unsure:
		l.await(l.connections, forever)
	case !l.await(l.connections, nudgePause<<l.nudger.nudges):
		l.nudge()
	}
}

// nudge wakes one more worker if something is still queued. An error is left
// for a connection to meet.
func (l *Loop) nudge() {
	n := &l.nudger
	queued := l.sys.queued(l.options.Queue)
	if !queued {
		n.since = 0
	}
	if !queued || n.nudges == maxNudges || n.since == mostNudges {
		n.unsure = false
		return
	}
	n.nudges++
	n.since++
	_ = l.sys.send(l.options.Queue, &n.message, handoff.NoConnection)
}
