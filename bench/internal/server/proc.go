package server

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// userHz is the unit of CPU times in /proc, the same on every Linux.
const userHz = 100

// Usage is what a contestant's processes have cost since they began.
type Usage struct {
	CPU      time.Duration // user and system time, with that of reaped children
	First    time.Duration // the part of it that the first process has, which accepts
	Switches int           // context switches of the processes that live
}

// Pids returns the contestant's processes.
func (s *Server) Pids() []int {
	var pids []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := readStat(path)
		if err != nil || stat.session != s.leader() {
			continue
		}
		pids = append(pids, stat.pid)
	}
	return pids
}

// Children returns the contestant's processes but the first.
func (s *Server) Children() []int {
	var children []int
	for _, pid := range s.Pids() {
		if pid != s.leader() {
			children = append(children, pid)
		}
	}
	return children
}

// Workers returns the processes that serve: the children of the first process,
// or that one itself when it has none.
func (s *Server) Workers() []int {
	if children := s.Children(); len(children) > 0 {
		return children
	}
	return []int{s.leader()}
}

// Usage adds up what the contestant's processes have cost.
func (s *Server) Usage() (Usage, error) {
	var sum Usage
	pids := s.Pids()
	if len(pids) == 0 {
		return sum, fmt.Errorf("the server has ended%s", s.Complaint())
	}
	for _, pid := range pids {
		one, err := processUsage(pid)
		if err != nil {
			continue // it has ended; its parent has its times
		}
		if pid == s.leader() {
			sum.First = one.CPU
		}
		sum.CPU += one.CPU
		sum.Switches += one.Switches
	}
	return sum, nil
}

// CPU returns what one process has cost, with its reaped children; 0 when it has
// ended.
func CPU(pid int) time.Duration {
	usage, _ := processUsage(pid)
	return usage.CPU
}

// processUsage returns what one process has cost. Its own time in stat is in
// hundredths of a second, and includes threads that have ended; schedstat's is
// exact, and doesn't. Both are never too high, so the higher one is better.
func processUsage(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := readStat(dir + "/stat")
	if err != nil {
		return Usage{}, err
	}
	var exact time.Duration
	var usage Usage
	tasks, _ := filepath.Glob(dir + "/task/[0-9]*")
	for _, task := range tasks {
		exact += runTime(task + "/schedstat")
		usage.Switches += switches(task + "/status")
	}
	usage.CPU = max(stat.own, exact) + stat.children
	return usage, nil
}

// stat is what is wanted of /proc/PID/stat.
type stat struct {
	pid, session  int
	own, children time.Duration
}

func readStat(path string) (stat, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// parseStat reads the line of /proc/PID/stat. The second field, the name, may
// hold anything but ends with the last parenthesis.
func parseStat(text []byte) (stat, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("stat without a name: %q", text)
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("stat with %d fields", len(fields)+2)
	}
	ticks := func(i int) time.Duration {
		return time.Duration(number(fields[i])) * time.Second / userHz
	}
	return stat{
		pid:      number(bytes.TrimSpace(text[:open])),
		session:  number(fields[3]),
		own:      ticks(11) + ticks(12),
		children: ticks(13) + ticks(14),
	}, nil
}

// runTime reads a thread's time on a CPU; 0 where the kernel doesn't say.
func runTime(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(text, []byte{' '})
	return time.Duration(number(first))
}

// switches reads a thread's context switches, voluntary or not.
func switches(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return labelled(text, "voluntary_ctxt_switches:") + labelled(text, "nonvoluntary_ctxt_switches:")
}

// Waits returns how often the threads of a process have waited; 0 when it has ended.
func Waits(pid int) int {
	sum := 0
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*/status")
	for _, path := range tasks {
		if text, err := os.ReadFile(path); err == nil {
			sum += labelled(text, "voluntary_ctxt_switches:")
		}
	}
	return sum
}

// Descriptors counts what a process has open: its own, and those of a thread that
// has a table to itself, as the one that accepts has. 0 when it has ended.
func Descriptors(pid int) int {
	folder := "/proc/" + strconv.Itoa(pid)
	own := opened(folder)
	tasks, _ := filepath.Glob(folder + "/task/*")
	for _, task := range tasks {
		if other := opened(task); !slices.Equal(other, own) {
			return len(own) + len(other)
		}
	}
	return len(own)
}

// SettledDescriptors waits until the first process has no more open than before, but
// not for ever, and counts them.
func (s *Server) SettledDescriptors(before int) int {
	for range 200 {
		if Descriptors(s.leader()) <= before {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return Descriptors(s.leader())
}

// opened lists what a process or thread has open.
func opened(folder string) []string {
	var targets []string
	links, _ := filepath.Glob(folder + "/fd/*")
	for _, link := range links {
		target, _ := os.Readlink(link)
		targets = append(targets, filepath.Base(link)+" "+target)
	}
	return targets
}

// PSS returns the proportional set size of a process, in KiB; 0 when it has
// ended or the system doesn't say.
func PSS(pid int) int {
	return rollup(pid, "Pss:")
}

// OwnPSS is PSS without what is mapped from files: how much of that counts depends
// on who else has them mapped.
func OwnPSS(pid int) int {
	return rollup(pid, "Pss_Anon:")
}

func rollup(pid int, label string) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0
	}
	return labelled(text, label)
}

// MeanPSS returns the mean of the processes' PSS, in KiB, over those that
// still have one; 0 when none has.
func MeanPSS(pids []int) float64 {
	sum, n := 0, 0
	for _, pid := range pids {
		if pss := PSS(pid); pss > 0 {
			sum += pss
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// labelled returns the number on the line that begins with label.
func labelled(text []byte, label string) int {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(label)); ok {
			fields := bytes.Fields(rest)
			if len(fields) > 0 {
				return number(fields[0])
			}
		}
	}
	return 0
}

// number reads digits that the kernel wrote.
func number(digits []byte) int {
	n, _ := strconv.Atoi(string(digits))
	return n
}
