package supervise

import "time"

// backoff holds forks back while workers die before they have done anything.
type backoff struct {
	delay  time.Duration // Before the next fork; 0: all is well.
	failed time.Duration // When the latest failure was; those forked before it say nothing new.
	next   time.Duration // When to fork again.
}

func newBackoff() backoff {
	return backoff{failed: -1}
}

// fail notes that a worker, forked at that time, has failed. It returns
// whether the delay grew: workers that were forked together fail once.
func (b *backoff) fail(now, forked time.Duration) bool {
	if b.delay > 0 && forked <= b.failed {
		return false
	}
	b.delay = min(max(2*b.delay, firstDelay), lastDelay)
	b.failed, b.next = now, now+b.delay
	return true
}

// proved notes that a worker, forked at that time, is a success.
func (b *backoff) proved(forked time.Duration) {
	if forked > b.failed {
		b.delay = 0
	}
}

// allowed says how many of n workers may be forked now. While failures are in
// memory it is one at a time, and none until the one before is ready.
func (b *backoff) allowed(now time.Duration, n, starting int) int {
	switch {
	case b.delay == 0:
		return n
	case now < b.next || starting > 0:
		return 0
	default:
		return min(n, 1)
	}
}
