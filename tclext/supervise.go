package main

// #include <stdlib.h>
// #include <string.h>
// #include "boundary.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/signals"
	"socketserver/internal/supervise"
)

// supervisors are those that exist, by the number that C knows, and memory
// that each step uses again.
var supervisors = struct {
	sync.Mutex
	last int
	all  map[int]*supervise.Supervisor
	seen supervise.Snapshot
	text []byte
}{all: map[int]*supervise.Supervisor{}}

// errSupervisor answers a number that names none.
var errSupervisor = fmt.Errorf("no such supervisor: %w", unix.EBADF)

// ssGoSuperviseNew makes a supervisor; internal/supervise/text.go reads the
// configuration. It returns its number, above 0, or -1 and why.
//
//export ssGoSuperviseNew
func ssGoSuperviseNew(config *C.char, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	parsed, err := supervise.ParseConfig([]byte(C.GoString(config)))
	if err != nil {
		return report(failure, err)
	}
	supervisors.Lock()
	defer supervisors.Unlock()
	supervisors.last++
	supervisors.all[supervisors.last] = supervise.New(parsed)
	return C.int(supervisors.last)
}

// ssGoSuperviseStep shows a snapshot to a supervisor and answers what to do.
// The reply is the caller's to free. It returns 0, or -1 and why.
//
//export ssGoSuperviseStep
func ssGoSuperviseStep(number C.int, snapshot *C.char, reply **C.char, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	supervisors.Lock()
	defer supervisors.Unlock()
	s := supervisors.all[int(number)]
	if s == nil {
		return report(failure, errSupervisor)
	}
	now, err := supervisors.seen.Read(unsafe.Slice((*byte)(unsafe.Pointer(snapshot)), C.strlen(snapshot)))
	actions, standing := s.Step(now, supervisors.seen)
	supervisors.text = supervise.AppendProblem(supervisors.text[:0], err)
	supervisors.text = append(supervise.Append(supervisors.text, actions, standing), 0)
	*reply = (*C.char)(C.CBytes(supervisors.text))
	return succeeded
}

// ssGoSuperviseEnd forgets a supervisor. It returns 0, or -1 and why.
//
//export ssGoSuperviseEnd
func ssGoSuperviseEnd(number C.int, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	supervisors.Lock()
	defer supervisors.Unlock()
	if supervisors.all[int(number)] == nil {
		return report(failure, errSupervisor)
	}
	delete(supervisors.all, int(number))
	return succeeded
}
