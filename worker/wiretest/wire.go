// Package wiretest lets tests in Go call what workers receive with, which is
// C, so that both sides of the message format are held together.
package wiretest

// #cgo CFLAGS: -I${SRCDIR}/.. -I${SRCDIR}/../../process
// #include <errno.h>
// #include <string.h>
// #include "queue.h"
//
// // A sequence of its own keeps errno beside the status.
// static int receive(int fd, SsArrival *arrivalPtr, int *errnoPtr) {
//     int status = SsQueueReceive(fd, arrivalPtr);
//     *errnoPtr = errno;
//     return status;
// }
import "C"

import (
	"unsafe"

	"golang.org/x/sys/unix"

	_ "socketserver/worker" // The C that is called.
)

// Status is an SsReceiveStatus.
type Status int

// What receiving may answer; see worker/queue.h.
const (
	Got      Status = C.SS_RECEIVE_GOT
	Empty    Status = C.SS_RECEIVE_EMPTY
	End      Status = C.SS_RECEIVE_END
	Retire   Status = C.SS_RECEIVE_RETIRE
	Nudge    Status = C.SS_RECEIVE_NUDGE // Only from Decode.
	Lost     Status = C.SS_RECEIVE_LOST
	Rejected Status = C.SS_RECEIVE_REJECTED
	Failed   Status = C.SS_RECEIVE_FAILED
)

// Arrival is an SsArrival. After Got its descriptor is the caller's.
type Arrival struct {
	Fd       int
	Port     int
	Listener int
	Accepted uint64
	Address  string
}

// Receive takes the next message off a queue; errno counts after Failed.
func Receive(queue int) (Arrival, Status, unix.Errno) {
	var arrival C.SsArrival
	var errno C.int
	status := Status(C.receive(C.int(queue), &arrival, &errno))
	return convert(&arrival, status), status, unix.Errno(errno)
}

// Decode reads a message's bytes.
func Decode(message []byte) (Arrival, Status) {
	var arrival C.SsArrival
	arrival.fd = -1
	status := Status(C.SsMessageDecode(unsafe.Pointer(unsafe.SliceData(message)),
		C.size_t(len(message)), &arrival))
	return convert(&arrival, status), status
}

// convert keeps what the status vouches for.
func convert(arrival *C.SsArrival, status Status) Arrival {
	if status != Got {
		return Arrival{Fd: -1}
	}
	return Arrival{
		Fd:       int(arrival.fd),
		Port:     int(arrival.port),
		Listener: int(arrival.listener),
		Accepted: uint64(arrival.accepted),
		Address:  C.GoString(&arrival.address[0]),
	}
}
