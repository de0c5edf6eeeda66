package accept

// drain takes what is already in the listen backlogs, so that closing the
// listening sockets resets none of it. It waits for nothing: whoever asked the
// loop to stop waits for it.
func (l *Loop) drain() {
	for _, listener := range l.listeners {
		// No more than a backlog: under load one that is drained
		// fills at the same time.
		for n := 0; n <= l.options.Backlog && l.drainOne(listener); n++ {
		}
	}
}

// drainOne takes one connection off a backlog. It returns false when there is
// none, or no place for it.
func (l *Loop) drainOne(listener int) bool {
	if len(l.pending) == cap(l.pending) && !l.makeRoom() {
		return false
	}
	for try := 0; try <= patience; try++ {
		errno := l.take(listener, &l.current)
		switch acceptRemedy(errno) {
		case nothing:
			l.pending = append(l.pending, l.current)
			l.current.drop()
			return true
		case retry:
			l.counters.retries.Add(1)
		case pause:
			// What the loop holds uses descriptors.
			if !l.makeRoom() {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// makeRoom delivers of what is pending as much as goes without waiting, and
// reports whether that was any.
func (l *Loop) makeRoom() bool {
	sent := 0
	for sent < len(l.pending) {
		a := &l.pending[sent]
		if l.sys.send(l.options.Queue, &a.message, a.connection) != 0 {
			break
		}
		l.delivered(a)
		sent++
	}
	l.pending = l.pending[:copy(l.pending, l.pending[sent:])]
	return sent > 0
}
