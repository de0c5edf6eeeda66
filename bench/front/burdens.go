package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

// good are clients that come at a rate, ask once, and want to be served.
func good(rate float64, window time.Duration) load.Plan {
	return load.Plan{HTTP: true, Prefix: "id-", Rate: rate, Window: window, HalfEnd: true}
}

// silentClients asks that those who send nothing or too little hinder nobody.
func silentClients(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		window := r.window(20 * time.Second)
		got := criterion.Row{Asked: "1000 silent clients and 1000 with half a head beside 500 good requests/s: no good one fails, p99 < 20 ms"}
		server, err := r.open(ctx, r.Build, s, "-firstbyte", "5", "-head", headEnd, "-headtime", "5")
		if err != nil {
			return got, err
		}
		defer server.close()
		silent := load.Plan{HTTP: true, Silent: true, Clients: 1000, Window: window}
		half, slow := silent, load.Plan{HTTP: true, Gap: time.Second, Clients: 500, Window: window, Timeout: 30 * time.Second}
		half.Clients, half.Part = 500, 20
		results, err := server.load(ctx, good(500, window), silent, half, slow)
		if err != nil {
			return got, err
		}
		counts, err := server.counted()
		if err != nil {
			return got, err
		}
		p99 := millis(stats.Percentile(results[0].Latencies, 99))
		got.Seen = fmt.Sprintf("failed %d, %s; %s", results[0].Failed(), times(results[0]), list(counts, "accepted", "expired", "lost"))
		got.Outcomes = outcomes([]string{"good", "silent", "half a head", "a byte a second"}, results)
		got.OK = results[0].Failed() == 0 && results[0].Outcomes[load.Served] > 0 && p99 < 20
		return got, nil
	}
}

// overload asks for good replies when more is offered than can be done.
func overload(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		window := r.window(20 * time.Second)
		got := criterion.Row{Asked: fmt.Sprintf("1.5 of the capacity for %v, clients give up after 300 ms, -queuetime 0.1:"+
			" 85 %% of it in good replies, 65 %% in each second but the first", window)}
		server, err := r.open(ctx, r.Build, s, "-queuetime", "0.1", "-busyreply", busy)
		if err != nil {
			return got, err
		}
		defer server.close()
		most := load.Plan{HTTP: true, Prefix: "sleep4-", Clients: 16, Window: 3 * time.Second}
		results, err := server.load(ctx, most)
		if err != nil {
			return got, err
		}
		capacity := float64(results[0].InWindow) / most.Window.Seconds()
		offered := good(1.5*capacity, window)
		offered.Prefix, offered.GiveUp, offered.Busy, offered.HalfEnd = most.Prefix, 300*time.Millisecond, busy, false
		results, err = server.load(ctx, offered)
		if err != nil {
			return got, err
		}
		counts, err := server.counted()
		if err != nil {
			return got, err
		}
		seconds := make([]int, max(2, int(window.Seconds())))
		copy(seconds, results[0].PerSecond)
		whole := float64(results[0].Outcomes[load.Served]) / capacity / window.Seconds()
		least := float64(slices.Min(seconds[1:])) / capacity
		got.Seen = fmt.Sprintf("capacity %.0f/s; good %.0f %%, least second %.0f %%, %s; in each second %d; %s",
			capacity, 100*whole, 100*least, times(results[0]), seconds, list(counts, "shed", "gone", "lost"))
		got.Outcomes = outcomes([]string{"offered"}, results)
		got.OK = whole >= 0.85 && least >= 0.65
		return got, nil
	}
}

// blocked asks that the reactor sheds when no worker does.
func blocked(s style) func(context.Context, run) (criterion.Row, error) {
	const soon = 350 * time.Millisecond
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("all workers blocked for 5 s, -queuetime 0.1: 200 a second are shed, each within %v", soon)}
		server, err := r.open(ctx, r.Build, s, "-queuetime", "0.1", "-busyreply", busy)
		if err != nil {
			return got, err
		}
		defer server.close()
		block := load.Plan{HTTP: true, Prefix: "sleep5000-", Clients: 4, Limit: 4, Window: time.Minute}
		offered := good(200, 4*time.Second)
		offered.Busy = busy
		blocking := make(chan error, 1)
		var blockers []load.Result
		go func() {
			var err error
			blockers, err = server.load(ctx, block)
			blocking <- err
		}()
		time.Sleep(300 * time.Millisecond) // by now each worker has one
		results, err := server.load(ctx, offered)
		if blockErr := <-blocking; err != nil || blockErr != nil {
			return got, fmt.Errorf("%w, %w", err, blockErr)
		}
		counts, err := server.counted()
		if err != nil {
			return got, err
		}
		longest := stats.Percentile(results[0].Shed, 100)
		got.Seen = fmt.Sprintf("shed %d of %d, after %.0f ms at most; %s", results[0].Outcomes[load.Busy], results[0].Started,
			millis(longest), list(counts, "shed", "gone", "lost"))
		got.Outcomes = outcomes([]string{"offered", "those that block"}, append(results, blockers...))
		got.OK = results[0].Outcomes[load.Busy] == results[0].Started && longest <= soon && blockers[0].Failed() == 0
		return got, nil
	}
}

