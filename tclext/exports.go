package main

// #include "boundary.h"
import "C"

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/service"
	"socketserver/internal/signals"
)

// memoryLimit is where the garbage collector begins to work.
const memoryLimit = 32 << 20

// What an export answers.
const (
	succeeded C.int = 0
	failed    C.int = -1
)

// ssGoStart makes this Go runtime ready, and waits until it is. Call it once
// per runtime; it copies the host. It returns 0 or -1.
//
//export ssGoStart
func ssGoStart(functions *C.SsHost) (status C.int) {
	defer recovered(&status, nil)
	signals.BlockAsynchronous()

	// The collector works on goroutines of its own, on threads that Go opens
	// to SIGCHLD; a handler of the application's would run on their small
	// stacks. The accept loops allocate nothing and each command very little,
	// so it may rest until the memory limit.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	service.Start(newHost(functions))
	return succeeded
}

// ssGoServe listens and starts an accept loop; boundary.h says who owns what
// is in the reply. It returns 0, or -1 and why.
//
//export ssGoServe
func ssGoServe(request *C.SsServeRequest, reply *C.SsServeReply, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	options, err := readRequest(request)
	if err != nil {
		return report(failure, err)
	}
	served, err := service.Serve(options)
	if err != nil {
		return report(failure, err)
	}
	writeReply(reply, served)
	return succeeded
}

// ssGoClose stops listening and returns when the accept loop has closed its
// listening sockets; what it holds it still delivers. It returns 0, or -1 and
// why.
//
//export ssGoClose
func ssGoClose(handle C.int, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	if err := service.Close(int(handle)); err != nil {
		return report(failure, err)
	}
	return succeeded
}

// ssGoRenew makes another queue for a service; boundary.h says who owns it. Put
// its send end on the host's list before a fork can happen. It returns 0, or -1
// and why.
//
//export ssGoRenew
func ssGoRenew(handle C.int, reply *C.SsRenewReply, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	send, receive, err := service.Renew(int(handle))
	if err != nil {
		return report(failure, err)
	}
	*reply = C.SsRenewReply{sendFd: C.int(send), queueFd: C.int(receive)}
	return succeeded
}

// ssGoSwitch returns when the accept loop sends to the queue with this send end
// and has closed that of the queue before. The send end, on the host's list, is
// the caller's no more. It returns 0, or -1 and why: then it is.
//
//export ssGoSwitch
func ssGoSwitch(handle, send C.int, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	if err := service.Switch(int(handle), int(send)); err != nil {
		return report(failure, err)
	}
	return succeeded
}

// ssGoRetire makes the accept loop ask some workers to end. It returns 0, or
// -1 and why.
//
//export ssGoRetire
func ssGoRetire(handle, workers C.int, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	if err := service.Retire(int(handle), int(workers)); err != nil {
		return report(failure, err)
	}
	return succeeded
}

// ssGoCounts reads the counters of an accept loop. It returns 0, or -1 and
// why.
//
//export ssGoCounts
func ssGoCounts(handle C.int, counts *C.SsServeCounts, failure *C.SsGoError) (status C.int) {
	defer recovered(&status, failure)
	signals.BlockAsynchronous()
	counted, err := service.Counts(int(handle))
	if err != nil {
		return report(failure, err)
	}
	*counts = C.SsServeCounts{
		accepted:   C.uint64_t(counted.Accepted),
		handedOver: C.uint64_t(counted.HandedOver),
		held:       C.uint64_t(counted.Held),
		lost:       C.uint64_t(counted.Lost),
		waits:      C.uint64_t(counted.Waits),
		retries:    C.uint64_t(counted.Retries),
		pauses:     C.uint64_t(counted.Pauses),
	}
	return succeeded
}

// readRequest turns a request into what the service package wants.
func readRequest(request *C.SsServeRequest) (service.Options, error) {
	options := service.Options{
		Port:      int(request.port),
		Backlog:   int(request.backlog),
		ReusePort: request.reusePort != 0,
	}
	list := C.GoString(request.addresses)
	if list == "" {
		return options, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		address, err := netip.ParseAddr(strings.TrimSpace(item))
		if err != nil {
			return options, fmt.Errorf("can't listen on %q: not a numeric address", item)
		}
		options.Addresses = append(options.Addresses, address)
	}
	if len(options.Addresses) > C.SS_MAX_LISTENERS {
		return options, fmt.Errorf("can't listen on %d addresses: the limit is %d",
			len(options.Addresses), C.SS_MAX_LISTENERS)
	}
	return options, nil
}

// writeReply hands the descriptors of a service to C, which owns them then.
func writeReply(reply *C.SsServeReply, served service.Reply) {
	*reply = C.SsServeReply{
		handle:       C.int(served.Handle),
		port:         C.int(served.Port),
		queueFd:      C.int(served.Queue),
		controlFd:    C.int(served.Control),
		numListenFds: C.int(len(served.Listeners)),
	}
	for i, fd := range served.Listeners {
		reply.listenFds[i] = C.int(fd)
	}
}

// report writes down why a call failed, cut to what there is room for.
func report(failure *C.SsGoError, err error) C.int {
	if failure == nil {
		return failed
	}
	*failure = C.SsGoError{}
	var errno unix.Errno
	if errors.As(err, &errno) {
		failure.posix = C.int(errno)
	}
	room := unsafe.Slice((*byte)(unsafe.Pointer(&failure.message[0])), C.SS_ERROR_SIZE-1)
	copy(room, strings.ToValidUTF8(err.Error(), "?"))
	return failed
}

// recovered turns a panic of an export into a failure: none crosses into C.
// Defer it.
func recovered(status *C.int, failure *C.SsGoError) {
	if reason := recover(); reason != nil {
		*status = report(failure, fmt.Errorf("internal error: %v", reason))
	}
}
