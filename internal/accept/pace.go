package accept

// Pauses in milliseconds.
const (
	firstPause = 5
	maxPause   = 100
)

// patience is how many transient errors in a row are retried at once.
const patience = 16

// pace says how long to pause while something keeps failing. The zero value
// is ready.
type pace struct {
	pause int // The latest pause; 0: none in this episode.
	inRow int // Transient errors since the latest success.
}

// next is the next pause in milliseconds: each twice the one before.
func (p *pace) next() int {
	p.pause = min(max(2*p.pause, firstPause), maxPause)
	return p.pause
}

// transient notes an error that a retry should mend and returns how long to
// pause before it. The first few are retried at once; one that goes on
// endlessly must not make a busy loop.
func (p *pace) transient() int {
	p.inRow++
	if p.inRow <= patience {
		return 0
	}
	return p.next()
}

// reset ends the episode.
func (p *pace) reset() {
	*p = pace{}
}
