package main

// #include "boundary.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/reactor"
	"socketserver/internal/signals"
)

// memoryLimit is where the garbage collector begins to work.
const memoryLimit = 32 << 20

// ssGoStart starts the reactor behind a door, whose ends are given, and returns
// when it answers. With -1 it only waits until this Go runtime is ready; so it
// is called first. It returns 0, or -1 and why.
//
//export ssGoStart
func ssGoStart(inner, outer C.int, started *C.SsStarted) (status C.int) {
	defer recovered(&status, started)
	signals.BlockAsynchronous()
	if inner < 0 {
		// The collector works on goroutines of its own, on threads that Go
		// opens to SIGCHLD; a handler of the application's would run on
		// their small stacks. The straight way allocates nothing and each
		// request very little, so it may rest until the memory limit.
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(memoryLimit)
		return 0
	}
	useless, err := reactor.Start(reactor.Options{Inner: int(inner), Outer: int(outer), Beside: supervising})
	if err != nil {
		report(started, err)
		return -1
	}
	for i, fd := range useless {
		started.useless[i] = C.int(fd)
	}
	started.numUseless = C.int(len(useless))
	return 0
}

// report writes down why the start failed, cut to what there is room for.
func report(started *C.SsStarted, err error) {
	var errno unix.Errno
	if errors.As(err, &errno) {
		started.error.posix = C.int(errno)
	}
	room := unsafe.Slice((*byte)(unsafe.Pointer(&started.error.message[0])), C.SS_ERROR_SIZE-1)
	copy(room, strings.ToValidUTF8(err.Error(), "?"))
}

// recovered turns a panic into a failure: none crosses into C. Defer it.
func recovered(status *C.int, started *C.SsStarted) {
	if reason := recover(); reason != nil {
		report(started, fmt.Errorf("internal error: %v", reason))
		*status = -1
	}
}
