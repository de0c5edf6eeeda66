package accept

import "golang.org/x/sys/unix"

// isPendingNetworkError knows the errors that only Linux has.
func isPendingNetworkError(errno unix.Errno) bool {
	return errno == unix.ENONET
}
