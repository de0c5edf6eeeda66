// Package boardtest lets tests in Go call what makes and reads scoreboards in C,
// so that both readers are held together.
package boardtest

// #cgo CFLAGS: -I${SRCDIR}/..
// #include "board.h"
// #include "fork.h"
// #include <unistd.h>
//
// static void Time(uint64_t waited, uint64_t handled)
// {
//     SsForkLock();
//     SsBoardWaitedLocked(waited);
//     SsBoardHandledLocked(handled);
//     SsForkUnlock();
// }
import "C"

import (
	"unsafe"

	_ "socketserver/process" // The C that is called.
)

// Entry is what C reads.
type Entry struct {
	Pid, Generation, State, Connections int
	Started, Since                      int64
	Served, Taken, Waited               uint64
	Listener, PeerPort                  int
	Peer, Handler, Trouble, Note        string
}

// Free is the state of nobody's slot, for C; the others follow.
const Free = C.SS_BOARD_FREE

// Create makes a board and returns its number, and its memory's descriptor, which
// is the board's.
func Create(slots int) (board, fd int, err error) {
	number, err := C.SsBoardCreate(C.int(slots))
	if number < 0 {
		return -1, -1, err
	}
	return int(number), int(C.SsBoardFd(number)), nil
}

// Destroy ends a board.
func Destroy(board int) {
	C.SsBoardDestroy(C.int(board))
}

// Take makes a slot this process's own.
func Take(board, slot int) {
	C.SsBoardTake(C.int(board), C.int(slot), C.getpid(), 1, &[]C.char{0}[0])
}

// Note says in the own slot what this process is at.
func Note(text string) {
	bytes := append([]byte(text), 0)
	C.SsBoardNote((*C.char)(unsafe.Pointer(&bytes[0])))
}

// Time counts in the own slot how long a connection waited, and was served.
func Time(waited, handled uint64) {
	C.Time(C.uint64_t(waited), C.uint64_t(handled))
}

// AskWord is what the own slot's word to ask by says; false: there is no slot.
func AskWord() (uint32, bool) {
	var value C.uint32_t
	if C.SsBoardAskWord(&value) == nil {
		return 0, false
	}
	return uint32(value), true
}

// Read has C read a slot.
func Read(board, slot int) (Entry, bool) {
	var e C.SsBoardEntry
	used := C.SsBoardRead(C.int(board), C.int(slot), &e) != 0
	return Entry{
		Pid: int(e.pid), Generation: int(e.generation), State: int(e.state), Connections: int(e.connections),
		Started: int64(e.started), Since: int64(e.since),
		Served: uint64(e.served), Taken: uint64(e.taken), Waited: uint64(e.waited),
		Listener: int(e.listener), PeerPort: int(e.peerPort),
		Peer: C.GoString(&e.peer[0]), Handler: C.GoString(&e.handler[0]),
		Trouble: C.GoString(&e.trouble[0]), Note: C.GoString(&e.note[0]),
	}, used
}
