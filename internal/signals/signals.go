// Package signals keeps the application's signals off Go's threads.
package signals

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// never lists what must stay open: the faults of the thread itself, which no
// other can take, and what the C library uses among its threads (a setuid in
// one of them waits until all have answered).
var never = []int{
	int(unix.SIGSEGV), int(unix.SIGBUS), int(unix.SIGFPE), int(unix.SIGILL), int(unix.SIGTRAP),
	int(unix.SIGSYS), int(unix.SIGABRT), 32, 33, 34,
}

// BlockAsynchronous blocks all other signals on the calling thread, to which
// the goroutine must be locked.
//
// Go opens SIGCHLD on each thread that it enters. A handler of the
// application's, installed without SA_ONSTACK, would run there on a
// goroutine's small stack and overwrite what lies beyond.
func BlockAsynchronous() {
	var set unix.Sigset_t
	wordBits := 8 * int(unsafe.Sizeof(set.Val[0]))
	for i := range set.Val {
		set.Val[i] = ^set.Val[i]
	}
	for _, signal := range never {
		bit := signal - 1
		set.Val[bit/wordBits] &^= 1 << (bit % wordBits)
	}
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}
