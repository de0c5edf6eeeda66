package accept

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAcceptRemedy(t *testing.T) {
	for errno, want := range map[unix.Errno]remedy{
		0:                 nothing,
		unix.EAGAIN:       wait,
		unix.EINTR:        retry,
		unix.ECONNABORTED: retry,
		unix.EPROTO:       retry,
		unix.EPERM:        retry,
		unix.ENETDOWN:     retry,
		unix.ENOPROTOOPT:  retry,
		unix.EHOSTDOWN:    retry,
		unix.EHOSTUNREACH: retry,
		unix.EOPNOTSUPP:   retry,
		unix.ENETUNREACH:  retry,
		unix.ETIMEDOUT:    retry,
		unix.EMFILE:       pause,
		unix.ENFILE:       pause,
		unix.ENOBUFS:      pause,
		unix.ENOMEM:       pause,
		unix.EBADF:        giveUp,
		unix.EINVAL:       giveUp,
		unix.ENOTSOCK:     giveUp,
		unix.EFAULT:       giveUp,
	} {
		if got := acceptRemedy(errno); got != want {
			t.Errorf("%v: got %d, want %d", errno, got, want)
		}
	}
}

func TestSendRemedy(t *testing.T) {
	for errno, want := range map[unix.Errno]remedy{
		0:                 nothing,
		unix.EAGAIN:       wait,
		unix.EINTR:        retry,
		unix.ETOOMANYREFS: pause,
		unix.ENOBUFS:      pause,
		unix.ENOMEM:       pause,
		unix.EMFILE:       pause,
		unix.EPIPE:        giveUp,
		unix.ECONNREFUSED: giveUp,
		unix.ECONNRESET:   giveUp,
		unix.EBADF:        giveUp,
	} {
		if got := sendRemedy(errno); got != want {
			t.Errorf("%v: got %d, want %d", errno, got, want)
		}
	}
}
