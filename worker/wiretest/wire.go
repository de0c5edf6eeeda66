// Package wiretest lets tests in Go call what workers receive with, which is
// C, so that both sides of the message format are held together.
package wiretest

// #cgo CFLAGS: -I${SRCDIR}/.. -I${SRCDIR}/../../process
// #include <errno.h>
// #include <stdlib.h>
// #include <string.h>
// #include "queue.h"
// #include "return.h"
//
// // A sequence of its own keeps errno beside the status.
// static int receive(int fd, SsArrival *arrivalPtr, int *errnoPtr) {
//     int status = SsQueueReceive(fd, arrivalPtr);
//     *errnoPtr = errno;
//     return status;
// }
//
// // The arrival's descriptor stays the caller's.
// static int give(int fd, int kind, SsArrival *arrivalPtr) {
//     SsPort port = { .returnFd = fd };
//     return SsReturnGive(&port, kind, arrivalPtr);
// }
//
// static int report(int fd, const uint32_t *numbers, int count) {
//     SsPort port = { .returnFd = fd };
//     return SsReturnReport(&port, numbers, count);
// }
//
// static void credentials(const SsArrival *arrivalPtr, uint32_t *numbers) {
//     SsCredentials peer;
//     if (SsArrivalCredentials(arrivalPtr, &peer)) {
//         memcpy(numbers, &peer, sizeof(peer));
//     }
// }
//
// static void forget(SsArrival *arrivalPtr) {
//     arrivalPtr->fd = -1;
//     SsArrivalClose(arrivalPtr);
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

// How a connection is given back; see worker/message.h.
const (
	Park     = C.SS_KIND_PARK
	Unserved = C.SS_KIND_UNSERVED
	Ended    = C.SS_REPORT_ENDED
)

// Arrival is an SsArrival. After Got its descriptor is the caller's.
type Arrival struct {
	Fd       int
	Port     int
	Peer     [3]int // Pid, uid, gid of a Unix peer.
	Listener int
	Accepted uint64
	Ready    uint64
	Patience uint32
	ID       uint32
	Requests uint32
	Flags    uint8
	Address  string
	Tag      string
	Proxy    string
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

// GiveBack decodes a connection's message and sends it back with a descriptor.
func GiveBack(to int, kind int, message []byte, fd int) unix.Errno {
	var arrival C.SsArrival
	if Status(C.SsMessageDecode(unsafe.Pointer(unsafe.SliceData(message)),
		C.size_t(len(message)), &arrival)) != Got {
		return unix.EINVAL
	}
	defer C.forget(&arrival)
	arrival.fd = C.int(fd)
	return unix.Errno(C.give(C.int(to), C.int(kind), &arrival))
}

// Report tells so many numbers, one at least.
func Report(to int, numbers []uint32) unix.Errno {
	return unix.Errno(C.report(C.int(to), (*C.uint32_t)(unsafe.SliceData(numbers)),
		C.int(len(numbers))))
}

// Answer tells a text.
func Answer(to int, number uint32, text string) unix.Errno {
	bytes := append([]byte(text), 0)
	return unix.Errno(C.SsReturnAnswer(C.int(to), C.uint32_t(number),
		(*C.char)(unsafe.Pointer(&bytes[0])), C.int(len(text))))
}

// Length is how many messages are on a queue.
func Length(queue int) int {
	return int(C.SsQueueLength(C.int(queue)))
}

// convert keeps what the status vouches for, and frees the rest.
func convert(arrival *C.SsArrival, status Status) Arrival {
	if status != Got {
		return Arrival{Fd: -1}
	}
	head := &arrival.head
	extra := C.GoBytes(unsafe.Pointer(arrival.extra), C.int(head.tag)+C.int(head.proxy))
	converted := Arrival{
		Fd:       int(arrival.fd),
		Port:     int(arrival.port),
		Listener: int(head.listener),
		Accepted: uint64(head.accepted),
		Ready:    uint64(head.ready),
		Patience: uint32(head.patience),
		ID:       uint32(head.id),
		Requests: uint32(head.requests),
		Flags:    uint8(head.flags),
		Address:  C.GoString(&arrival.address[0]),
		Tag:      string(extra[:head.tag]),
		Proxy:    string(extra[head.tag:]),
	}
	var numbers [3]C.uint32_t
	C.credentials(arrival, &numbers[0])
	for i, number := range numbers {
		converted.Peer[i] = int(number)
	}
	C.forget(arrival)
	return converted
}
