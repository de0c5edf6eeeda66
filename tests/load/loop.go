package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// tick is how often a loop looks at deadlines and at its context; more often
// where clients give up.
const tick = 50 * time.Millisecond

// timerData marks an event of the timer; other events carry a place's number.
const timerData = -1

// loop is one thread of the generator.
type loop struct {
	plan       Plan
	to         address
	began      time.Time
	epfd       int
	timerFd    int
	conns      []conn
	free       []int // places for connections
	due        *arrivals
	wakes      wakes // places that wait for a moment
	rng        *rand.Rand
	tick       time.Duration
	lineNumber int // of the next line
	stream     int // which one of the loops this is...
	streams    int // ...and how many share the numbers
	buf        []byte
	result     Result
}

// runLoop carries a plan out on one thread.
func runLoop(ctx context.Context, plan Plan, stream, streams int, began time.Time) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := newLoop(plan, stream, streams, began)
	if err != nil {
		return Result{}, err
	}
	defer l.close()
	if err := l.run(ctx); err != nil {
		return l.result, fmt.Errorf("load generator: %w", err)
	}
	l.result.Elapsed = l.now()
	return l.result, l.result.Check()
}

func newLoop(plan Plan, stream, streams int, began time.Time) (*loop, error) {
	to, err := plan.address()
	if err != nil {
		return nil, err
	}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	timerFd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		unix.Close(epfd)
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	l := &loop{
		plan: plan, to: to, began: began, epfd: epfd, timerFd: timerFd,
		lineNumber: stream, stream: stream, streams: streams,
		buf:    make([]byte, 4096),
		result: Result{Latencies: make([]time.Duration, 0, 1<<16), Pids: map[int]int{}},
	}
	l.rng = rand.New(rand.NewPCG(seed+1, uint64(stream)))
	l.tick = tick
	if plan.GiveUp > 0 {
		l.tick = min(tick, max(plan.GiveUp/20, time.Millisecond))
	}
	if plan.Rate > 0 {
		l.due = newArrivals(plan.Rate, stream)
	}
	l.conns = make([]conn, plan.Clients)
	for i := plan.Clients - 1; i >= 0; i-- {
		l.conns[i] = conn{slot: i, fd: -1, socket: -1, wake: never, line: make([]byte, 0, 64), in: make([]byte, 0, 128)}
		l.free = append(l.free, i)
	}
	if errno := epollAdd(epfd, timerFd, unix.EPOLLIN|unix.EPOLLET, timerData); errno != 0 {
		l.close()
		return nil, fmt.Errorf("epoll_ctl: %w", errno)
	}
	return l, nil
}

func (l *loop) close() {
	for i := range l.conns {
		switch c := &l.conns[i]; {
		case c.socket >= 0:
			closeFd(c.socket)
		case c.isOpen():
			closeFd(c.fd)
		}
	}
	unix.Close(l.timerFd)
	unix.Close(l.epfd)
}

// now returns the time since the run began.
func (l *loop) now() time.Duration {
	return time.Since(l.began)
}

// run begins connections as the plan says and ends when all are over.
func (l *loop) run(ctx context.Context) error {
	events := make([]unix.EpollEvent, 256)
	var nextTick time.Duration
	for {
		l.beginDue()
		if l.allOver() {
			return nil
		}
		if now := l.now(); now >= nextTick {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			l.expire(now)
			nextTick = now + l.tick
		}
		l.armTimer()
		n, errno := epollWait(l.epfd, events, l.tick)
		if errno != 0 {
			return fmt.Errorf("epoll_wait: %w", errno)
		}
		for _, event := range events[:n] {
			if event.Fd != timerData {
				l.handle(int(event.Fd), event.Events)
			}
		}
		l.wakeUp()
	}
}

// mayBegin reports whether the plan has a connection to begin, ever or now.
func (l *loop) mayBegin() bool {
	if l.plan.Limit > 0 && l.result.Started >= l.plan.Limit {
		return false
	}
	if l.due != nil && !l.plan.stays() {
		return !l.windowOver(l.due.next)
	}
	return !l.windowOver(l.now())
}

// windowOver reports whether at a moment nothing may begin any more.
func (l *loop) windowOver(at time.Duration) bool {
	select {
	case <-l.plan.Enough:
		return true
	default:
		return at >= l.plan.Window
	}
}

// allOver reports whether nothing is open and nothing will be.
func (l *loop) allOver() bool {
	return len(l.free) == len(l.conns) && !l.mayBegin()
}

