// Package service keeps the table of what is served: for each port an accept
// loop, known to C by a number.
package service

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"socketserver/internal/accept"
	"socketserver/internal/handoff"
	"socketserver/internal/listen"
)

// ErrHandle answers a number that names no service, or no longer.
var ErrHandle = fmt.Errorf("no such service: %w", unix.EBADF)

// errNotStarted answers Serve before Start.
var errNotStarted = errors.New("the Go side has not been started")

// Host is the process that the services live in.
type Host interface {
	accept.Guard

	// Notice tells the application what the accept loop of a service has to
	// say, perhaps before Serve has returned its handle. It is called on a
	// thread that has a usual descriptor table.
	Notice(handle int, kind accept.Kind, errno unix.Errno)
}

// Options says what to serve.
type Options = listen.Options

// Reply is a new service. The descriptors are the caller's, and on no list of
// the host's: Listeners to close before Close, Control after it, Queue when
// nobody in this process waits on it any more.
type Reply struct {
	Handle    int   // Names the service in later calls, above 0.
	Port      int   // The port that listens.
	Listeners []int // None where the accept loop has no table of its own.
	Queue     int   // The queue's receive end.
	Control   int   // Tells the accept loop what to do.
}

// running is a service in the table. Its control end is the caller's of Serve.
type running struct {
	host    Host
	loop    *accept.Loop
	control int
}

// table has all services; its mutex is held for moments only.
var table = struct {
	sync.Mutex
	host Host
	last int // The latest handle; none is ever used again.
	all  map[int]running

	processors int // That ran Go code before there was a loop; 0: none yet.
}{all: map[int]running{}}

// Start says which process the services live in; call it once, first.
func Start(host Host) {
	table.Lock()
	defer table.Unlock()
	table.host = host
}

// Serve listens and starts an accept loop. An error leaves nothing open.
func Serve(options Options) (Reply, error) {
	table.Lock()
	host := table.host
	table.Unlock()
	if host == nil {
		return Reply{}, errNotStarted
	}
	s, err := open(host, options)
	if err != nil {
		return Reply{}, err
	}
	handle := begin()
	loop, err := s.startLoop(handle, options.Backlog)
	if err != nil {
		s.closeAll()
		return Reply{}, err
	}
	accept.GuardPoller(host)
	reply := s.reply(loop.Private())
	table.Lock()
	defer table.Unlock()
	reply.Handle = handle
	table.all[handle] = running{host: host, loop: loop, control: reply.Control}
	return reply, nil
}

// begin returns the handle of a service that is about to be, and lets one
// processor more run Go code than the machine has or the user wants, for each
// accept loop that there is or will be: a loop keeps one while it waits without
// the scheduler knowing, and nobody else should have to wait for that.
func begin() int {
	table.Lock()
	defer table.Unlock()
	table.last++
	if table.processors == 0 {
		table.processors = runtime.GOMAXPROCS(0)
	}
	runtime.GOMAXPROCS(table.processors + len(table.all) + 1)
	return table.last
}

// Close ends a service: what is in the listen backlog is accepted, then the
// loop's listening sockets are closed, and Close returns. The loop goes on
// until the queue has taken what it holds. The handle is forgotten.
func Close(handle int) error {
	table.Lock()
	service, known := table.all[handle]
	delete(table.all, handle)
	table.Unlock()
	if !known {
		return ErrHandle
	}
	return service.loop.Stop(service.control)
}

// Counts reads what the accept loop of a service has counted.
func Counts(handle int) (accept.Counts, error) {
	service, err := find(handle)
	if err != nil {
		return accept.Counts{}, err
	}
	return service.loop.Counts(), nil
}

// Renew makes another queue for a service. Both ends are the caller's: the
// send end goes on the host's list at once, and to Switch, or is closed.
func Renew(handle int) (send, receive int, err error) {
	if _, err := find(handle); err != nil {
		return -1, -1, err
	}
	return handoff.Pair()
}

// Switch makes the accept loop of a service send to another queue from now on
// and close the old one. The send end, which is on the host's list, is the
// caller's no more; after an error it is, and all is as before.
func Switch(handle, send int) error {
	service, err := find(handle)
	if err != nil {
		return err
	}
	if err := service.loop.Switch(service.control, send); err != nil {
		return err
	}
	if service.loop.Private() {
		accept.Disown(service.host, send)
	}
	return nil
}

// Retire makes the accept loop of a service ask workers to end, by messages
// behind what is queued.
func Retire(handle, workers int) error {
	service, err := find(handle)
	if err != nil {
		return err
	}
	return service.loop.Retire(service.control, workers)
}

func find(handle int) (running, error) {
	table.Lock()
	defer table.Unlock()
	service, known := table.all[handle]
	if !known {
		return running{}, ErrHandle
	}
	return service, nil
}
