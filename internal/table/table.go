// Package table gives a thread a descriptor table of its own: what is opened
// there never exists in the table that the process's other threads copy when
// they fork.
package table

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// errTable answers where the system refuses a descriptor table.
var errTable = errors.New("the system refuses the accepting thread a descriptor table of its own," +
	" by close_range and by unshare: allow one of them (a seccomp filter forbids both?)")

// firstThread is the one that the Go runtime started on; packages are
// initialized there.
var firstThread = unix.Gettid()

// OnOwnThread runs a function, as the last thing of the calling goroutine, on
// an operating-system thread that ends with it. That can't be the runtime's
// first: when a goroutine that is locked to it ends, the runtime parks it
// forever, with all that it has.
func OnOwnThread(run func()) {
	runtime.LockOSThread()
	if unix.Gettid() != firstThread {
		run()
		return
	}
	elsewhere := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(elsewhere)
		run()
	}()
	<-elsewhere // As long as this goroutine has the first thread, the other can't.
	runtime.UnlockOSThread()
}

// Claim gives the calling thread, to which the goroutine must be locked
// for good, a descriptor table of its own with nothing but what it is told to
// keep.
func Claim(keep []int) error {
	slices.Sort(keep)
	last := uint32(keep[len(keep)-1])

	// The first call copies the table, and of it only what the call doesn't
	// close.
	if errno := closeRange(last+1, ^uint32(0), unix.CLOSE_RANGE_UNSHARE); errno != 0 {
		return unshare(keep)
	}
	from := uint32(0)
	for _, fd := range keep {
		if uint32(fd) > from {
			closeRange(from, uint32(fd)-1, 0)
		}
		from = uint32(fd) + 1
	}
	fillStandard()
	return nil
}

func closeRange(first, last uint32, flags uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(last), flags)
	return errno
}

// unshare does the same without close_range.
func unshare(keep []int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_FILES, 0, 0); errno != 0 {
		return fmt.Errorf("%w: %w", errTable, errno)
	}
	table, err := unix.Open("/proc/thread-self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("can't list descriptors: %w", err)
	}
	var open []int
	listing := make([]byte, 8192)
	for {
		n, err := unix.Getdents(table, listing)
		if err != nil {
			descriptor.Close(table)
			return fmt.Errorf("can't list descriptors: %w", err)
		}
		if n == 0 {
			break
		}
		_, _, names := unix.ParseDirent(listing[:n], -1, nil)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil {
				open = append(open, fd)
			}
		}
	}
	for _, fd := range open {
		if !slices.Contains(keep, fd) {
			descriptor.Close(fd)
		}
	}
	fillStandard()
	return nil
}

// fillStandard takes the numbers of the standard channels, lest an accepted
// connection gets one: what the Go runtime has to say when it dies is written
// to number 2.
func fillStandard() {
	for range 3 {
		fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			// A root without /dev: anything that nobody reads.
			fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
		}
		if err == nil && fd > 2 {
			descriptor.Close(fd)
		}
	}
}

// roomForPoller is how many descriptors it takes to start the runtime's poller
// and list the table, with a few to spare for other threads.
const roomForPoller = 8

// Runtime returns those of the Go runtime's poller, an epoll
// descriptor and the eventfd that wakes it.
//
// The runtime may use them from any thread: to wake the poller for the timer
// of another goroutine when it takes the processor from this one, for example.
// If they were missing in a table, it would end the process or,
// worse, write into the connection that has got the number. Opening a file
// makes the runtime start its poller, so it doesn't do so later.
func Runtime() ([]int, error) {
	if err := needRoom(roomForPoller); err != nil {
		return nil, err
	}
	const table = "/proc/thread-self/fd" // "self" would be the main thread's.
	listing, err := os.Open(table)       // ReadDir would not start the poller.
	if err != nil {
		return nil, fmt.Errorf("can't list descriptors: %w", err)
	}
	defer listing.Close()
	names, err := listing.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("can't list descriptors: %w", err)
	}
	var events, polls []int
	for _, name := range names {
		target, err := os.Readlink(table + "/" + name)
		fd, notNumber := strconv.Atoi(name)
		switch {
		case err != nil || notNumber != nil:
		case target == "anon_inode:[eventpoll]":
			polls = append(polls, fd)
		case target == "anon_inode:[eventfd]":
			events = append(events, fd)
		}
	}
	for _, poll := range polls {
		if event := wakes(poll); slices.Contains(events, event) {
			return []int{poll, event}, nil
		}
	}
	return nil, errors.New("can't find what the Go runtime waits with: is /proc whole?")
}

// needRoom tells whether the process may open n more descriptors. The runtime
// ends a process in which its poller finds none.
func needRoom(n int) error {
	got := make([]int, 0, n)
	defer func() { descriptor.Close(got...) }()
	for range n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("a server needs %d descriptors: %w", n, err)
		}
		got = append(got, fd)
	}
	return nil
}

// wakes returns the eventfd by which the runtime wakes an epoll descriptor that
// is its own, or -1. What the runtime has the kernel keep with that eventfd is
// the address of a variable, near this package's in memory.
func wakes(poll int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/thread-self/fdinfo/%d", poll))
	if err != nil {
		return -1
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		var fd int
		var events, data uint64
		if n, _ := fmt.Sscanf(line, "tfd: %d events: %x data: %x", &fd, &events, &data); n == 3 && isOurs(data) {
			return fd
		}
	}
	return -1
}

// isOurs tells whether an address may be of a variable of the library or
// program that this package is part of.
func isOurs(address uint64) bool {
	const variables = 1 << 20 // The size of all of them is well below.
	here := uint64(uintptr(unsafe.Pointer(&firstThread)))
	return address > here-variables && address < here+variables
}