// beginDue begins what is due, each free place once: a connection that is
// over at once leaves its place to the next turn.
func (l *loop) beginDue() {
	for turns := len(l.free); turns > 0 && l.mayBegin(); turns-- {
		now := l.now()
		due := now
		if l.due != nil {
			if l.due.next > now {
				return
			}
			due = l.due.next
			l.due.advance()
		}
		slot := l.free[len(l.free)-1]
		l.free = l.free[:len(l.free)-1]
		l.result.Started++
		if done, outcome := l.begin(slot, due); done {
			l.end(slot, outcome)
		}
	}
}

// armTimer makes epoll return when something is due that no descriptor tells.
func (l *loop) armTimer() {
	next := time.Duration(-1)
	if l.due != nil && l.mayBegin() && len(l.free) > 0 {
		next = l.due.next
	}
	if at, ok := l.wakes.first(); ok && (next < 0 || at < next) {
		next = at
	}
	if next >= 0 {
		setTimer(l.timerFd, next-l.now())
	}
}

// handle does what an event asks for.
func (l *loop) handle(slot int, events uint32) {
	c := &l.conns[slot]
	if c.socket >= 0 {
		l.receiveDatagrams(c)
		return
	}
	if !c.isOpen() {
		return
	}
	if events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		if done, outcome := l.send(c); done {
			l.end(slot, outcome)
			return
		}
		if !c.idle && l.plan.GiveUp == 0 {
			c.deadline = l.now() + l.plan.Timeout // connected: now for the reply
		}
	}
	const over = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLIN|over) == 0 {
		return
	}
	if done, outcome := l.receive(c, events&over != 0); done {
		l.end(slot, outcome)
	}
}

// wakeUp does what places have waited for: a byte to send, or a line.
func (l *loop) wakeUp() {
	for now := l.now(); ; {
		at, ok := l.wakes.first()
		if !ok || at > now {
			return
		}
		c := &l.conns[l.wakes.pop()]
		if !c.isOpen() || c.wake != at {
			continue // of a connection that is over
		}
		c.wake = never
		if c.knocks {
			if done, outcome := l.connect(c); done {
				l.end(c.slot, outcome)
			} else if !c.knocks && c.idle && !l.plan.Silent {
				l.rest(c, now) // its pause was spent knocking
			}
			continue
		}
		if c.idle && l.windowOver(now) {
			continue // the next tick ends it
		}
		if c.idle {
			l.newLine(c, now)
		}
		if done, outcome := l.send(c); done {
			l.end(c.slot, outcome)
		}
	}
}

// wakeAt has a place waited for; what it waited for before is forgotten.
func (l *loop) wakeAt(c *conn, at time.Duration) {
	c.wake = at
	l.wakes.push(at, c.slot)
}

// expire ends what has taken too long, and those that stay when the window is
// over.
func (l *loop) expire(now time.Duration) {
	over := l.plan.stays() && l.windowOver(now)
	for i := range l.conns {
		c := &l.conns[i]
		switch {
		case !c.isOpen():
		case over && c.idle && c.answers == 0:
			l.end(i, Left)
		case over && c.idle:
			l.finish(c, now)
		case now < c.deadline:
		case c.linesLeft == 0:
			l.end(i, NoFin)
		case l.plan.GiveUp > 0:
			l.end(i, GaveUp)
		default:
			l.end(i, TimedOut)
		}
	}
}

// end counts a connection's outcome and frees its place.
func (l *loop) end(slot int, outcome Outcome) {
	c := &l.conns[slot]
	l.result.Outcomes[outcome]++
	if outcome == Served {
		l.served(c)
	}
	if outcome.failed() && len(l.result.Mishaps) < maxMishaps {
		l.result.Mishaps = append(l.result.Mishaps, Mishap{l.now(), outcome})
	}
	if c.isOpen() {
		l.result.Longest = max(l.result.Longest, l.now()-c.began)
		l.vacate(c, outcome)
	}
	l.free = append(l.free, slot)
}

// vacate ends what the place was taken by.
func (l *loop) vacate(c *conn, outcome Outcome) {
	if l.plan.Datagrams {
		c.keepDatagram(outcome)
		return
	}
	closeFd(c.fd)
	c.fd, c.wake = -1, never
}

// served counts what else there is of a connection that was.
func (l *loop) served(c *conn) {
	now := l.now()
	l.result.Pids[c.pid] += c.answers
	if now-c.replied > late {
		l.result.Late++
	}
	if l.plan.Stay {
		return
	}
	l.result.Latencies = append(l.result.Latencies, now-c.due)
	if now <= l.plan.Window {
		l.result.InWindow++
	}
}
