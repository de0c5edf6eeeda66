// Package load reads what a process has taken of the machine.
package load

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is what Linux counts processor time in, for programs.
const ticksPerSecond = 100

// PerTick is how many nanoseconds a tick has.
const PerTick = 1e9 / ticksPerSecond

// Load is what a process has taken.
type Load struct {
	Began    uint64 // Tells it from a later one with the same id.
	Ticks    uint64 // Of processor time.
	Resident int64  // Bytes of memory.
}

// Of asks the system; a process that has gone, or is in a namespace that isn't
// ours, has none.
func Of(pid int) (Load, bool) {
	var l Load
	var buffer [1024]byte
	stat, err := read(pid, "stat", buffer[:])
	if err != nil {
		return l, false
	}
	// The name before it may have any character.
	var fields [22][]byte
	count := 0
	for field := range bytes.FieldsSeq(stat[bytes.LastIndexByte(stat, ')')+1:]) {
		if count == len(fields) {
			break
		}
		fields[count] = field
		count++
	}
	if count < len(fields) {
		return l, false
	}
	number := func(field int) uint64 {
		return parse(fields[field-3])
	}
	l.Ticks = number(14) + number(15)
	l.Began = number(22)
	l.Resident = int64(number(24)) * int64(os.Getpagesize())
	return l, true
}

// Proportional is how many bytes of memory a process has, of what several share its
// part. That takes the system much longer than Of.
func Proportional(pid int) (int64, bool) {
	var buffer [2048]byte
	text, err := read(pid, "smaps_rollup", buffer[:])
	if err != nil {
		return 0, false
	}
	_, rest, found := bytes.Cut(text, []byte("\nPss:"))
	for field := range bytes.FieldsSeq(rest) {
		return int64(parse(field)) << 10, found
	}
	return 0, false
}

// parse takes a number from the system; what is none is 0.
func parse(text []byte) uint64 {
	n, _ := strconv.ParseUint(string(text), 10, 63)
	return n
}

// read reads the beginning of a file about a process.
func read(pid int, name string, to []byte) ([]byte, error) {
	if pid <= 0 {
		return nil, unix.ESRCH
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, to)
		if !errors.Is(err, unix.EINTR) {
			return to[:max(n, 0)], err
		}
	}
}
