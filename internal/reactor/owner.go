package reactor

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/limit"
	"socketserver/internal/queue"
)

// owner is a worker that has connections which are counted. When it dies they
// are closed, whether it has said so or not.
type owner struct {
	back *back
	pid  int32
	fd   int // A pidfd.
}

// Connections that were sent and that nobody has taken within this time, in
// nanoseconds, were a worker's that died before it could say so.
const takingTime = 10e9

const sweepTime = 1e9 // Between two looks for what can be forgotten.

// report notes what a worker says of connections that are counted.
func (b *back) report(from *queue.Receiver) {
	limits := b.service.limits
	if from.Pid <= 0 || !b.know(from.Pid) {
		return
	}
	_ = queue.DecodeReport(from.Bytes, func(id uint32, isEnded bool) {
		if isEnded {
			limits.Ended(id, from.Pid)
		} else {
			limits.Taken(id, from.Pid)
		}
	})
}

// know begins to watch a worker. It returns false if it is dead already.
func (b *back) know(pid int32) bool {
	if b.owners[pid] != nil {
		return true
	}
	fd, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return false
	}
	o := &owner{back: b, pid: pid, fd: fd}
	if b.service.reactor.watch(fd, o, unix.EPOLLIN) != 0 {
		descriptor.Close(fd)
		return false
	}
	b.owners[pid] = o
	return true
}

// ready: the worker has ended.
func (o *owner) ready(uint32) {
	o.end()
}

func (o *owner) end() {
	delete(o.back.owners, o.pid)
	o.back.service.reactor.unwatch(o.fd)
	descriptor.Close(o.fd)
	o.back.service.limits.OwnerEnded(o.pid)
}

func (o *owner) broken() {
	o.end()
}

// sweepSoon has what is over forgotten, as long as anything is counted.
func (s *service) sweepSoon() {
	if s.sweep.place == 0 {
		s.reactor.deadlines.set(&s.sweep, s.reactor.sys.now()+sweepTime)
	}
}

// countNoMore gives back what counting has taken, when nothing is accepted any more
// and no worker is left.
func (s *service) countNoMore() {
	if s.state != serving && !s.back.alive() {
		s.limits = limit.New()
		s.reactor.memory.counted(s)
	}
}

// sweepLimits forgets addresses that nobody comes from, and connections whose
// worker has died with them before it could say that it had them: those that have
// left the queue for long.
func (s *service) sweepLimits() {
	now := s.reactor.sys.now()
	before := now
	for _, l := range append(s.ending, s.queue) {
		if l == nil {
			continue
		}
		if first := l.oldest(s.reactor.sys.queued(l.receive)); first.ready > 0 {
			before = min(before, first.ready)
		}
	}
	if before > takingTime {
		s.limits.Forget(before - takingTime)
	}
	s.limits.Sweep(now)
	s.reactor.memory.counted(s)
	if s.limits.Addresses() > 0 && s.state != failed {
		s.sweepSoon()
	}
}
