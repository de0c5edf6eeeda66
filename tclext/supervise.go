package main

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/reactor"
	"socketserver/internal/supervise"
)

// supervising answers what pools ask, beside the reactor, one thing at a time.
// internal/supervise/text.go says what stands in the texts.
var supervising = map[string]reactor.Answerer{
	"supervise new":  superviseNew,
	"supervise step": superviseStep,
	"supervise end":  superviseEnd,
}

// supervisors are those that exist, by the number that C knows, and memory
// that each step uses again.
var supervisors = struct {
	last int64
	all  map[int64]*supervise.Supervisor
	seen supervise.Snapshot
}{all: map[int64]*supervise.Supervisor{}}

// asked is the supervisor that a request names; of one that there isn't the
// answer tells.
func asked(request, answer *control.Message) *supervise.Supervisor {
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
	supervisors.last++
	supervisors.all[supervisors.last] = supervise.New(config)
	answer.Text = strconv.AppendInt(answer.Text, supervisors.last, 10)
}

// superviseStep shows a snapshot to a supervisor and answers what to do.
func superviseStep(request, answer *control.Message) {
	s := asked(request, answer)
	if s == nil {
		return
	}
	now, err := supervisors.seen.Read(request.Text)
	actions, standing := s.Step(now, supervisors.seen)
	answer.Text = supervise.AppendProblem(answer.Text, err)
	answer.Text = supervise.Append(answer.Text, actions, standing)
}

func superviseEnd(request, answer *control.Message) {
	if asked(request, answer) != nil {
		delete(supervisors.all, request.Numbers[0])
	}
}
