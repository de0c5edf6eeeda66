package load

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Plan says what load to make.
type Plan struct {
	Port      int             // on 127.0.0.1
	Path      string          // instead: of a Unix socket; "@name" is an abstract one
	Datagrams bool            // UDP: each connection is a datagram and its reply
	Echo      bool            // a reply to a line is that line, with or without a pid before it
	Clients   int             // connections open at any time; in an open loop at most, 0: maxOpen
	Rate      float64         // open loop: connections a second; 0 means closed
	Window    time.Duration   // connections begin for so long
	Enough    <-chan struct{} // closed when no more shall begin, though the window isn't over
	Limit     int             // at most so many connections; 0: as many as come
	Lines     int             // to send on each connection, each after the reply to the one before
	Stay      bool            // instead: lines until no connection may begin any more
	Pause     Pause           // before each line
	HalfEnd   bool            // after the last reply, shut down the sending side
	Gap       time.Duration   // send a byte at a time, with this pause between two
	HTTP      bool            // a line is the path of a request with a head, and so is its reply
	Prefix    string          // of each line; a number follows
	Silent    bool            // send Part bytes of the first line, and nothing more
	Part      int             // see Silent
	Busy      string          // the reply of a server that has too much to do, told apart
	Timeout   time.Duration   // for the connection, for each reply, and for the end of file after the last
	GiveUp    time.Duration   // instead, for a reply, from when it was due
	Source    netip.Prefix    // addresses to connect from, in turn
	Proxy     Proxy           // sent first
}

// Pause is a time between two bounds, drawn for each line; none when the upper
// one is 0. Before a connection's first line it is up to the upper one, so that
// clients that begin together don't ask together.
type Pause struct {
	Least, Most time.Duration
}

// stays tells that connections end with the window, not by themselves.
func (p Plan) stays() bool {
	return p.Stay || p.Silent
}

// Result is what came of a plan.
type Result struct {
	Counts
	Answers   int             // right replies, to each line of each connection
	InWindow  int             // served before the window was over; of connections that stay, lines answered
	Late      int             // served, but the end of file came more than a second after the reply
	Overdue   int             // replies to datagrams that were over without
	Surplus   int             // replies to datagrams that had one, or to none
	Elapsed   time.Duration   // until the last connection ended
	Longest   time.Duration   // from the call to connect until the connection was over
	Latencies []time.Duration // of those served, sorted; of connections that stay, of each line
	Shed      []time.Duration // until the busy reply, sorted
	PerSecond []int           // right replies in each second
	Mishaps   []Mishap        // the first of those that failed, by time
	Pids      map[int]int     // by whom those served were answered, and how often
}

// Mishap is when, since the run began, a connection failed, and how.
type Mishap struct {
	At      time.Duration
	Outcome Outcome
}

// maxMishaps bounds how many a thread keeps.
const maxMishaps = 10000

// Over returns how many latencies are above a bound.
func (r Result) Over(bound time.Duration) int {
	at, _ := slices.BinarySearch(r.Latencies, bound+1)
	return len(r.Latencies) - at
}

// late is when an end of file is.
const late = time.Second

// maxOpen bounds how many connections an open loop has open at once; what is
// due beyond that waits, and its wait counts.
const maxOpen = 4000

// seed makes every server face the same moments of arrival.
const seed = 1

// Run makes the load, on so many threads, and returns when every connection has
// ended. An error means that the generator itself could not do its work, or was
// called off.
func Run(ctx context.Context, plan Plan, threads int) (Result, error) {
	shares := plan.split(threads)
	defer processors(len(shares))()
	results := make([]Result, len(shares))
	errs := make([]error, len(shares))
	var wg sync.WaitGroup
	began := time.Now()
	for i, share := range shares {
		wg.Go(func() {
			results[i], errs[i] = runLoop(ctx, share, i, len(shares), began)
		})
	}
	wg.Wait()
	return merge(results), errors.Join(errs...)
}

// processing guards the number of Go's processors.
var processing sync.Mutex

// processors gives the scheduler some more: each thread of a load keeps one while
// it waits, and where several loads run at once those without one would only get it
// when the scheduler takes it from another, which is 10 ms. The caller calls restore.
func processors(more int) (restore func()) {
	change := func(n int) {
		processing.Lock()
		defer processing.Unlock()
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	}
	change(more)
	return func() { change(-more) }
}

// Threads returns how many threads a plan should get. A closed loop has one for
// each processor, or it would be the load generator that limits; an open loop,
// which wants to be on time, leaves half of them to the server.
func (p Plan) Threads() int {
	if p.Rate == 0 {
		return min(p.Clients, runtime.NumCPU())
	}
	return max(1, runtime.NumCPU()/2)
}

// split shares a plan out among threads.
func (p Plan) split(threads int) []Plan {
	if p.Rate > 0 {
		p.Clients = cmp.Or(p.Clients, maxOpen)
	}
	threads = min(threads, p.Clients)
	if p.Limit > 0 {
		threads = min(threads, p.Limit)
	}
	threads = max(threads, 1)
	shares := make([]Plan, threads)
	for i := range shares {
		shares[i] = p
		shares[i].Rate = p.Rate / float64(threads)
		shares[i].Clients = part(p.Clients, i, threads)
		shares[i].Limit = part(p.Limit, i, threads)
	}
	return shares
}

// part returns the size of share i when n is dealt out among shares.
func part(n, i, shares int) int {
	size := n / shares
	if i < n%shares {
		size++
	}
	return size
}

// merge puts together what the threads counted.
func merge(results []Result) Result {
	whole := Result{Pids: map[int]int{}}
	for _, r := range results {
		whole.Add(r.Counts)
		whole.Answers += r.Answers
		whole.InWindow += r.InWindow
		whole.Late += r.Late
		whole.Overdue += r.Overdue
		whole.Surplus += r.Surplus
		whole.Elapsed = max(whole.Elapsed, r.Elapsed)
		whole.Longest = max(whole.Longest, r.Longest)
		whole.Latencies = append(whole.Latencies, r.Latencies...)
		whole.Shed = append(whole.Shed, r.Shed...)
		whole.Mishaps = append(whole.Mishaps, r.Mishaps...)
		for second, n := range r.PerSecond {
			whole.PerSecond = count(whole.PerSecond, second, n)
		}
		for pid, n := range r.Pids {
			whole.Pids[pid] += n
		}
	}
	slices.Sort(whole.Latencies)
	slices.Sort(whole.Shed)
	slices.SortFunc(whole.Mishaps, func(a, b Mishap) int { return cmp.Compare(a.At, b.At) })
	return whole
}

// count adds to a number of a list that grows as it has to.
func count(list []int, at, n int) []int {
	for len(list) <= at {
		list = append(list, 0)
	}
	list[at] += n
	return list
}

// arrivals yields the moments at which an open loop's connections are due:
// a Poisson process, the same each time.
type arrivals struct {
	rng  *rand.Rand
	mean time.Duration
	next time.Duration
}

func newArrivals(rate float64, stream int) *arrivals {
	a := &arrivals{
		rng:  rand.New(rand.NewPCG(seed, uint64(stream))),
		mean: time.Duration(float64(time.Second) / rate),
	}
	a.advance()
	return a
}

func (a *arrivals) advance() {
	a.next += time.Duration(a.rng.ExpFloat64() * float64(a.mean))
}
