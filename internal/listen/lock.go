package listen

import (
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// lockTries is how often a lock is tried that its last holder has removed.
const lockTries = 16

// lock keeps others from taking a path, or removing what is there, at the same
// time. A file beside it is locked, which ends with its holder and leaves at most
// an empty file behind.
type lock struct {
	fd   int
	name string
}

// take locks a path without waiting.
func take(path string) (lock, error) {
	l := lock{-1, path + ".lock"}
	for range lockTries {
		if err := l.try(); err != nil {
			return l, err
		}
		if l.fd >= 0 {
			return l, nil
		}
	}
	return l, errBusy
}

var errBusy = problem{"somebody is taking it just now: try again", unix.EADDRINUSE}

// try takes the lock; with no error and no descriptor its last holder has just
// removed the file.
func (l *lock) try() error {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Open(l.name, flags, 0o600)
	if err != nil {
		return fmt.Errorf("can't open %s: %w", l.name, err)
	}
	held, err := l.hold(fd)
	if !held {
		descriptor.Close(fd)
		return err
	}
	l.fd = fd
	return nil
}

// hold locks the open file; false without an error: it isn't there any more.
func (l *lock) hold(fd int) (bool, error) {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return false, errBusy
	}
	if err != nil {
		return false, fmt.Errorf("can't lock %s: %w", l.name, err)
	}
	var this, there unix.Stat_t
	if err := unix.Fstat(fd, &this); err != nil {
		return false, err
	}
	if this.Mode&unix.S_IFMT != unix.S_IFREG || this.Size > 0 {
		return false, problem{l.name + " is somebody else's: remove it, or use another path", unix.EEXIST}
	}
	return unix.Lstat(l.name, &there) == nil && identity(&this) == identity(&there), nil
}

// release removes the file while it is locked: who has opened it meanwhile sees
// that it is another one.
func (l lock) release() {
	_ = unix.Unlink(l.name)
	descriptor.Close(l.fd)
}
