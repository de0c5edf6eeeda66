// Package countertest lets tests in Go call what counts in C, so that both sides are
// held together.
package countertest

// #cgo CFLAGS: -I${SRCDIR}/..
// #include "counters.h"
import "C"

import (
	"unsafe"

	_ "socketserver/process" // The C that is called.
)

// Size is that of the memory, Most how many counters it has.
const (
	Size = C.SS_COUNTERS_SIZE
	Most = C.SS_COUNTERS_MOST
)

// Map has C take a memory file, as a worker's.
func Map(fd int) error {
	if code, err := C.SsCountersMapLocked(C.int(fd), 0); code < 0 {
		return err
	}
	return nil
}

// counter finds one of those that were mapped.
func counter(name string, find func(*C.SsCounter, *C.SsCounterName) *C.SsCounter) (found *C.SsCounter, isName bool) {
	var n C.SsCounterName
	bytes := append([]byte(name), 0)
	if C.SsCounterNameSet(&n, (*C.char)(unsafe.Pointer(&bytes[0])), C.size_t(len(name))) < 0 {
		return nil, false
	}
	return find(C.SsCountersGet(), &n), true
}

// Add counts, and returns whether it is a name for which there is room.
func Add(name string, n int64) (isName, hasRoom bool) {
	c, isName := counter(name, func(all *C.SsCounter, n *C.SsCounterName) *C.SsCounter { return C.SsCounterClaim(all, n) })
	if c != nil {
		C.SsCounterAdd(c, C.int64_t(n))
	}
	return isName, c != nil
}

// Value is what a counter has, if there is one of that name.
func Value(name string) (value int64, has bool) {
	c, _ := counter(name, func(all *C.SsCounter, n *C.SsCounterName) *C.SsCounter { return C.SsCounterFind(all, n) })
	if c == nil {
		return 0, false
	}
	return int64(C.SsCounterValue(c)), true
}

// Name is that of an entry, as C reads it; "": it has none.
func Name(i int) string {
	var bytes [C.SS_COUNTER_SIZE]C.char
	all := unsafe.Slice(C.SsCountersGet(), Most)
	return C.GoStringN(&bytes[0], C.int(C.SsCounterNameGet(&all[i], &bytes[0])))
}
