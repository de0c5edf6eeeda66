package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

// script answers a line.
const script = "contestants/tcpserver/echo.sh"

// openProgram starts a server that runs a program for each connection; the program
// is a list of Tcl.
func (r run) openProgram(ctx context.Context, program string, options ...string) (*site, error) {
	return r.open(ctx, "", "127.0.0.1:0", append([]string{"-loop", "accept", "-exec", program}, options...)...)
}

// lines are clients of which each has one line come back.
func lines(port, clients int) load.Plan {
	return load.Plan{
		Port: port, Echo: true, Prefix: "id ", Clients: clients, Lines: 1, HalfEnd: true,
		Window: time.Hour, Timeout: 20 * time.Second,
	}
}

// programs asks that each connection is served, and that nothing is left of it.
func programs(program ...string) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d connections: none fails, no process and no descriptor is left", r.connections)}
		command, err := tclList(program)
		if err != nil {
			return got, err
		}
		s, err := r.openProgram(ctx, command, "-workers", "4")
		if err != nil {
			return got, err
		}
		defer s.close()
		plan := lines(s.Port, 16)
		plan.Limit = 100
		if _, err := load.Run(ctx, plan, plan.Threads()); err != nil {
			return got, err
		}
		time.Sleep(time.Second)
		before := s.holds()
		plan.Limit = r.connections
		result, err := load.Run(ctx, plan, plan.Threads())
		if err != nil {
			return got, err
		}
		after := s.settled(before)
		got.Seen = fmt.Sprintf("failed %d; %d processes with %d descriptors before, %d with %d after",
			result.Failed(), len(before), sum(before), len(after), sum(after))
		got.Outcomes = outcomes(result)
		got.OK = result.Outcomes[load.Served] == r.connections && maps.Equal(before, after)
		return got, nil
	}
}

// tclList returns a command as Tcl reads it; the first word is a file where it
// has a slash.
func tclList(words []string) (string, error) {
	var text string
	for i, word := range words {
		if i == 0 && filepath.Base(word) != word {
			whole, err := filepath.Abs(word)
			if err != nil {
				return "", err
			}
			word = whole
		}
		text += "{" + word + "} "
	}
	return text, nil
}

// holds tells of each process of the server how many descriptors it has; one that
// has ended, and isn't reaped, has none.
func (s *site) holds() map[int]int {
	open := map[int]int{}
	for _, pid := range s.Pids() {
		open[pid] = server.Descriptors(pid)
	}
	return open
}

// settled waits until the server is as it was before, but not for ever.
func (s *site) settled(before map[int]int) map[int]int {
	for range 100 {
		if maps.Equal(s.holds(), before) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return s.holds()
}

func sum(open map[int]int) int {
	sum := 0
	for _, n := range open {
		sum += n
	}
	return sum
}

// inherited asks that a program has the connection and its stderr, and no more. The
// shell waits meanwhile; one that looked for itself would find what it looks with.
func inherited(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: "a program has the descriptors 0, 1 and 2"}
	s, err := r.openProgram(ctx, "sh -c {ls /proc/$$/fd; :}", "-workers", "2")
	if err != nil {
		return got, err
	}
	defer s.close()
	got.OK = true
	for range 10 {
		text, err := s.whole()
		if err != nil {
			return got, err
		}
		got.Seen = fmt.Sprintf("%q", text)
		if got.OK = text == "0\n1\n2\n"; !got.OK {
			break
		}
	}
	return got, nil
}

// whole returns what a connection gets.
func (s *site) whole() (string, error) {
	conn, err := s.dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(conn)
	return string(text), err
}

func (s *site) dial() (net.Conn, error) {
	return net.DialTimeout("tcp4", "127.0.0.1:"+strconv.Itoa(s.Port), 5*time.Second)
}

// compared is how many clients ask at a time, and programs run, in a comparison.
const compared = 16

