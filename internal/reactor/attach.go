package reactor

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
)

// soPeerPidfd is SO_PEERPIDFD, of Linux 6.5, which package unix doesn't name yet.
const soPeerPidfd = 77

// attach makes the operator a worker, if the pool wants it: text: a listener's
// name, or nothing.
func (o *operator) attach(m *control.Message) {
	switch {
	case o.attached:
		o.refuse("ATTACHED", "this connection is a worker already")
	case int(o.uid) != unix.Geteuid():
		o.refuse("NOTOWNER", fmt.Sprintf("only user %d may attach workers", unix.Geteuid()))
	case o.pid <= 0:
		o.refuse("NOPROCESS", "the server can't see your process: it is in another pid namespace")
	default:
		o.pool.forward(&forwarded{operator: o, attach: true, pid: o.pid}, patienceOfOperators,
			"attach", strconv.Itoa(int(o.pid)), string(m.Text))
	}
}

// attached: the pool has a slot for it. Text: slot and generation, then what is
// the worker's to read; its descriptors are those of the request, and the counters.
func (f *forwarded) attached(text string, m *control.Message) {
	o := f.operator
	if o == nil {
		f.pool.tell("detached", strconv.Itoa(int(f.pid))) // It didn't wait.
		return
	}
	o.waiting = nil
	place, rest := cutLine(text)
	answer := control.Message{Text: []byte(rest), Fds: m.Fds}
	m.Fds = nil // The answer's.
	_, err := fmt.Sscanf(place, "%d %d", &answer.Numbers[0], &answer.Numbers[1])
	if err != nil {
		descriptor.Close(answer.Fds...)
		err = errors.New("the pool's answer can't be read")
	} else {
		answer.Fds, err = f.pool.reactor.withCounters(answer.Fds)
	}
	if err != nil {
		o.refuse("SERVER", err.Error())
		f.pool.tell("detached", strconv.Itoa(int(f.pid)))
		return
	}
	o.attached, o.pidfd = true, pidfdOf(o)
	o.answer(answer)
}

// pidfdOf is a descriptor of the operator's process, or -1. Where the system is too
// old to tell by the connection it is found by the number; the connection's end
// would mean that this may be another's.
func pidfdOf(o *operator) int {
	fd, err := unix.GetsockoptInt(o.fd, unix.SOL_SOCKET, soPeerPidfd)
	if err == nil {
		return fd
	}
	if err != unix.ENOPROTOOPT {
		return -1
	}
	fd, err = unix.PidfdOpen(int(o.pid), 0)
	if err != nil {
		return -1
	}
	look := [1]unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(look[:], 0); err != nil || n > 0 && look[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0 {
		descriptor.Close(fd)
		return -1
	}
	return fd
}

// detachRequest: the service, a process. Kills an attached worker or, where that
// can't be, closes its connection, which tells it to go.
func (p *pool) detachRequest(m *control.Message) reply {
	if p.control == nil {
		return reply{}
	}
	for o := range p.control.operators {
		if !o.attached || int64(o.pid) != m.Numbers[1] {
			continue
		}
		if o.pidfd < 0 || unix.PidfdSendSignal(o.pidfd, unix.SIGKILL, nil, 0) != nil {
			o.client.close()
		}
	}
	return reply{}
}
