package main

// #include <stdlib.h>
// #include "boundary.h"
import "C"

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/systemd"
)

const _ = uint(C.SS_PASSED_MOST - systemd.MostPassed) // All have room.

// takePassed tells C which descriptors the process was started with, and takes the
// variables that say so out of its environment: those of C's, for the application
// may have changed them since Go took its copy.
func takePassed(started *C.SsStarted) {
	pid, fds, names := takeVariable("LISTEN_PID"), takeVariable("LISTEN_FDS"), takeVariable("LISTEN_FDNAMES")
	takeVariable("LISTEN_PIDFDID") // What newer versions of systemd say beside the number.
	all, err := systemd.PassedTo(unix.Getpid(), pid, fds, names)
	for i, p := range all {
		started.passed[i].fd = C.int(p.FD)
		write(started.passed[i].name[:], p.Name)
	}
	started.numPassed = C.int(len(all))
	if err != nil {
		report(started, err)
	}
}

// takeVariable returns what a variable says, "" if it isn't there, and unsets it.
func takeVariable(name string) string {
	key := C.CString(name)
	defer C.free(unsafe.Pointer(key))
	value := C.getenv(key)
	if value == nil {
		return ""
	}
	text := C.GoString(value)
	C.unsetenv(key)
	return text
}
