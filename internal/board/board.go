// Package board reads a scoreboard: what each worker of a pool is doing, in
// memory that they share. process/board.h says what stands in it; the types here
// state the same layout.
//
// Who writes may have been taken over, so all that is read is checked. It says
// nothing of whose slot is whose: only who forks or attaches workers knows.
package board

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/supervise"
)

const (
	most  = 4160 // Slots.
	tries = 1000 // Of a reader, where the writer is faster; who writes for ever must not hold it up.

	mostConnections = 1000000
	mostServed      = 1 << 52
	mostWaited      = 1 << 62
	mostPort        = 1<<31 - 1 // A Unix peer's is a pid.
	mostListener    = 1<<16 - 1
)

// Free is the state of nobody's slot.
const Free supervise.State = -1

// Entry is what one worker shows. Times are CLOCK_MONOTONIC's milliseconds.
type Entry struct {
	Pid         int
	Generation  int
	State       supervise.State
	Connections int   // Open now.
	Started     int64 // When the slot was taken.
	Since       int64 // When the state began, or the oldest connection came.
	Served      int64
	Taken       int64 // From the queue...
	Waited      int64 // ...and how long they were ready for a worker: nanoseconds.
	Listener    int   // By which the oldest came...
	Peer        string
	PeerPort    int // ...and from whom; 0, "" and 0: none is open.
	Handler     string
	Trouble     string // Why it could not begin.
	Note        string // What it is at, in the application's words.
}

// entry is an SsBoardEntry.
type entry struct {
	state, pid, generation, connections int32
	started, since                      int64
	served, taken, waited               uint64
	dismissed, listener, peerPort       int32
	peer                                [64]byte
	handler                             [65]byte
	trouble                             [256]byte
	note                                [129]byte
}

// slot is a Slot of board.c, on cache lines of its own.
type slot struct {
	sequence uint32 // Its lowest bit: the copy to read.
	ask      uint32
	copies   [2]entry
	times    Times
	_        [slotSize - 8 - 2*unsafe.Sizeof(entry{}) - unsafe.Sizeof(Times{})]byte
}

const slotSize = 1472

// Board is a scoreboard that is mapped. One goroutine may use it at a time.
type Board struct {
	memory []byte
	slots  []slot
	asks   bool  // The memory can be written.
	copy   entry // The slot that is being read.
	fence  atomic.Uint32
}

// Map maps a board to be read. The descriptor stays the caller's, who may close it.
func Map(fd int) (*Board, error) {
	return mapped(fd, unix.PROT_READ)
}

// MapToAsk is Map for who asks workers, too.
func MapToAsk(fd int) (*Board, error) {
	return mapped(fd, unix.PROT_READ|unix.PROT_WRITE)
}

func mapped(fd, protection int) (*Board, error) {
	size, err := sizeOf(fd)
	if err != nil {
		return nil, err
	}
	memory, err := unix.Mmap(fd, 0, size, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("can't read the scoreboard: %w", err)
	}
	count := len(memory) / slotSize
	return &Board{
		memory: memory, slots: unsafe.Slice((*slot)(unsafe.Pointer(&memory[0])), count),
		asks: protection&unix.PROT_WRITE != 0,
	}, nil
}

// sizeOf is the size of a board, if it is one that can be, and that it keeps: to read
// what was cut off would end the process.
func sizeOf(fd int) (int, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err == unix.EBADF {
		return 0, fmt.Errorf("can't read the scoreboard: %w", err)
	}
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return 0, fmt.Errorf("the scoreboard is not sealed against shrinking: %w", unix.EPERM)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return 0, fmt.Errorf("can't read the scoreboard: %w", err)
	}
	if size := stat.Size; size <= 0 || size%slotSize != 0 || size/slotSize > most {
		return 0, fmt.Errorf("a scoreboard has no %d bytes: %w", size, unix.EINVAL)
	}
	return int(stat.Size), nil
}

// Slots is how many there are.
func (b *Board) Slots() int {
	return len(b.slots)
}

// Close ends the mapping.
func (b *Board) Close() {
	if b.memory != nil {
		_ = unix.Munmap(b.memory)
		b.memory, b.slots = nil, nil
	}
}

// Read copies what a slot says, all of one moment, and returns whether it is in
// use.
func (b *Board) Read(number int) (Entry, bool) {
	if number < 0 || number >= len(b.slots) {
		return Entry{State: Free}, false
	}
	s := &b.slots[number]
	for range tries {
		before := atomic.LoadUint32(&s.sequence)
		b.copy = s.copies[before%2]
		b.fence.Store(before) // That is read before the sequence is again.
		if atomic.LoadUint32(&s.sequence) == before {
			break
		}
	}
	e := b.copy.checked()
	return e, e.State != Free
}

// checked makes what another process has written something that can be.
func (e *entry) checked() Entry {
	state := supervise.State(e.state) - 1 // Here the free one has a number.
	if state < Free || state > supervise.Retiring {
		state = supervise.Starting
	}
	return Entry{
		Pid: int(e.pid), Generation: int(e.generation), State: state,
		Connections: int(within(int64(e.connections), mostConnections)),
		Started:     e.started,
		Since:       within(e.since, now()),
		Served:      within(int64(e.served), mostServed),
		Taken:       within(int64(e.taken), mostServed),
		Waited:      within(int64(e.waited), mostWaited),
		Listener:    int(within(int64(e.listener), mostListener)),
		PeerPort:    int(within(int64(e.peerPort), mostPort)),
		Peer:        text(e.peer[:]),
		Handler:     text(e.handler[:]),
		Trouble:     text(e.trouble[:]),
		Note:        text(e.note[:]),
	}
}

func within(value, most int64) int64 {
	return min(max(value, 0), most)
}

// now is SsMilliseconds.
func now() int64 {
	var at unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &at) // It can't fail.
	return at.Nano() / 1e6
}

// text takes what stands before the NUL. It goes to terminals and into JSON: what
// controls becomes blanks, Tcl's NUL of two bytes, too; what is no character is
// left out.
func text(field []byte) string {
	field = field[:len(field)-1]
	if end := bytes.IndexByte(field, 0); end >= 0 {
		field = field[:end]
	}
	for i, c := range field {
		switch {
		case c < ' ' || c == 0x7f:
			field[i] = ' '
		case i+1 == len(field):
		case c == 0xc2 && field[i+1] >= 0x80 && field[i+1] < 0xa0, c == 0xc0 && field[i+1] == 0x80:
			field[i], field[i+1] = ' ', ' '
		}
	}
	return strings.ToValidUTF8(string(field), "")
}
