//go:build !linux

package accept

import "golang.org/x/sys/unix"

// isPendingNetworkError knows the errors that only Linux has.
func isPendingNetworkError(unix.Errno) bool {
	return false
}
