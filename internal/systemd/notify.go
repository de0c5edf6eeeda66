// Package systemd is what the service manager is told and what it passes on.
package systemd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/supervise"
)

const (
	extendEvery = time.Second
	extension   = 10 * time.Second // Of the time to stop, each time.
)

const never = time.Duration(-1)

// Notifier finds out what to tell of a pool as it is supervised, step by step.
// With Type=notify-reload a reload is over when READY=1 follows RELOADING=1,
// whatever came of it.
type Notifier struct {
	watchdog time.Duration
	fed      time.Duration // When that was told last...
	extended time.Duration // ...and this.

	ready     bool
	reloading bool // Told, and its end is not.
	failed    bool // The status tells of a failure.
	leaving   bool // STOPPING=1 has been told: no READY=1 follows.
	texts     []string
}

// New tells of one pool, and if watchdog isn't 0 that it is looked after, often
// enough for that interval.
func New(watchdog time.Duration) *Notifier {
	return &Notifier{watchdog: watchdog, fed: never, extended: never}
}

// Observe looks at a step that has been taken, with the number of workers there
// are, and answers what to tell, in order: good until the next. Time is the
// monotonic clock's, exact: a reload's must not be before it was asked for.
func (n *Notifier) Observe(now time.Duration, actions []supervise.Action, standing supervise.Standing, workers int) []string {
	n.texts = n.texts[:0]
	n.leave(standing.Phase)
	if !n.leaving {
		for _, a := range actions {
			n.observe(now, a)
		}
	}
	if standing.Phase == supervise.Over {
		return n.texts
	}
	if n.leaving && workers > 0 && due(&n.extended, now, extendEvery) {
		n.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extension.Microseconds()))
	}
	if n.watchdog > 0 && due(&n.fed, now, n.watchdog/3) {
		n.tell("WATCHDOG=1")
	}
	return n.texts
}

func (n *Notifier) tell(text string) {
	n.texts = append(n.texts, text)
}

// due tells whether something is to be done again, and notes that it is.
func due(last *time.Duration, now, pause time.Duration) bool {
	if *last != never && now-*last < pause {
		return false
	}
	*last = now
	return true
}

// leave tells once that the pool is about to end.
func (n *Notifier) leave(phase supervise.Phase) {
	switch phase {
	case supervise.Draining, supervise.Stopping, supervise.Over:
		if !n.leaving {
			n.leaving = true
			n.tell("STOPPING=1")
		}
	}
}

// observe looks at one action.
func (n *Notifier) observe(now time.Duration, a supervise.Action) {
	switch {
	case a.Kind == supervise.Ready:
		n.ready = true
		n.tell("READY=1")
	case a.Kind == supervise.Renew && n.ready && !n.reloading:
		n.reloading = true
		n.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Microseconds()))
	case a.Kind == supervise.Log && a.Text == "reloaded":
		n.reloaded("")
	case a.Kind == supervise.Log && strings.HasPrefix(a.Text, "reload-"):
		n.reloaded(fmt.Sprintf("reload failed: generation %d %s, generation %d goes on",
			a.Args[0], whyNot[a.Text], a.Args[1]))
	}
}

// whyNot says what became of a generation by what the supervisor logs.
var whyNot = map[string]string{
	"reload-failed": "did not come up",
	"reload-queue":  "could not begin",
	"reload-room":   "found no room beside workers that still serve",
	"reload-stop":   "was given up",
}

// reloaded tells that a reload is over, and what went wrong, if anything did.
func (n *Notifier) reloaded(problem string) {
	if problem != "" || n.failed {
		n.tell("STATUS=" + problem)
	}
	n.failed = problem != ""
	if n.reloading {
		n.reloading = false
		n.tell("READY=1")
	}
}

var errAddress = errors.New("it must be an absolute path, or begin with @")

// Send tells something to the socket that NOTIFY_SOCKET names: one datagram, that
// is sent now or not at all.
func Send(path, text string) error {
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
		return fmt.Errorf("can't notify %q: %w", path, errAddress)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("can't notify %q: %w", path, err)
	}
	defer descriptor.Close(fd)
	to := &unix.SockaddrUnix{Name: path} // Which knows what @ means.
	for {
		err = unix.Sendto(fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, to)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("can't notify %q: %w", path, err)
		}
	}
}
