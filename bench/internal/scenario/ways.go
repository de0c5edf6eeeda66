package scenario

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/server"
)

// Apart is the case whose clients come one after the other: what both
// demonstrations are compared with.
const Apart = "apart"

// The ways that goals speak of, as their programs are called.
const (
	SharedAccept = "shared_accept"
	ByAccept     = "hand_over_accept"
	ByEvent      = "hand_over_event"
)

// datagrams is the way whose clients can't be slow.
const datagrams = "udp"

// ways lists the programs of examples/ways, the reference first.
func ways() []Case {
	return []Case{
		{Contestant: Apart, Title: "one worker, one client after the other", Workers: 1},
		{Contestant: "one_process", Title: "one process, event loop"},
		{Contestant: "fork_per_connection", Title: "fork per connection"},
		{Contestant: SharedAccept, Title: "pre-fork, shared accept", Workers: at20},
		{Contestant: ByAccept, Title: "pre-fork, hand-over, accept", Workers: at20},
		{Contestant: ByEvent, Title: "pre-fork, hand-over, event loop", Workers: at20},
		{Contestant: "threads", Title: "threads", Workers: at20},
		{Contestant: datagrams, Title: "UDP", Workers: at20},
		{Contestant: "inetd", Title: "inetd, a program for each", Workers: at20},
	}
}

// way starts one of the servers and has its client show both demonstrations.
// The window is how long a request takes; slow clients are faster if it is
// shorter than it should be.
func (r *Runner) way(ctx context.Context, s Scenario, c Case) (result.Measure, error) {
	if err := contest.Built(r.Env); err != nil {
		return result.Measure{}, err
	}
	name, options := c.Contestant, []string(nil)
	switch name {
	case Apart:
		name, options = SharedAccept, []string{"-apart"}
	case datagrams:
		options = []string{"-udp"}
	}
	args := []string{r.Env.Tclsh, filepath.Join(r.Env.Ways, name+".tcl"), "0"}
	if c.Workers > 0 {
		args = append(args, strconv.Itoa(c.Workers))
	}
	srv, err := server.Start(ctx, args, contest.TclEnviron(r.Env))
	if err != nil {
		return result.Measure{}, err
	}
	defer srv.Stop()
	var m result.Measure
	seconds := strconv.FormatFloat(s.Window.Seconds(), 'f', 3, 64)
	lengthy, err := r.demonstrate(ctx, srv, append([]string{"lengthy", "-seconds", seconds}, options...), &m)
	if err != nil {
		return m, err
	}
	m.Seconds = lengthy.took
	if name == datagrams {
		return m, nil
	}
	scale := strconv.FormatFloat(s.Window.Seconds()/fullWindow.Seconds(), 'f', 3, 64)
	slow, err := r.demonstrate(ctx, srv, append([]string{"slow", "-scale", scale}, options...), &m)
	m.SlowSeconds, m.SlowWait = slow.took, slow.waited
	return m, err
}

// fullWindow is how long a request of the whole demonstration takes.
const fullWindow = 5 * time.Second

// shown is what the client said of a demonstration.
type shown struct {
	took, waited float64
}

// demonstrate runs the client and adds up its answers.
func (r *Runner) demonstrate(ctx context.Context, srv *server.Server, args []string, m *result.Measure) (shown, error) {
	script := filepath.Join(r.Env.Ways, "client.tcl")
	args = append([]string{script, args[0], strconv.Itoa(srv.Port)}, args[1:]...)
	text, err := exec.CommandContext(ctx, r.Env.Tclsh, args...).Output()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var right, clients int
	var got shown
	last := lines[len(lines)-1]
	_, scanErr := fmt.Sscanf(last, "%d of %d right in %f s, at most %f s", &right, &clients, &got.took, &got.waited)
	if scanErr != nil {
		return got, fmt.Errorf("the client: %w%s", errors.Join(err, scanErr), srv.Complaint())
	}
	m.Started += clients
	m.Served += right
	if right < clients {
		if m.Failures == nil {
			m.Failures = map[string]int{}
		}
		m.Failures["wrong"] += clients - right
	}
	return got, nil
}
