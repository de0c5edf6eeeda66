package scenario

import (
	"context"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

const (
	// warmUp is how long a server is loaded before it is measured.
	warmUp = 300 * time.Millisecond
	// settleMost bounds the wait for a server to become idle.
	settleMost = 5 * time.Second
	// defaultTimeout is how long a client waits for a reply.
	defaultTimeout = 5 * time.Second
)

// Trial starts a contestant, loads it, and returns what that cost.
func (r *Runner) Trial(ctx context.Context, s Scenario, c Case) (result.Measure, error) {
	contestant, ok := contest.ByName(c.Contestant)
	if !ok {
		return result.Measure{}, fmt.Errorf("no contestant %q", c.Contestant)
	}
	args, env, err := contestant.Command(r.Env, c.Job, c.Workers)
	if err != nil {
		return result.Measure{}, err
	}
	if c.Forks > 0 {
		args = append(args, strconv.Itoa(c.Forks))
	}
	srv, err := server.Start(ctx, args, env)
	if err != nil {
		return result.Measure{}, err
	}
	t := &trial{scenario: s, c: c, contestant: contestant, srv: srv}
	err = t.run(ctx)
	rusage := srv.Stop()
	if err == nil && contestant.PerConnection {
		t.countEnded(rusage)
	}
	return t.measure, err
}

// trial is the state of one measurement.
type trial struct {
	scenario   Scenario
	c          Case
	contestant contest.Contestant
	srv        *server.Server
	warmServed int
	before     server.Usage // when the server had started
	measure    result.Measure
}

// run warms the server up and measures it.
func (t *trial) run(ctx context.Context) error {
	if t.c.Forks == 0 {
		t.settle()
	}
	before, err := t.srv.Usage()
	if err != nil {
		return err
	}
	t.before = before
	t.measure.IdlePSS = t.workerPSS()
	idle, err := openIdle(ctx, t.srv.Port, t.c.Idle)
	defer idle.close()
	if err != nil {
		return err
	}
	if t.scenario.Warm {
		if err := t.warm(ctx); err != nil {
			return err
		}
	}
	return t.load(ctx)
}

// settle waits until the server's processes have done what they do at start.
func (t *trial) settle() {
	const pause, idle = 50 * time.Millisecond, 2 * time.Millisecond
	deadline := time.Now().Add(settleMost)
	last := time.Duration(-1)
	for time.Now().Before(deadline) {
		usage, err := t.srv.Usage()
		if err != nil || last >= 0 && usage.CPU-last < idle {
			return
		}
		last = usage.CPU
		time.Sleep(pause)
	}
}

// workerPSS returns the memory of a worker. A process per connection has to be
// caught while it lives: see warm.
func (t *trial) workerPSS() float64 {
	if t.contestant.PerConnection {
		return 0
	}
	return server.MeanPSS(t.srv.Workers())
}

// warm loads the server for a moment. Where a process lives for a connection,
// the memory of those seen meanwhile is a worker's.
func (t *trial) warm(ctx context.Context) error {
	plan := t.plan()
	plan.Window = warmUp
	stop, sampled := make(chan struct{}), make(chan float64, 1)
	if t.contestant.PerConnection {
		go func() { sampled <- t.sampleChildren(stop) }()
	}
	got, err := load.Run(ctx, plan, plan.Threads())
	close(stop)
	if t.contestant.PerConnection {
		t.measure.PSS = <-sampled
	}
	if err != nil {
		return err
	}
	t.warmServed = got.Outcomes[load.Served]
	if t.warmServed == 0 {
		return fmt.Errorf("served none of the first %d connections %v%s", got.Started, got.Failures(), t.srv.Complaint())
	}
	return nil
}

// sampleChildren looks at the processes beside the first one until stopped and
// returns their mean PSS.
func (t *trial) sampleChildren(stop <-chan struct{}) float64 {
	var samples []float64
	for {
		select {
		case <-stop:
			if len(samples) == 0 {
				return 0
			}
			return stats.Median(samples)
		case <-time.After(10 * time.Millisecond):
			if pss := server.MeanPSS(t.srv.Children()); pss > 0 {
				samples = append(samples, pss)
			}
		}
	}
}

// plan returns the scenario's load for this server.
func (t *trial) plan() load.Plan {
	plan := t.scenario.Plan(t.c)
	plan.Port = t.srv.Port
	plan.Window = t.scenario.Window
	plan.Lines = max(t.c.Lines, 1)
	if plan.Prefix == "" {
		plan.Prefix = "line "
	}
	if plan.Timeout == 0 {
		plan.Timeout = defaultTimeout
	}
	return plan
}

// load makes the load that is measured.
func (t *trial) load(ctx context.Context) error {
	before, err := t.srv.Usage()
	if err != nil {
		return err
	}
	clientBefore := ownCPU()
	got, shares, err := t.loadAndProfile(ctx)
	if err != nil {
		return err
	}
	client := ownCPU() - clientBefore
	after, err := t.srv.Usage()
	if err != nil {
		return err
	}
	if got.Outcomes[load.Served] == 0 {
		return fmt.Errorf("served none of %d connections %v%s", got.Started, got.Failures(), t.srv.Complaint())
	}
	t.record(got, after, before, client)
	if shares != nil {
		t.measure.PartsCPU = map[server.Part]float64{}
	}
	for part, share := range shares {
		t.measure.PartsCPU[part] = share * t.measure.CPUMicros
	}
	if !t.contestant.PerConnection {
		t.measure.PSS = t.workerPSS()
	}
	return nil
}

// loadAndProfile makes the load and returns, where the scenario wants it, each
// part's share of the processor time that it cost.
func (t *trial) loadAndProfile(ctx context.Context) (load.Result, map[server.Part]float64, error) {
	plan := t.plan()
	if !t.scenario.Profiled {
		got, err := load.Run(ctx, plan, plan.Threads())
		return got, nil, err
	}
	profile, err := t.srv.Record(ctx)
	if err != nil {
		return load.Result{}, nil, err
	}
	got, err := load.Run(ctx, plan, plan.Threads())
	shares, finishErr := profile.Finish(ctx)
	if err == nil {
		err = finishErr
	}
	return got, shares, err
}

// record turns counts and costs into a measure: for each connection, or for
// each line where connections stay.
func (t *trial) record(got load.Result, after, before server.Usage, client time.Duration) {
	plan := t.plan()
	served := float64(got.Outcomes[load.Served])
	if plan.Stay {
		served = float64(got.Answers)
	}
	m := &t.measure
	m.Started, m.Served = got.Started, got.Outcomes[load.Served]
	m.Failures = got.Failures()
	m.ServedBy = len(got.Pids)
	m.Seconds = got.Elapsed.Seconds()
	m.CPUMicros = micros(after.CPU-before.CPU) / served
	m.FirstCPU = micros(after.First-before.First) / served
	m.Switches = float64(after.Switches-before.Switches) / served
	m.ClientCPU = micros(client) / served
	m.ClientShare = client.Seconds() / got.Elapsed.Seconds() / float64(plan.Threads())
	m.P50 = millis(stats.Percentile(got.Latencies, 50))
	m.P99 = millis(stats.Percentile(got.Latencies, 99))
	m.P999 = millis(stats.Percentile(got.Latencies, 99.9))
	for _, p := range result.Points {
		m.Quantiles = append(m.Quantiles, millis(stats.Percentile(got.Latencies, p)))
	}
	if plan.Limit == 0 {
		m.ConnPerSec = float64(got.InWindow) / plan.Window.Seconds()
	}
}

// countEnded takes the context switches of a server that has ended from what
// the kernel counted for its first process and all that it reaped: of a process
// that lived for one connection nothing else is left.
func (t *trial) countEnded(rusage *syscall.Rusage) {
	if rusage == nil {
		return
	}
	switches := int(rusage.Nvcsw+rusage.Nivcsw) - t.before.Switches
	t.measure.Switches = float64(switches) / float64(t.warmServed+t.measure.Served)
}

// ownCPU returns what this process, the load generator, has cost.
func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func micros(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e3
}

func millis(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e6
}
