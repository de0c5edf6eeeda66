package accept

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/handoff"
)

// Guard keeps a loop without a descriptor table of its own and the forks of
// its process apart. Lock and Unlock come from one operating-system thread.
type Guard interface {
	// Lock and Unlock enclose moments in which no fork happens.
	Lock()
	Unlock()

	// Closes puts a descriptor on the list of those that a forked child
	// closes, Keeps takes it off. The lock is held.
	Closes(fd int)
	Keeps(fd int)
}

// unguarded is the guard of a process that doesn't fork.
type unguarded struct{}

func (unguarded) Lock()      {}
func (unguarded) Unlock()    {}
func (unguarded) Closes(int) {}
func (unguarded) Keeps(int)  {}

// Disown takes descriptors off the guard's list and closes them.
func Disown(guard Guard, fds ...int) {
	guard.Lock()
	defer guard.Unlock()
	for _, fd := range fds {
		guard.Keeps(fd)
		descriptor.Close(fd)
	}
}

// accept takes a connection off a listening socket. A fork must not come
// between that and the guard's list, or the child would keep the connection.
func (l *Loop) accept(listener int, m *handoff.Message) (int, unix.Errno) {
	if l.private {
		return l.sys.accept(listener, m)
	}
	l.options.Guard.Lock()
	fd, errno := l.sys.accept(listener, m)
	if errno == 0 {
		l.options.Guard.Closes(fd)
	}
	l.options.Guard.Unlock()
	return fd, errno
}

// shut closes a descriptor of the loop's.
func (l *Loop) shut(fd int) {
	if l.private {
		l.sys.close(fd)
		return
	}
	l.options.Guard.Lock()
	l.options.Guard.Keeps(fd)
	l.sys.close(fd)
	l.options.Guard.Unlock()
}