// againstTcpserver compares how many connections get their program.
func againstTcpserver(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("cat for each connection of %d clients: at least 0.9 of tcpserver's rate", compared)}
	if _, err := exec.LookPath("tcpserver"); err != nil {
		got.Seen = "tcpserver is not installed"
		return got, criterion.ErrSkipped
	}
	var ours, theirs []float64
	var whole load.Result
	for range r.rounds {
		s, err := r.openProgram(ctx, "cat", "-workers", strconv.Itoa(compared))
		if err == nil {
			err = measure(ctx, s.Port, &ours, &whole)
			s.close()
		}
		if err != nil {
			return got, err
		}
		other, err := server.Start(ctx, []string{"tcpserver", "-1", "-q", "-c", "100", "-H", "-R", "-l0", "127.0.0.1", "0", "cat"}, nil)
		if err == nil {
			err = measure(ctx, other.Port, &theirs, &whole)
			other.Stop()
		}
		if err != nil {
			return got, err
		}
	}
	ratio := stats.Median(ours) / stats.Median(theirs)
	got.Seen = fmt.Sprintf("ratio %.2f; %.0f against %.0f connections/s; spread %.2f and %.2f; failed %d",
		ratio, stats.Median(ours), stats.Median(theirs), stats.Spread(ours), stats.Spread(theirs), whole.Failed())
	got.Outcomes = outcomes(whole)
	got.OK = ratio >= 0.9 && whole.Failed() == 0
	return got, nil
}

// measure adds a rate.
func measure(ctx context.Context, port int, rates *[]float64, whole *load.Result) error {
	plan := lines(port, compared)
	plan.Window = time.Second / 2
	if _, err := load.Run(ctx, plan, plan.Threads()); err != nil {
		return err
	}
	plan.Window = 3 * time.Second
	result, err := load.Run(ctx, plan, plan.Threads())
	*rates = append(*rates, float64(result.InWindow)/plan.Window.Seconds())
	whole.Add(result.Counts)
	whole.Longest = max(whole.Longest, result.Longest)
	return err
}

// hanging asks that -timeout ends a program and whom it has started.
func hanging(ctx context.Context, r run) (criterion.Row, error) {
	const timeout = 2 * time.Second
	got := criterion.Row{Asked: fmt.Sprintf("a program that hangs, and its children: gone %v after a -timeout of %v, and the next connection is served",
		time.Second, timeout)}
	s, err := r.openProgram(ctx, "sh -c {sleep 1000 & sleep 1001; :}", "-workers", "2", "-timeout", "2")
	if err != nil {
		return got, err
	}
	defer s.close()
	before := s.Pids()
	took, ran, err := s.hang(before)
	if err != nil {
		return got, err
	}
	for tries := 0; tries < 500 && len(s.Pids()) != len(before); tries++ {
		time.Sleep(10 * time.Millisecond)
	}
	again, ranAgain, err := s.hang(s.Pids())
	if err != nil {
		return got, err
	}
	got.Seen = fmt.Sprintf("%d processes, gone after %v; then %d, after %v; %d processes before, %d after",
		ran, took.Round(time.Millisecond), ranAgain, again.Round(time.Millisecond), len(before), len(s.Pids()))
	got.OK = ran == 3 && ranAgain == 3 && max(took, again) <= timeout+time.Second
	return got, nil
}

// hang connects, and returns when those that were not there before are gone, and how
// many they were.
func (s *site) hang(before []int) (took time.Duration, ran int, err error) {
	began := time.Now()
	conn, err := s.dial()
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	var started []int
	for len(started) < 3 && time.Since(began) < time.Second {
		time.Sleep(10 * time.Millisecond)
		started = slices.DeleteFunc(s.Pids(), func(pid int) bool { return slices.Contains(before, pid) })
	}
	for time.Since(began) < 20*time.Second && s.anyLeft(started) {
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began), len(started), nil
}

// anyLeft tells whether one of some processes is there. Those whose parent is gone
// are this process's to reap.
func (s *site) anyLeft(some []int) bool {
	for _, pid := range some {
		unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
	return slices.ContainsFunc(s.Pids(), func(pid int) bool { return slices.Contains(some, pid) })
}
