package listen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setReceiveBuffer sets how much a socket may have that wasn't received yet; 0 is
// what the system gives it. The system cuts what is above its limit without a word,
// but for who may administer the network.
func setReceiveBuffer(fd, bytes int) error {
	if bytes == 0 {
		return nil
	}
	// Who passed it may have been allowed what this process is not.
	if has, err := receiveBuffer(fd); err == nil && has == bytes {
		return nil
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil {
		if err := (option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, bytes}).set(fd); err != nil {
			return err
		}
	}
	has, err := receiveBuffer(fd)
	if err != nil {
		return fmt.Errorf("can't read SO_RCVBUF: %w", err)
	}
	if has < bytes {
		text := "can't set SO_RCVBUF to %d: net.core.rmem_max is %d: ask for no more, or have it raised"
		return problem{fmt.Sprintf(text, bytes, has), unix.EPERM}
	}
	return nil
}

// receiveBuffer is what was set: the system doubles it for its own needs.
func receiveBuffer(fd int) (int, error) {
	doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return doubled / 2, err
}
