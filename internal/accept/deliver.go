package accept

import "golang.org/x/sys/unix"

// deliver puts a connection on the queue, however long that takes. It returns
// false when the loop was asked to stop meanwhile: the arrival still owns its
// connection. Otherwise the connection is closed here, handed over or lost.
func (l *Loop) deliver(a *arrival) bool {
	waited := false
	for was := l.state; l.state == was; {
		if l.state == accepting {
			l.sendRetiring() // A busy loop would never come to it.
		}
		errno := l.sys.send(l.options.Queue, &a.message, a.connection)
		switch sendRemedy(errno) {
		case nothing:
			l.delivered(a)
			return true
		case wait:
			if !waited {
				waited = true
				l.counters.waits.Add(1)
			}

			// Linux reports room only when three quarters of the
			// buffer are free; the timeout finds it earlier.
			l.await(l.room, maxPause)
		case retry:
			l.counters.retries.Add(1)
			l.rest(l.sendPace.transient())
		case pause:
			l.hold(errno)
		default:
			l.lose(a)
			l.fail(errno)
			return true
		}
	}
	return false
}

// delivered notes that a worker will have the connection, and closes the
// loop's copy.
func (l *Loop) delivered(a *arrival) {
	l.counters.handedOver.Add(1)
	l.shut(a.connection)
	a.drop()
	l.sendPace.reset()
	l.nudger.sent()
}

// hold pauses because the system wants memory or descriptors to send one.
func (l *Loop) hold(errno unix.Errno) {
	l.counters.pauses.Add(1)
	if l.held.due(l.now()) {
		l.tell(Held, errno)
	}
	l.rest(l.sendPace.next())
}

// lose closes a connection that can't be handed over by any means.
func (l *Loop) lose(a *arrival) {
	if a.connection == noConnection {
		return
	}
	l.counters.lost.Add(1)
	l.shut(a.connection)
	a.drop()
}

// deliverPending delivers what was taken off the backlog, for as long as a
// full queue holds it back.
func (l *Loop) deliverPending() {
	for i := range l.pending {
		if l.state == broken {
			l.lose(&l.pending[i])
		} else {
			l.deliver(&l.pending[i])
		}
	}
	l.pending = l.pending[:0]
}
