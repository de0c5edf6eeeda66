package listen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// deferTime is for how many seconds the system waits for a first byte before it
// lets a connection be accepted all the same.
const deferTime = 3

// Tune has a socket that somebody else opened listen as the options say. With all,
// what they leave off is off, whoever had switched it on.
func Tune(options Options, fd int, all bool) error {
	if options.Datagrams {
		return setReceiveBuffer(fd, options.RcvBuf)
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	if domain != unix.AF_UNIX {
		if err := tuneTCP(options, fd, all); err != nil {
			return err
		}
	}
	return unix.Listen(fd, options.Backlog)
}

// option is one of a socket's; Linux hands those of a listening one to its connections.
type option struct {
	text               string
	level, name, value int
}

// tuneTCP says how connections are to be, and whether one is there before its
// client has sent something.
func tuneTCP(options Options, fd int, all bool) error {
	wanted := []option{
		{"TCP_DEFER_ACCEPT", unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, number(options.Defer) * deferTime},
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, number(options.NoDelay)},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, options.UserTimeout},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, number(options.KeepAlive[0] > 0)},
	}
	if options.KeepAlive[0] > 0 {
		wanted = append(wanted,
			option{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, options.KeepAlive[0]},
			option{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, options.KeepAlive[1]},
			option{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, options.KeepAlive[2]})
	}
	for _, o := range wanted {
		if o.value == 0 && !all {
			continue
		}
		if err := o.set(fd); err != nil {
			return err
		}
	}
	return setReceiveBuffer(fd, options.RcvBuf)
}

func (o option) set(fd int) error {
	if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
		return fmt.Errorf("can't set %s to %d: %w", o.text, o.value, err)
	}
	return nil
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}
