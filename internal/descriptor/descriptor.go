// Package descriptor has the few habits with file descriptors that the other
// packages share.
package descriptor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// firstFree is the first number that isn't a standard channel's.
const firstFree = 3

// AboveStandard moves a descriptor to 3 or above. A daemon may have closed
// its standard channels; what took the number of one would become the
// standard input or output of the programs that the application starts.
//
// It owns fd: the result replaces it, and after an error it is closed.
func AboveStandard(fd int) (int, error) {
	if fd >= firstFree {
		return fd, nil
	}
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstFree)
	Close(fd)
	if err != nil {
		return -1, fmt.Errorf("can't move a descriptor away from the standard channels: %w", err)
	}
	return moved, nil
}

// PairAboveStandard is AboveStandard for two; after an error both are closed.
func PairAboveStandard(first, second int) (int, int, error) {
	first, err := AboveStandard(first)
	if err != nil {
		Close(second)
		return -1, -1, err
	}
	second, err = AboveStandard(second)
	if err != nil {
		Close(first)
		return -1, -1, err
	}
	return first, second, nil
}

// Close closes descriptors that the caller owns; a negative one is none. What
// close answers changes nothing: the descriptor is gone even after EINTR.
func Close(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
