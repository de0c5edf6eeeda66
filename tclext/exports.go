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

	"socketserver/internal/descriptor"
	"socketserver/internal/queue"
	"socketserver/internal/reactor"
	"socketserver/internal/signals"
)

// memoryLimit is where the garbage collector begins to work.
const memoryLimit = 32 << 20

// door is where the reactor takes control sockets, once it runs.
var door = -1

// ssGoStart hands the reactor its end of a control socket, which stays the
// caller's, too; the first time it starts it. With -1 it only waits until this Go
// runtime is ready, and tells what was passed; so it is called first. It returns 0, or -1 and why. Not for
// two threads at a time.
//
//export ssGoStart
func ssGoStart(socket C.int, started *C.SsStarted) (status C.int) {
	defer recovered(&status, started)
	signals.BlockAsynchronous()

	// The collector works on goroutines of its own, on threads that Go
	// opens to SIGCHLD; a handler of the application's would run on
	// their small stacks. The straight way allocates nothing and each
	// request very little, so it may rest until the memory limit.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	if socket < 0 {
		takePassed(started)
		return 0
	}
	useless, err := introduce(int(socket))
	for i, fd := range useless {
		started.useless[i] = C.int(fd)
	}
	started.numUseless = C.int(len(useless))
	if err != nil {
		report(started, err)
		return -1
	}
	return 0
}

// introduce also returns what is open from now on and of no use to a forked
// child.
func introduce(socket int) (useless []int, err error) {
	if door < 0 {
		if useless, err = openDoor(); err != nil {
			return nil, err
		}
	}
	if err := unix.Sendmsg(door, []byte{0}, unix.UnixRights(socket), nil, unix.MSG_NOSIGNAL); err != nil {
		return useless, fmt.Errorf("can't reach the server: %w", err)
	}
	return useless, nil
}

// openDoor starts the reactor.
func openDoor() (useless []int, err error) {
	outer, inner, err := queue.Pair()
	if err != nil {
		return nil, fmt.Errorf("can't start the server: %w", err)
	}
	useless, err = reactor.Start(reactor.Options{
		Version: C.PACKAGE_VERSION, Inner: inner, Outer: outer,
		Beside: supervising, Pools: pools})
	descriptor.Close(inner)
	if err != nil {
		descriptor.Close(outer)
		return nil, err
	}
	door = outer
	return append(useless, outer), nil
}

// report writes down what is wrong.
func report(started *C.SsStarted, err error) {
	var errno unix.Errno
	if errors.As(err, &errno) {
		started.posix = C.int(errno)
	}
	write(started.message[:], err.Error())
}

// write writes text of C's where there are zeros, cut to what there is room for.
func write(to []C.char, text string) {
	room := unsafe.Slice((*byte)(unsafe.Pointer(&to[0])), len(to)-1)
	copy(room, strings.ToValidUTF8(text, "?"))
}

// recovered turns a panic into a failure: none crosses into C. Defer it.
func recovered(status *C.int, started *C.SsStarted) {
	if reason := recover(); reason != nil {
		report(started, fmt.Errorf("internal error: %v", reason))
		*status = -1
	}
}
