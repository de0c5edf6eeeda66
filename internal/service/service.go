// Package service keeps the table of what is served: for each port an accept
// loop, known to C by a number.
package service

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"socketserver/internal/accept"
	"socketserver/internal/listen"
)

// ErrHandle answers a number that names no service, or no longer.
var ErrHandle = fmt.Errorf("no such service: %w", unix.EBADF)

// errNotStarted answers Serve before Start.
var errNotStarted = errors.New("the Go side has not been started")

// Host is the process that the services live in.
type Host interface {
	accept.Guard

	// Notice tells the application what an accept loop has to say. It is
	// called on a thread that has a usual descriptor table.
	Notice(port int, kind accept.Kind, errno unix.Errno)
}

// Options says what to serve.
type Options = listen.Options

// Reply is a new service. The descriptors are the caller's, and on no list of
// the host's: Listeners to close before Close, Wake after it, Queue when
// nobody in this process waits on it any more.
type Reply struct {
	Handle    int   // Names the service in later calls, above 0.
	Port      int   // The port that listens.
	Listeners []int // None where the accept loop has no table of its own.
	Queue     int   // The queue's receive end.
	Wake      int   // Wakes the accept loop.
}

// running is a service in the table. Its wake end is the caller's of Serve.
type running struct {
	loop *accept.Loop
	wake int
}

// table has all services; its mutex is held for moments only.
var table = struct {
	sync.Mutex
	host Host
	last int // The latest handle; none is ever used again.
	all  map[int]running
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
	loop, err := s.startLoop(options.Backlog)
	if err != nil {
		s.closeAll()
		return Reply{}, err
	}
	reply := s.reply(loop.Private())
	table.Lock()
	defer table.Unlock()
	table.last++
	reply.Handle = table.last
	table.all[reply.Handle] = running{loop: loop, wake: reply.Wake}
	return reply, nil
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
	return service.loop.Stop(service.wake)
}

// Counts reads what the accept loop of a service has counted.
func Counts(handle int) (accept.Counts, error) {
	table.Lock()
	service, known := table.all[handle]
	table.Unlock()
	if !known {
		return accept.Counts{}, ErrHandle
	}
	return service.loop.Counts(), nil
}
