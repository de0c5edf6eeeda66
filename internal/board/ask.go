package board

import (
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const futexWake = 1 // FUTEX_WAKE, in memory that processes share.

// Ask asks the worker of a slot for its stack, by the word on which it waits. The
// number says which question it is, and is never 0; 0: there is nobody to ask.
func (b *Board) Ask(number int, raise bool) (question uint32) {
	if !b.asks || number < 0 || number >= len(b.slots) {
		return 0
	}
	word := &b.slots[number].ask
	question = max((atomic.LoadUint32(word)>>1+1)&math.MaxInt32, 1)
	value := question << 1
	if raise {
		value |= 1
	}
	atomic.StoreUint32(word, value)
	// Who waits is woken; with a mapping that is there it can't fail.
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, math.MaxInt32)
	return question
}
