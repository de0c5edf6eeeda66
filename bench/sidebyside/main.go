// Sidebyside compares two builds of the package: what a connection, or a line
// over a connection that stays open, costs the server's processes.
//
//	sidebyside ?-rounds 5? ?-seconds 2? ?-only regexp? OLD NEW
//
// OLD and NEW are directories with a build each. The builds take turns in each
// round; medians are printed. Linux only: costs are read from /proc.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed server.tcl
var program string

// A scenario is a kind of server (see server.tcl) and its clients.
type scenario struct {
	name    string
	kind    string
	workers int
	clients int
	idle    int // Connections that are open besides.
	newOnly bool
}

var scenarios = []scenario{
	{"lines, 4 clients, 1 worker", "lines", 1, 4, 0, false},
	{"lines, 16 clients, 2 workers", "lines", 2, 16, 0, false},
	{"lines, 64 clients, 4 workers", "lines", 4, 64, 0, false},
	{"lines, 1 client, 1 worker", "lines", 1, 1, 0, false},
	{"the same beside 900 idle ones", "lines", 1, 1, 900, false},
	{"the same beside 3000 idle ones", "lines", 1, 1, 3000, true},
	{"event loop, 2 workers", "event", 2, 16, 0, false},
	{"event loop, 8 workers", "event", 8, 16, 0, false},
	{"event loop, 64 workers", "event", 64, 16, 0, false},
	{"accept, 2 workers", "accept", 2, 16, 0, false},
	{"accept, 8 workers", "accept", 8, 16, 0, false},
	{"accept, 64 workers", "accept", 64, 16, 0, false},
	{"the server itself", "self", 0, 4, 0, false},
}

// What one run found: answers a second, CPU in microseconds and times that a
// thread was put on a processor, for each answer.
type cost struct{ rate, cpu, switches float64 }

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "how often")
	seconds := flag.Float64("seconds", 2, "how long each time")
	only := flag.String("only", "", "scenarios, a regular expression")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("sidebyside: two builds are wanted")
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	length := time.Duration(*seconds * float64(time.Second))
	fmt.Printf("%-32s %9s %9s %8s %8s %6s %6s %6s\n", "", "old /s", "new /s",
		"old us", "new us", "ratio", "old sw", "new sw")
	for _, s := range scenarios {
		if !chosen.MatchString(s.name) {
			continue
		}
		var found [2][]cost
		for range *rounds {
			for i, build := range flag.Args() {
				if i == 0 && s.newOnly {
					continue
				}
				c, err := measure(build, s, length)
				if err != nil {
					log.Fatalf("%s, %s: %v", s.name, build, err)
				}
				found[i] = append(found[i], c)
			}
		}
		before, after := median(found[0]), median(found[1])
		fmt.Printf("%-32s %9.0f %9.0f %8.1f %8.1f %6.2f %6.2f %6.2f\n", s.name,
			before.rate, after.rate, before.cpu, after.cpu,
			after.cpu/before.cpu, before.switches, after.switches)
	}
}

func median(found []cost) cost {
	pick := func(field func(cost) float64) float64 {
		if len(found) == 0 {
			return 0
		}
		values := make([]float64, len(found))
		for i, c := range found {
			values[i] = field(c)
		}
		sort.Float64s(values)
		return values[len(values)/2]
	}
	return cost{
		pick(func(c cost) float64 { return c.rate }),
		pick(func(c cost) float64 { return c.cpu }),
		pick(func(c cost) float64 { return c.switches }),
	}
}

// measure starts a server, loads it, and ends it.
func measure(build string, s scenario, length time.Duration) (cost, error) {
	path, err := filepath.Abs(build)
	if err != nil {
		return cost{}, err
	}
	server := exec.Command("tclsh", "/dev/stdin", s.kind, strconv.Itoa(s.workers))
	server.Stdin = strings.NewReader(program)
	server.Stderr = os.Stderr
	server.Env = append(os.Environ(), "TCLLIBPATH={"+path+"}")
	out, err := server.StdoutPipe()
	if err != nil {
		return cost{}, err
	}
	if err := server.Start(); err != nil {
		return cost{}, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 1 {
		return cost{}, fmt.Errorf("no server: %q %v", line, err)
	}
	pids := append(words[1:], strconv.Itoa(server.Process.Pid))
	defer func() {
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err == nil {
				if p, err := os.FindProcess(n); err == nil {
					_ = p.Kill()
				}
			}
		}
		_ = server.Wait()
	}()
	return load("127.0.0.1:"+words[0], pids, s, length)
}

func load(address string, pids []string, s scenario, length time.Duration) (cost, error) {
	for range s.idle {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return cost{}, err
		}
		defer c.Close()
		if err := ask(c, bufio.NewReader(c)); err != nil {
			return cost{}, fmt.Errorf("idle: %w", err)
		}
	}
	client := once
	if s.kind == "lines" {
		client = stay
	}
	var answers atomic.Int64
	var over atomic.Bool
	failures := make(chan error, s.clients)
	var clients sync.WaitGroup
	for range s.clients {
		clients.Go(func() {
			if err := client(address, &over, &answers); err != nil {
				failures <- err
			}
		})
	}
	time.Sleep(length / 4)
	ran, switched := spent(pids)
	count, begun := answers.Load(), time.Now()
	time.Sleep(length)
	ranThen, switchedThen := spent(pids)
	number, took := float64(answers.Load()-count), time.Since(begun)
	over.Store(true)
	clients.Wait()
	select {
	case err := <-failures:
		return cost{}, err
	default:
	}
	return cost{number / took.Seconds(), (ranThen - ran) / 1000 / number,
		(switchedThen - switched) / number}, nil
}

func ask(c net.Conn, r *bufio.Reader) error {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("how do you do\n")); err != nil {
		return err
	}
	_, err := r.ReadString('\n')
	return err
}

func stay(address string, over *atomic.Bool, answers *atomic.Int64) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for !over.Load() {
		if err := ask(c, r); err != nil {
			return err
		}
		answers.Add(1)
	}
	return nil
}

func once(address string, over *atomic.Bool, answers *atomic.Int64) error {
	for !over.Load() {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		r := bufio.NewReader(c)
		err = ask(c, r)
		if err == nil {
			_, _ = r.ReadByte() // The end of file.
			answers.Add(1)
		}
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// spent is the time on a processor in nanoseconds, and how often it was given,
// of all threads that the processes have.
func spent(pids []string) (ran, switched float64) {
	for _, pid := range pids {
		paths, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, path := range paths {
			text, err := os.ReadFile(path)
			fields := strings.Fields(string(text))
			if err != nil || len(fields) < 3 {
				continue
			}
			nanoseconds, _ := strconv.ParseFloat(fields[0], 64)
			times, _ := strconv.ParseFloat(fields[2], 64)
			ran += nanoseconds
			switched += times
		}
	}
	return ran, switched
}
