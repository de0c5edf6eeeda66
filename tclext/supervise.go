package main

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/reactor"
	"socketserver/internal/standing"
	"socketserver/internal/supervise"
	"socketserver/internal/systemd"
)

// supervising answers what pools ask, beside the reactor, one thing at a time.
// internal/supervise/text.go says what stands in the texts.
var supervising = map[string]reactor.Answerer{
	"supervise new":  superviseNew,
	"supervise step": superviseStep,
	"supervise end":  superviseEnd,
}

// pools is how they stand, for the reactor.
var pools = new(standing.Table)

// supervised is a pool.
type supervised struct {
	*supervise.Supervisor
	slots    int
	notifier *systemd.Notifier // nil: nobody is to hear.
	pool     standing.Pool     // As it was told last.
}

// supervisors are those that exist, by the number that C knows, and memory
// that each step uses again.
var supervisors = struct {
	last int64
	all  map[int64]*supervised
	seen supervise.Snapshot
}{all: map[int64]*supervised{}}

// asked is the supervisor that a request names; of one that there isn't the
// answer tells.
func asked(request, answer *control.Message) *supervised {
	s := supervisors.all[request.Numbers[0]]
	if s == nil {
		*answer = control.Failure("USAGE", fmt.Errorf("no such supervisor: %w", unix.EBADF))
	}
	return s
}

// superviseNew makes a supervisor from a configuration and answers its number.
func superviseNew(request, answer *control.Message) {
	config, err := supervise.ParseConfig(request.Text)
	if err != nil {
		*answer = control.Failure("USAGE", err)
		return
	}
	s := &supervised{Supervisor: supervise.New(config), slots: config.Slots}
	if config.Notify {
		s.notifier = systemd.New(config.Watchdog)
	}
	supervisors.last++
	supervisors.all[supervisors.last] = s
	answer.Text = strconv.AppendInt(answer.Text, supervisors.last, 10)
}

// superviseStep shows a snapshot to a supervisor and answers what to do.
func superviseStep(request, answer *control.Message) {
	s := asked(request, answer)
	if s == nil {
		return
	}
	seen := &supervisors.seen
	now, err := seen.Read(request.Text)
	actions, stands := s.Step(now, *seen)
	s.note(seen, actions, stands)
	pools.Set(request.Numbers[0], s.pool)
	answer.Text = supervise.AppendProblem(answer.Text, err)
	answer.Text = supervise.Append(answer.Text, actions, stands)
}

// note notes how a pool stands after a step, and what there is to be heard of it.
func (s *supervised) note(seen *supervise.Snapshot, actions []supervise.Action, stands supervise.Standing) {
	p := &s.pool
	p.Phase, p.Generation, p.Wanted, p.Min, p.Max, p.LimitReached =
		stands.Phase, stands.Generation, stands.Wanted, stands.Min, stands.Max, stands.LimitReached
	p.Workers = p.Workers[:0]
	for _, w := range seen.Workers {
		p.Workers = append(p.Workers, standing.Worker{
			Pid: w.Pid, Slot: w.Slot, Generation: w.Generation, Attached: w.Slot >= s.slots,
		})
	}
	if seen.Counted {
		p.Counts = seen.Counts
	}
	if s.notifier != nil {
		p.Notify = s.notifier.Observe(monotonic(), actions, stands, len(seen.Workers))
	}
}

// monotonic is the time now, not rounded as a step's is.
func monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // It can't fail.
	return time.Duration(now.Nano())
}

func superviseEnd(request, answer *control.Message) {
	if asked(request, answer) != nil {
		delete(supervisors.all, request.Numbers[0])
		pools.Drop(request.Numbers[0])
	}
}
