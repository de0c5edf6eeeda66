// Load connects to a server, over and over, and counts how each connection
// ended. Each sends a line of its own and expects "PID LINE" back, with the
// pid of the worker that served it, and then the end of file.
//
// It prints one line, a list of names and numbers: how many connections were
// started and how each of them ended (outcome.go), how many of the served ones
// had their end of file more than a second after the reply, the longest time
// from the call to connect until the end of file in milliseconds, and a list of
// the pids that replied, each with the number of its replies.
//
// The exit status is 0 when every connection is accounted for, whatever came
// of it. SIGTERM makes it begin no more.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// enough is closed when no more connections shall begin.
var enough = make(chan struct{})

// plan says what to do.
type plan struct {
	address string
	clients int           // Connections at a time, at most with a rate.
	count   int64         // Connections in all.
	until   time.Time     // When to begin no more; zero: never.
	rate    float64       // Connections a second, whatever becomes of them; 0: each client one after the other.
	timeout time.Duration // How long a connection may wait for one thing.
}

func main() {
	host := flag.String("host", "127.0.0.1", "numeric `address` to connect to")
	port := flag.Int("port", 0, "`port` to connect to")
	clients := flag.Int("clients", 16, "connections at a time")
	count := flag.Int64("count", 0, "connections in all; 0: see -seconds")
	seconds := flag.Float64("seconds", 0, "how long to begin new ones; 0: see -count")
	rate := flag.Float64("rate", 0, "connections begun a second (open loop); 0: as fast as they end")
	timeout := flag.Float64("timeout", 20, "`seconds` that a connection waits for one thing")
	flag.Parse()

	p := plan{
		address: fmt.Sprintf("%s:%d", *host, *port),
		clients: *clients,
		count:   *count,
		rate:    *rate,
		timeout: time.Duration(*timeout * float64(time.Second)),
	}
	if *port <= 0 || *clients <= 0 || *count <= 0 && *seconds <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if p.count == 0 {
		p.count = math.MaxInt64
	}
	if *seconds > 0 {
		p.until = time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	}

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		<-asked
		close(enough)
	}()

	total := p.run()
	fmt.Println(total)
	if err := total.check(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run makes the connections and adds up what came of them.
func (p plan) run() *tally {
	var (
		begun atomic.Int64
		wait  sync.WaitGroup
		start = time.Now()
	)
	tallies := make([]*tally, p.clients)
	for i := range tallies {
		tallies[i] = newTally()
		wait.Go(func() {
			for {
				id := begun.Add(1)
				if id > p.count || !p.pace(start, id) {
					return
				}
				tallies[i].add(p.connect(id))
			}
		})
	}
	wait.Wait()
	total := newTally()
	for _, t := range tallies {
		total.merge(t)
	}
	return total
}

// pace waits until a connection is due. It returns false when no more shall
// begin.
func (p plan) pace(start time.Time, id int64) bool {
	var due time.Duration
	if p.rate > 0 {
		due = time.Duration(float64(id-1) / p.rate * float64(time.Second))
	}
	if !p.until.IsZero() && start.Add(due).After(p.until) {
		return false
	}
	select {
	case <-enough:
	case <-time.After(time.Until(start.Add(due))):
	}
	select {
	case <-enough:
		return false
	default:
		return p.until.IsZero() || time.Now().Before(p.until)
	}
}
