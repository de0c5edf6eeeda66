package accept

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/signals"
)

// Kind is what a notice tells.
type Kind int

// What a loop tells the application while it runs; the numbers are those of
// SS_NOTICE_... in boundary.h.
const (
	Paused Kind = 1 // accept: no descriptors or no memory; goes on by itself.
	Held   Kind = 2 // sendmsg: a connection is held and sent later.
	Failed Kind = 3 // The loop ended for an error that no retry mends.
)

// maxNotices is how many notices may wait to be told; one more is dropped.
const maxNotices = 16

type notice struct {
	kind  Kind
	errno unix.Errno
}

// noticeGap is how long a trouble that comes again is not told again, in
// nanoseconds: one that comes and goes under load would be told with each
// connection otherwise.
const noticeGap = 10e9

// told is when a trouble was met last, as CLOCK_MONOTONIC has it; 0: never.
type told uint64

// due notes a trouble and reports whether it is to be told.
func (t *told) due(now uint64) bool {
	due := *t == 0 || now-uint64(*t) >= noticeGap
	*t = told(now)
	return due
}

// tell passes a notice on without waiting.
func (l *Loop) tell(kind Kind, errno unix.Errno) {
	select {
	case l.notices <- notice{kind, errno}:
	default:
	}
}

// herald tells the application what the loop has to say. It has a thread of
// its own: who is told may alert another thread through a descriptor, and the
// loop's table has it not. It ends after the loop.
func (l *Loop) herald() {
	signals.BlockAsynchronous()
	for n := range l.notices {
		if l.options.Notice != nil {
			l.options.Notice(n.kind, n.errno)
		}
	}
	close(l.done)
}
