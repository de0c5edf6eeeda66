package main

/*
#include "boundary.h"

// The process that loaded this library. A C variable, so that what is called
// from a loop that must not allocate passes no pointer through Go's checks.
static SsHost ssHost;

static inline void ssHostIs(const SsHost *hostPtr) {
    ssHost = *hostPtr;
}
static inline void ssHostNotice(int handle, int notice, int posix) {
    ssHost.notice(handle, notice, posix);
}
static inline void ssHostForkLock(void) {
    ssHost.forkLock();
}
static inline void ssHostForkUnlock(void) {
    ssHost.forkUnlock();
}
static inline void ssHostForkCloses(int fd) {
    ssHost.forkCloses(fd);
}
static inline void ssHostForkKeeps(int fd) {
    ssHost.forkKeeps(fd);
}
*/
import "C"

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/accept"
	"socketserver/internal/service"
)

// host is the process that loaded this library, seen through the functions
// that it gave to ssGoStart.
type host struct{}

var _ service.Host = host{}

// newHost remembers the functions.
func newHost(functions *C.SsHost) host {
	C.ssHostIs(functions)
	return host{}
}

// Notice tells the application what an accept loop has to say.
func (host) Notice(handle int, kind accept.Kind, errno unix.Errno) {
	C.ssHostNotice(C.int(handle), C.int(kind), C.int(errno))
}

// Lock keeps fork away; the same thread must call Unlock.
func (host) Lock() {
	C.ssHostForkLock()
}

// Unlock lets fork in again.
func (host) Unlock() {
	C.ssHostForkUnlock()
}

// Closes puts a descriptor on the list of those that a child closes.
func (host) Closes(fd int) {
	C.ssHostForkCloses(C.int(fd))
}

// Keeps takes a descriptor off that list.
func (host) Keeps(fd int) {
	C.ssHostForkKeeps(C.int(fd))
}