// oneAddress asks that one that wants too much hinders nobody else.
func oneAddress(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		window := r.window(20 * time.Second)
		got := criterion.Row{Asked: "each second one address opens 2000 connections beside 200 good requests/s from others," +
			" -maxperaddr 10: no good one fails"}
		server, err := r.open(ctx, r.Build, s, "-maxperaddr", "10", "-busyreply", busy)
		if err != nil {
			return got, err
		}
		defer server.close()
		greedy := load.Plan{
			HTTP: true, Prefix: "id-", Busy: busy, Source: netip.MustParsePrefix("127.0.0.66/32"),
			Clients: 2000, Limit: 2000, Stay: true, HalfEnd: true, Window: time.Second,
			Pause: load.Pause{Least: time.Second / 2, Most: time.Second},
		}
		others := good(200, window)
		others.Source = netip.MustParsePrefix("127.0.1.0/24")
		attack := make(chan load.Result)
		stop := make(chan struct{})
		go func() { attack <- server.again(ctx, greedy, stop) }()
		results, err := server.load(ctx, others)
		close(stop)
		attacked := <-attack
		if err != nil {
			return got, err
		}
		counts, err := server.counted()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("failed %d, %s; %s", results[0].Failed(), times(results[0]), list(counts, "accepted", "refused", "lost"))
		got.Outcomes = outcomes([]string{"good", "the one"}, append(results, attacked))
		got.OK = results[0].Failed() == 0 && results[0].Outcomes[load.Served] > 0 &&
			attacked.Outcomes[load.Busy] > attacked.Started/2
		return got, nil
	}
}

// again makes a load over and over, until it is to stop, and adds up.
func (s *site) again(ctx context.Context, plan load.Plan, stop <-chan struct{}) load.Result {
	var whole load.Result
	for {
		results, err := s.load(ctx, plan)
		whole.Add(results[0].Counts)
		whole.Answers += results[0].Answers
		select {
		case <-stop:
			return whole
		default:
			if err != nil {
				return whole
			}
		}
	}
}

// children asks that a server with a trap on SIGCHLD survives, and doesn't
// grow.
func children(ctx context.Context, r run) (criterion.Row, error) {
	window := r.window(time.Minute)
	got := criterion.Row{Asked: fmt.Sprintf("PROXY headers at 5000/s for %v, a trap on SIGCHLD, 100 children a second: PSS flat but for what others map, too, none fails", window)}
	server, err := r.openScript(ctx, r.Build, []string{r.Tclsh, "front/children.tcl", workers, "10"})
	if err != nil {
		return got, err
	}
	defer server.close()
	first := load.Plan{Rate: 2500, Prefix: "id ", Window: window, Proxy: load.Proxy{Version: 1}}
	second := first
	second.Proxy = load.Proxy{Version: 2, Checksum: true, TLVs: []load.TLV{
		{Type: 0x01, Value: []byte("h2")}, {Type: 0x02, Value: []byte("example.com")}, {Type: 0x05, Value: []byte("0123456789")},
	}}
	stop := server.watch(ownPSS)
	results, err := server.load(ctx, first, second)
	samples := stop()
	if err != nil {
		return got, err
	}
	if _, err := server.Usage(); err != nil {
		return got, err
	}
	early, late := halves(samples)
	got.Seen = fmt.Sprintf("failed %d, v1 %s, v2 %s; PSS %.1f MB in the first half, %.1f in the second (medians)",
		results[0].Failed()+results[1].Failed(), times(results[0]), times(results[1]), early, late)
	got.Outcomes = outcomes([]string{"v1", "v2"}, results)
	got.OK = results[0].Failed()+results[1].Failed() == 0 && results[0].Answers > 0 && late <= early*1.03+0.2
	return got, nil
}

// halves returns the medians of the first and the second half of samples, the
// first tenth left out.
func halves(samples []float64) (early, late float64) {
	samples = samples[len(samples)/10:]
	return stats.Median(samples[:len(samples)/2]), stats.Median(samples[len(samples)/2:])
}

// spare is how many descriptors a server is left with.
const spare = 20

// fewDescriptors asks that a server with few of them pauses and loses nobody.
// Silent clients, more than it can hold, see to it that it has to.
func fewDescriptors(s style) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d descriptors to spare, %d clients at once, 200 silent ones among them:"+
			" it pauses, goes on, loses none", spare, r.clients)}
		server, err := r.open(ctx, r.Build, s, "-firstbyte", "1")
		if err != nil {
			return got, err
		}
		defer server.close()
		if err := server.leave(spare); err != nil {
			return got, err
		}
		clients := load.Plan{
			HTTP: true, Prefix: "id-", Clients: r.clients, Limit: r.clients, HalfEnd: true,
			Window: time.Minute, Timeout: time.Minute,
		}
		silent := load.Plan{Silent: true, Clients: 200, Limit: 200, Window: time.Minute}
		results, err := server.load(ctx, clients, silent)
		if err != nil {
			return got, err
		}
		counts, err := server.counted()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("failed %d in %.1f s; %s", results[0].Failed(), results[0].Elapsed.Seconds(),
			list(counts, "accepted", "handedOver", "expired", "pauses", "lost"))
		got.Outcomes = outcomes([]string{"clients", "silent"}, results)
		got.OK = results[0].Failed() == 0 && results[1].Failed() == 0 && counts["pauses"] > 0 && counts["lost"] == 0
		return got, nil
	}
}

// leave lets the server have so many descriptors more than it has open.
func (s *site) leave(spare int) error {
	counts, err := s.counted()
	if err != nil {
		return err
	}
	most := uint64(counts["open"] + spare)
	if err := unix.Prlimit(s.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
		return fmt.Errorf("prlimit: %w", err)
	}
	return nil
}
