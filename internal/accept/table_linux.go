package accept

import (
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// lastDescriptor is what close_range takes for "all that follow".
const lastDescriptor = ^uint32(0)

// claimTable gives the calling thread, to which the goroutine must be locked
// for good, a descriptor table of its own with nothing but what it is told to
// keep. It returns false where the system refuses; nothing has changed then.
func claimTable(keep []int) bool {
	null := []byte("/dev/null\x00")
	runtimes, known := runtimeDescriptors()
	if !known {
		return false
	}
	keep = append(runtimes, keep...)
	slices.Sort(keep)
	last := uint32(keep[len(keep)-1])

	// The first call copies the table, and of it only what the call doesn't
	// close; on what follows all depends, so from here on: no allocation.
	if closeRange(last+1, lastDescriptor, unix.CLOSE_RANGE_UNSHARE) != 0 {
		return false
	}
	from := uint32(0)
	for _, fd := range keep {
		if uint32(fd) > from {
			closeRange(from, uint32(fd)-1, 0)
		}
		from = uint32(fd) + 1
	}
	fillStandard(null)
	return true
}

func closeRange(first, last uint32, flags uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(last), flags)
	return errno
}

// fillStandard takes the numbers of the standard channels, lest an accepted
// connection gets one: what the Go runtime has to say when it dies is written
// to number 2.
func fillStandard(null []byte) {
	at := unix.AT_FDCWD
	for range 3 {
		fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(at),
			uintptr(unsafe.Pointer(&null[0])), unix.O_RDWR|unix.O_CLOEXEC, 0, 0, 0)
		if errno != 0 {
			// A root without /dev: anything that nobody reads.
			fd, _, errno = unix.RawSyscall(unix.SYS_EVENTFD2, 0, unix.EFD_CLOEXEC, 0)
		}
		if errno == 0 && fd > 2 {
			rawClose(int(fd))
		}
	}
}

// runtimeDescriptors returns those of the Go runtime's poller, and perhaps
// some of the application's that look alike, whose copies do no harm. It
// returns false when it can't find out.
//
// The runtime may use them from any thread: to wake the poller for the timer
// of another goroutine when it takes the processor from this one, for example.
// If they were missing here, it would end the process or, worse, write into
// the connection that has got the number. Opening a file makes the runtime
// start its poller, so it doesn't do so later, with numbers that are missing
// here.
func runtimeDescriptors() (found []int, known bool) {
	const table = "/proc/thread-self/fd" // "self" would be the main thread's.
	if !hasRoom(roomForPoller) {
		return nil, false
	}
	listing, err := os.Open(table) // ReadDir would not start the poller.
	if err != nil {
		return nil, false
	}
	defer listing.Close()
	names, err := listing.Readdirnames(-1)
	if err != nil {
		return nil, false
	}
	for _, name := range names {
		target, err := os.Readlink(table + "/" + name)
		if err != nil || target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			continue
		}
		if fd, err := strconv.Atoi(name); err == nil {
			found = append(found, fd)
		}
	}
	poller.find(found)
	return found, len(found) > 0
}

// roomForPoller is how many descriptors it takes to start the poller and list
// the table, with a few to spare for other threads.
const roomForPoller = 8

// hasRoom tells whether the process may open n more descriptors. The runtime
// ends a process in which its poller finds none.
func hasRoom(n int) bool {
	got := make([]int, 0, n)
	defer func() { descriptor.Close(got...) }()
	for range n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return false
		}
		got = append(got, fd)
	}
	return true
}
