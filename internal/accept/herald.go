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
