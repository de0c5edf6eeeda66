// Package boardtest lets tests in Go call what makes and reads scoreboards in C,
// so that both readers are held together.
package boardtest

// #cgo CFLAGS: -I${SRCDIR}/..
// #include "board.h"
import "C"

import (
	_ "socketserver/process" // The C that is called.
)

// Entry is what C reads.
type Entry struct {
	Pid, Generation, State, Connections int
	Started, Since                      int64
	Served, Taken, Waited               uint64
	Listener, PeerPort                  int
	Peer, Handler, Note                 string
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

// Read has C read a slot.
func Read(board, slot int) (Entry, bool) {
	var e C.SsBoardEntry
	used := C.SsBoardRead(C.int(board), C.int(slot), &e) != 0
	return Entry{
		Pid: int(e.pid), Generation: int(e.generation), State: int(e.state), Connections: int(e.connections),
		Started: int64(e.started), Since: int64(e.since),
		Served: uint64(e.served), Taken: uint64(e.taken), Waited: uint64(e.waited),
		Listener: int(e.listener), PeerPort: int(e.peerPort),
		Peer: C.GoString(&e.peer[0]), Handler: C.GoString(&e.handler[0]), Note: C.GoString(&e.note[0]),
	}, used
}
