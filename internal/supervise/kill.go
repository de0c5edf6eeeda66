package supervise

import (
	"cmp"
	"slices"
	"time"
)

// sorted is every worker that is there, the oldest first.
func (s *Supervisor) sorted() []*worker {
	s.order = s.order[:0]
	for _, w := range s.workers {
		s.order = append(s.order, w)
	}
	slices.SortFunc(s.order, func(a, b *worker) int {
		return cmp.Or(cmp.Compare(a.forked, b.forked), cmp.Compare(a.Pid, b.Pid))
	})
	return s.order
}

// killLate kills those whose time is up.
func (s *Supervisor) killLate() {
	for _, w := range s.sorted() {
		switch {
		case w.killed:
		case w.killAt <= s.now:
			s.kill(w, w.reason, 0)
		case w.killAt != never:
			s.within(w.killAt - s.now)
		case w.Connections > 0:
			s.stepLong(w)
		case s.attached(w): // Who made it looks after its start and its end.
		case w.State == Starting:
			s.killAt(w, s.config.Start, ForStart)
		case w.State == Retiring:
			s.killAt(w, s.config.Start, ForEnd)
		}
	}
	for _, limit := range [...]time.Duration{s.config.Timeout, s.config.Slow} {
		if limit > 0 {
			s.within(limit)
		}
	}
}

// killAt kills a worker whose age has passed a limit; 0 is none.
func (s *Supervisor) killAt(w *worker, limit time.Duration, reason Reason) {
	if limit <= 0 {
		return
	}
	if w.Age >= limit {
		s.kill(w, reason, limit)
		return
	}
	s.within(limit - w.Age)
}

// kill sends SIGKILL, once.
func (s *Supervisor) kill(w *worker, reason Reason, limit time.Duration) {
	w.killed, w.doubt = true, limit > 0
	w.asked = w.asked || !w.doubt
	s.act(Action{Kind: Kill, Pid: w.Pid, Signal: "KILL", Reason: reason, Limit: limit})
}

// terminate sends SIGTERM now and SIGKILL after a while, unless that is under
// way.
func (s *Supervisor) terminate(w *worker, reason Reason) {
	if w.killed || w.killAt != never {
		return
	}
	w.asked, w.killAt, w.reason = true, s.now+killPause, reason
	s.act(Action{Kind: Kill, Pid: w.Pid, Signal: "TERM", Reason: reason})
	s.within(killPause)
}

func (s *Supervisor) act(a Action) {
	s.actions = append(s.actions, a)
}

func (s *Supervisor) log(level, text string, args ...int) {
	s.act(Action{Kind: Log, Level: level, Text: text, Args: args})
}

// within makes the next step come in time.
func (s *Supervisor) within(pause time.Duration) {
	s.wake = min(s.wake, max(pause, 0))
}
