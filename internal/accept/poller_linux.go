package accept

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// poller is the Go runtime's, of which a forked child has no use.
var poller runtimePoller

// runtimePoller has the descriptors of the runtime's poller: an epoll
// descriptor and the eventfd that wakes it.
type runtimePoller struct {
	mutex   sync.Mutex
	fds     []int // None before they are found.
	guarded bool  // They are on a guard's list.
}

// find looks for them among epoll descriptors and eventfds.
func (p *runtimePoller) find(candidates []int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, epoll := range candidates {
		if len(p.fds) > 0 {
			return
		}
		if event := wakes(epoll); slices.Contains(candidates, event) {
			p.fds = []int{epoll, event}
		}
	}
}

// wakes returns the eventfd by which the runtime wakes an epoll descriptor that
// is its own, or -1. What the runtime has the kernel keep with that eventfd is
// the address of a variable, near this package's in memory.
func wakes(epoll int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/thread-self/fdinfo/%d", epoll))
	if err != nil {
		return -1
	}
	for _, line := range strings.Split(string(text), "\n") {
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
	here := uint64(uintptr(unsafe.Pointer(&poller)))
	return address > here-variables && address < here+variables
}

// GuardPoller puts the descriptors of the Go runtime's poller on the guard's
// list, once they are known: a forked child has no use for them. Call it after
// Start.
func GuardPoller(guard Guard) {
	poller.mutex.Lock()
	defer poller.mutex.Unlock()
	if poller.guarded {
		return
	}
	poller.guarded = len(poller.fds) > 0
	guard.Lock()
	defer guard.Unlock()
	for _, fd := range poller.fds {
		guard.Closes(fd)
	}
}
