// Package tally is what workers count of the datagrams that they take, in memory that
// they share with the server. worker/sockets.h states the same layout.
package tally

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// Listeners is how many listeners a tally has room for.
const Listeners = 64

// count is an SsTally.
type count struct{ received, answered uint64 }

// Tally is one that was made here. Who else has it may write anything there.
type Tally struct {
	fd     int
	memory []byte
}

// New makes a tally of zeros.
func New() (*Tally, error) {
	fd, err := unix.MemfdCreate("socketserver-tally", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		fd, err = descriptor.AboveStandard(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("can't make a tally: %w", err)
	}
	memory, err := prepare(fd)
	if err != nil {
		descriptor.Close(fd)
		return nil, fmt.Errorf("can't make a tally: %w", err)
	}
	return &Tally{fd, memory}, nil
}

// prepare gives it a size that nobody can change, and maps it.
func prepare(fd int) ([]byte, error) {
	size := Listeners * int(unsafe.Sizeof(count{}))
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, err
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, err
	}
	return unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

// Fd is the memory file, which stays the tally's.
func (t *Tally) Fd() int {
	return t.fd
}

// Sum is what was counted of all listeners.
func (t *Tally) Sum() (received, answered uint64) {
	for i := range Listeners {
		c := (*count)(unsafe.Pointer(&t.memory[i*int(unsafe.Sizeof(count{}))]))
		received += atomic.LoadUint64(&c.received)
		answered += atomic.LoadUint64(&c.answered)
	}
	return received, answered
}

// Close ends it; nil is none.
func (t *Tally) Close() {
	if t == nil {
		return
	}
	_ = unix.Munmap(t.memory)
	descriptor.Close(t.fd)
	t.memory, t.fd = nil, -1
}
