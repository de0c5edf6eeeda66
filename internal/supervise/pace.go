package supervise

import "time"

// Workers that end in the middle of something are replaced at once, but not
// more than so many together, and so many a second: whoever makes them end,
// clients perhaps, must not keep the server busy with forks.
const (
	paceBurst = 10 // Or as many as are wanted.
	paceRate  = 50 // Or three times as many as are wanted.
)

// pace is a bucket of forks: each takes one, and time brings new ones. What
// is forked for another reason is granted.
type pace struct {
	left   float64
	rate   float64       // That come to be left in a second.
	at     time.Duration // When some came last.
	wanted int           // How many workers have been granted.
}

func (p *pace) refill(now time.Duration) {
	burst := float64(max(paceBurst, p.wanted))
	p.rate = float64(max(paceRate, 3*p.wanted))
	if more := p.rate * (now - p.at).Seconds(); p.left < burst {
		p.left = min(burst, p.left+more)
	}
	p.at = now
}

// want grants those by which the number of workers grows.
func (p *pace) want(wanted int) {
	p.grant(max(wanted-p.wanted, 0))
	p.wanted = wanted
}

func (p *pace) grant(n int) {
	p.left += float64(n)
}

func (p *pace) take() bool {
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}

// pause is how long it takes until one is left.
func (p *pace) pause() time.Duration {
	return time.Duration((1 - p.left) / p.rate * float64(time.Second))
}
