package listen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// mostPath is how long a Unix socket's name may be.
const mostPath = 107

// file is what a path stood for when its socket was bound.
type file struct {
	path string
	inode
}

type inode struct{ device, number uint64 }

func identity(status *unix.Stat_t) inode {
	return inode{uint64(status.Dev), status.Ino}
}

func isAbstract(path string) bool {
	return strings.HasPrefix(path, "@")
}

// listenUnix is Listen for a path.
func listenUnix(options Options) (Opened, error) {
	opened := Opened{Path: options.Path}
	err := checkPath(options.Path)
	if err == nil && isAbstract(options.Path) {
		err = opened.bind(options)
	} else if err == nil {
		err = opened.bindLocked(options)
	}
	if err != nil {
		return Opened{}, fmt.Errorf("can't listen on unix:%s: %w", options.Path, err)
	}
	return opened, nil
}

// checkPath checks what would be misunderstood by the system.
func checkPath(path string) error {
	switch {
	case len(path) > mostPath:
		return problem{fmt.Sprintf("the path has %d bytes, the limit is %d", len(path), mostPath), unix.ENAMETOOLONG}
	case path == "@", !isAbstract(path) && !strings.HasPrefix(path, "/"), strings.ContainsRune(path, 0):
		return problem{"write an absolute path, or @ and a name", unix.EINVAL}
	}
	return nil
}

// bindLocked takes the path from a server that is gone.
func (o *Opened) bindLocked(options Options) error {
	lock, err := take(options.Path)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := removeStale(options); err != nil {
		return err
	}
	return o.bind(options)
}

// removeStale removes a socket on which nobody listens; all else that is in the
// way is an error.
func removeStale(options Options) error {
	var status unix.Stat_t
	err := unix.Lstat(options.Path, &status)
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return err
	case status.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return problem{"what is there is no socket: remove it, or use another path", unix.EEXIST}
	}
	err = knock(options)
	if err == unix.ECONNREFUSED {
		err = unix.Unlink(options.Path)
	}
	switch err {
	case nil, unix.ENOENT:
		return nil
	case unix.EADDRINUSE:
		return problem{"a server is listening there", unix.EADDRINUSE}
	}
	return fmt.Errorf("can't replace the socket that is there: %w", err)
}

// knock connects without waiting and returns ECONNREFUSED where nobody listens,
// EADDRINUSE where somebody does.
func knock(options Options) error {
	fd, err := newSocket(unix.AF_UNIX, options.kind(), 0)
	if err != nil {
		return err
	}
	defer descriptor.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: options.Path})
	switch err {
	case nil, unix.EAGAIN, unix.EINPROGRESS, unix.EPROTOTYPE: // Or too many wait, or for another kind.
		return unix.EADDRINUSE
	}
	return err
}

func (options *Options) kind() int {
	switch {
	case options.Datagrams:
		return unix.SOCK_DGRAM
	case options.Packets:
		return unix.SOCK_SEQPACKET
	}
	return unix.SOCK_STREAM
}

// bind makes a socket listen; after an error nothing is left of it.
func (o *Opened) bind(options Options) error {
	fd, err := newSocket(unix.AF_UNIX, options.kind(), 0)
	if err != nil {
		return err
	}
	o.Fds = []int{fd}
	if options.Mode >= 0 {
		// So that it never is more open than asked for.
		err = unix.Fchmod(fd, uint32(options.Mode))
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: options.Path})
	}
	if err == nil && !isAbstract(options.Path) {
		err = o.own(options)
	}
	if err == nil {
		err = unix.Listen(fd, options.Backlog)
	}
	if err != nil {
		o.unlink()
		descriptor.Close(fd)
	}
	return err
}

// own remembers what was bound, first of all, for it is removed after an error, and
// gives it to whom it is to be. The path isn't trusted for that: others may write
// its folder.
func (o *Opened) own(options Options) error {
	o.notePath(options.Path)
	fd, err := unix.Open(options.Path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer descriptor.Close(fd)
	var status unix.Stat_t
	if err := unix.Fstat(fd, &status); err != nil {
		return err
	}
	if len(o.files) == 0 || identity(&status) != o.files[0].inode {
		return problem{"somebody has replaced it at once", unix.EEXIST}
	}
	if options.Mode >= 0 && status.Mode&0o7777 != uint32(options.Mode) { // The umask took bits away.
		link := "/proc/thread-self/fd/" + strconv.Itoa(fd)
		if err := unix.Chmod(link, uint32(options.Mode)); err != nil {
			return fmt.Errorf("can't set its mode to 0%o: %w", options.Mode, err)
		}
	}
	if options.UID < 0 && options.GID < 0 {
		return nil
	}
	if err := unix.Fchownat(fd, "", options.UID, options.GID, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("can't give it to user %d, group %d: %w", options.UID, options.GID, err)
	}
	return nil
}

// Remove removes the paths, unless they have become another's. The sockets must
// still be open, lest somebody else's have got the same numbers. Who is taking the
// path at the same time will find what to do with it.
func (o *Opened) Remove() {
	for _, f := range o.files {
		lock, err := take(f.path)
		if errors.Is(err, errBusy) {
			continue
		}
		f.unlink()
		if err == nil {
			lock.release()
		}
	}
	o.files = nil
}

// unlink removes what has just been bound.
func (o *Opened) unlink() {
	for _, f := range o.files {
		f.unlink()
	}
}

func (f file) unlink() {
	var status unix.Stat_t
	if unix.Lstat(f.path, &status) == nil && identity(&status) == f.inode {
		_ = unix.Unlink(f.path)
	}
}
