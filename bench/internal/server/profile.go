package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sampleHz is how often a second of processor time is looked at: enough for a
// part in a hundred, and no multiple of the kernel's own tick.
const sampleHz = "4999"

// Part is a part of what a contestant's processes do.
type Part string

// The parts. Accept is the first process, Work all others.
const (
	AcceptKernel Part = "accept: kernel"
	AcceptUser   Part = "accept: user"
	WorkKernel   Part = "work: kernel"
	WorkTcl      Part = "work: Tcl"
	WorkLibc     Part = "work: C library"
	WorkOwn      Part = "work: own code"
)

// Profile is a recording, by the perf tool, of what the contestant's processes
// spend their processor time on.
type Profile struct {
	server  *Server
	perf    *exec.Cmd
	file    string
	stderr  bytes.Buffer
	control *os.File // commands for perf
	replies *os.File // what it says to them
}

// Record begins a profile. It has to be finished.
func (s *Server) Record(ctx context.Context) (*Profile, error) {
	path, err := exec.LookPath("perf")
	if err != nil {
		return nil, errors.New("perf is not installed (Debian package linux-perf)")
	}
	file, err := os.CreateTemp("", "bench-profile-")
	if err != nil {
		return nil, err
	}
	file.Close()
	p := &Profile{server: s, file: file.Name()}
	// Of the whole machine: a recording of single processes makes each of
	// their context switches dearer. Descriptors 3 and 4 are the first of
	// ExtraFiles.
	p.perf = exec.CommandContext(ctx, path, "record", "-q", "-F", sampleHz, "-e", "cpu-clock", "-a", "-D", "-1",
		"--control=fd:3,4", "-o", p.file)
	p.perf.Stderr = &p.stderr
	if err := p.start(); err != nil {
		p.remove()
		return nil, err
	}
	if err := p.tell("enable"); err != nil {
		p.stop()
		p.remove()
		return nil, err
	}
	return p, nil
}

// start starts perf with a pipe in each direction.
func (p *Profile) start() error {
	commands, control, err := os.Pipe()
	if err != nil {
		return err
	}
	replies, acknowledge, err := os.Pipe()
	if err != nil {
		commands.Close()
		control.Close()
		return err
	}
	p.control, p.replies = control, replies
	p.perf.ExtraFiles = []*os.File{commands, acknowledge}
	err = p.perf.Start()
	commands.Close()
	acknowledge.Close()
	return err
}

// tell gives perf a command and waits until it has obeyed.
func (p *Profile) tell(command string) error {
	p.replies.SetReadDeadline(time.Now().Add(startTimeout))
	if _, err := fmt.Fprintln(p.control, command); err != nil {
		return fmt.Errorf("perf: %w", err)
	}
	if _, err := bufio.NewReader(p.replies).ReadString('\n'); err != nil {
		return errors.New("perf may not look at the whole machine here (run as root, or see kernel.perf_event_paranoid)")
	}
	return nil
}

// Finish ends the recording and returns each part's share of all samples.
func (p *Profile) Finish(ctx context.Context) (map[Part]float64, error) {
	defer p.remove()
	if err := p.stop(); err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	script := exec.CommandContext(ctx, p.perf.Path, "script", "-i", p.file, "-F", "pid,ip,dso")
	script.Stderr = &stderr
	text, err := script.Output()
	if err != nil {
		return nil, fmt.Errorf("perf script: %w%s", err, lastLine(stderr.Bytes()))
	}
	return shares(text, p.server.leader(), p.server.Pids())
}

// stop ends perf in the way in which it leaves a complete file: it isn't when a
// signal ends it.
func (p *Profile) stop() error {
	err := p.tell("stop")
	if err != nil {
		p.perf.Process.Kill()
	}
	if ended := p.perf.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("perf: %w%s", ended, lastLine(p.stderr.Bytes()))
	}
	return err
}

// remove releases what the recording holds.
func (p *Profile) remove() {
	if p.control != nil {
		p.control.Close()
		p.replies.Close()
	}
	os.Remove(p.file)
}

// shares counts the samples of some processes. Perf script writes one a line:
// process, address, file in parentheses.
func shares(text []byte, first int, pids []int) (map[Part]float64, error) {
	counts := map[Part]float64{}
	total := 0.0
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 3 {
			continue
		}
		address, err := strconv.ParseUint(string(fields[1]), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("perf script wrote %q", line)
		}
		pid := number(fields[0])
		if !slices.Contains(pids, pid) {
			continue
		}
		file := filepath.Base(strings.Trim(string(fields[2]), "()"))
		counts[partOf(pid == first, address>>63 == 1, file)]++
		total++
	}
	if counts[AcceptKernel]+counts[WorkKernel] == 0 {
		return nil, errors.New("perf saw nothing of the server in the kernel")
	}
	for part := range counts {
		counts[part] /= total
	}
	return counts, nil
}

// partOf says which part a sample belongs to.
func partOf(accepts, kernel bool, file string) Part {
	switch {
	case accepts && kernel:
		return AcceptKernel
	case accepts:
		return AcceptUser
	case kernel:
		return WorkKernel
	case strings.HasPrefix(file, "libtcl"), strings.HasPrefix(file, "tclsh"):
		return WorkTcl
	case strings.HasPrefix(file, "libc."), strings.HasPrefix(file, "libc-"), strings.HasPrefix(file, "ld-"), file == "[vdso]":
		return WorkLibc
	default:
		return WorkOwn
	}
}
