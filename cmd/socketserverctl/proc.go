package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ticksPerSecond is what Linux counts processor time in, for programs.
const ticksPerSecond = 100

// load is what a process has taken of the machine.
type load struct {
	began    uint64 // Tells it from a later one with the same id.
	ticks    uint64 // Of processor time.
	resident int64  // Bytes of memory.
}

// loadOf asks the system; a process that has gone, or is in a namespace that
// isn't ours, has none.
func loadOf(pid int) (load, bool) {
	var l load
	if pid <= 0 {
		return l, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return l, false
	}
	// The name before it may have any character.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return l, false
	}
	number := func(field int) uint64 {
		n, _ := strconv.ParseUint(string(fields[field-3]), 10, 64)
		return n
	}
	l.ticks = number(14) + number(15)
	l.began = number(22)
	l.resident = int64(number(24)) * int64(os.Getpagesize())
	return l, true
}
