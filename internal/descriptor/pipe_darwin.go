package descriptor

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pipe makes a close-on-exec pipe; both ends are the caller's.
func Pipe() (read, write int, err error) {
	var ends [2]int
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(ends[:]); err != nil {
		return -1, -1, fmt.Errorf("can't make a pipe: %w", err)
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	return PairAboveStandard(ends[0], ends[1])
}
