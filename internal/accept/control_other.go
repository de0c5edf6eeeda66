//go:build !linux

package accept

import "golang.org/x/sys/unix"

// controlFlags are those of writing to the control socket.
const controlFlags = unix.MSG_DONTWAIT

// readCommand takes a command off the control socket. The process has one
// descriptor table, so the number of a descriptor is all there is to it.
func readCommand(control int, _ bool, c *command) unix.Errno {
	var bytes [commandSize]byte
	n, _, err := unix.Recvfrom(control, bytes[:], unix.MSG_DONTWAIT)
	if err != nil {
		return number(err)
	}
	if n != commandSize {
		return unix.EPIPE
	}
	c.decode(&bytes)
	return 0
}
