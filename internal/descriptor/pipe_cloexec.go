//go:build !darwin

package descriptor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Pipe makes a close-on-exec pipe; both ends are the caller's.
func Pipe() (read, write int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("can't make a pipe: %w", err)
	}
	return PairAboveStandard(ends[0], ends[1])
}
