package systemd

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// MostPassed is how many descriptors are taken over.
const MostPassed = 64

const (
	firstPassed = 3
	mostListed  = 1 << 20 // The system's own limit of descriptors.
)

// Passed is a descriptor that the process was started with.
type Passed struct {
	FD   int
	Name string
}

var (
	errListed  = errors.New("it must be a number of descriptors")
	errTooMany = fmt.Errorf("only %d are taken over, the others are closed", MostPassed)
)

// PassedTo reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES for a process. What
// was passed to it keeps its number and becomes close-on-exec; one without a
// name is called LISTEN_FD_ and its number, as
// github.com/coreos/go-systemd/v22/activation has it. That isn't linked: with it
// come net and crypto/tls, and so a third more of memory that the system must
// promise to each process; and package os would have Go's poller wait on the
// sockets.
//
// An error tells of the first that can't be had; the others are answered.
// Surplus ones are closed.
func PassedTo(pid int, listenPID, listenFDs, listenNames string) (all []Passed, err error) {
	if listenPID != strconv.Itoa(pid) || listenFDs == "" {
		return nil, nil // Nothing, or somebody else's.
	}
	count, err := strconv.Atoi(listenFDs)
	if err != nil || count < 0 || count > mostListed {
		return nil, fmt.Errorf("LISTEN_FDS is %q: %w", listenFDs, errListed)
	}
	names := strings.Split(listenNames, ":")
	for i := range count {
		p := Passed{FD: firstPassed + i}
		if _, errno := unix.FcntlInt(uintptr(p.FD), unix.F_SETFD, unix.FD_CLOEXEC); errno != nil {
			err = cmp.Or(err, fmt.Errorf("LISTEN_FDS is %d, but descriptor %d: %w", count, p.FD, errno))
			continue
		}
		if len(all) == MostPassed {
			err = cmp.Or(err, fmt.Errorf("LISTEN_FDS is %d: %w", count, errTooMany))
			descriptor.Close(p.FD)
			continue
		}
		if i < len(names) {
			p.Name = names[i]
		}
		p.Name = cmp.Or(p.Name, "LISTEN_FD_"+strconv.Itoa(p.FD))
		all = append(all, p)
	}
	return all, err
}
