package accept

import "golang.org/x/sys/unix"

// forever is a timeout of poll.
const forever = -1

// await waits until poll reports one of the events or the milliseconds are
// over, in which case it returns false, and obeys what comes meanwhile. The
// first of the events is the control socket's; once the loop is stopping nobody
// has any more to say there.
func (l *Loop) await(events []unix.PollFd, milliseconds int) bool {
	if l.state != accepting {
		events = events[1:]
	}
	happened, errno := l.sys.poll(events, milliseconds)
	switch {
	case errno == unix.EINTR:
	case errno != 0:
		// No memory, or RLIMIT_NOFILE below the number of events.
		// Whatever is wrong, it must not make a busy loop.
		_, _ = l.sys.poll(nil, maxPause)
	case l.state == accepting && events[0].Revents != 0:
		l.obey()
	}
	return happened || errno != 0
}

// rest pauses, unless the loop is asked to stop.
func (l *Loop) rest(milliseconds int) {
	if milliseconds > 0 {
		l.await(l.control, milliseconds)
	}
}
