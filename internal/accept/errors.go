package accept

import "golang.org/x/sys/unix"

// remedy is what mends an error of accept or sendmsg.
type remedy uint8

const (
	nothing remedy = iota // No error.
	wait                  // Until there is something to accept, or room.
	retry                 // At once: the error told of one connection, or of the past.
	pause                 // Descriptors or memory are wanting; others may free some.
	giveUp                // No retry mends it.
)

// acceptRemedy says what mends an error of accept.
func acceptRemedy(errno unix.Errno) remedy {
	switch errno {
	case 0:
		return nothing
	case unix.EAGAIN:
		return wait
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return pause
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM:
		return retry

	// Linux reports what already went wrong on the new connection as an
	// error of accept.
	case unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.EHOSTUNREACH,
		unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ETIMEDOUT:
		return retry
	}
	if isPendingNetworkError(errno) {
		return retry
	}
	return giveUp
}

// sendRemedy says what mends an error of sendmsg.
func sendRemedy(errno unix.Errno) remedy {
	switch errno {
	case 0:
		return nothing
	case unix.EAGAIN:
		return wait
	case unix.EINTR:
		return retry
	case unix.ETOOMANYREFS, unix.ENOBUFS, unix.ENOMEM, unix.EMFILE, unix.ENFILE:
		return pause
	}
	return giveUp
}
