// Package reactor is the server: one thread and one epoll for all listeners of
// a process.
//
// It accepts connections and puts them on the queues that workers share, and
// does what it is asked through control sockets (package control). It owns
// every descriptor of the server. Its thread has a descriptor table of its own:
// what it accepts never exists in the table that the application's threads
// copy when they fork, and forks need not be kept away.
//
// Numbers there and in the rest of the process mean different things, which
// the Go runtime doesn't know: so its poller keeps its numbers in this table
// (package table), and nothing here uses package os or net, or a timer of Go's. The
// straight way from accept to send allocates nothing, since the collector works
// on threads that are open to the application's SIGCHLD.
package reactor

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/counters"
	"socketserver/internal/queue"
	"socketserver/internal/signals"
	"socketserver/internal/standing"
	"socketserver/internal/table"
)

// Options says how a process reaches its reactor.
type Options struct {
	// Inner is the reactor's end of the door, a pair of sequenced packets
	// through which control sockets come. The reactor has a copy of it; this
	// one stays the caller's.
	Inner int

	// Outer is the other end, in the process's table. It stays open as long
	// as the reactor is to live.
	Outer int

	// Beside answers requests that take their time, on a goroutine of its own.
	Beside map[string]Answerer

	Version string          // Of this package.
	Pools   *standing.Table // How pools stand, as is found beside the reactor.
}

// Answerer answers a request. The answer's text is empty, with memory to append
// to, and both are good until it returns.
type Answerer func(request, answer *control.Message)

// Reactor serves a process. Its own thread alone touches it, but for answered.
type Reactor struct {
	options   Options
	sys       system
	watched   []watched // By descriptor.
	lastWatch int32
	event     unix.EpollEvent // What the epoll is told; here, it takes no memory.
	deadlines deadlines

	services map[int]*service // By their handles...
	pools    map[int]*pool    // ...as theirs, which live longer.
	clients  map[*client]bool
	ended    bool // The door was closed.

	counters *counters.Counters   // The application's; nil: nothing was served yet.
	added    []*counters.Counters // What others' workers have counted that is added to them.

	look      admit.Looker
	text      [queue.MostProxy]byte // What a PROXY header says, while it is noted.
	receiver  *queue.Receiver
	memory    memory
	lastToken int64 // Of what was forwarded.
	closing   int   // Connections that are held for the busy reply to be read.
	short     bool  // Something pauses for want of a descriptor.

	farewell, nudge queue.Message
	buffer          *control.Buffer // To send from.

	questions chan *client
	answered  struct {
		sync.Mutex
		all []*client
	}
}

// watcher is told what happens to a descriptor.
type watcher interface {
	ready(events uint32)
	broken() // It has panicked.
}

// watched is who watches a descriptor. The generation tells an event of a
// descriptor that was closed from one of its successor.
type watched struct {
	watcher    watcher
	generation int32
}

// Start starts a reactor and returns when it answers, with the descriptors of
// the process that a forked child has no use for.
func Start(options Options) (useless []int, err error) {
	useless, err = table.Runtime()
	if err != nil {
		return nil, err
	}
	r := newReactor(options, system{})

	// The reactor keeps a processor while it waits without the scheduler
	// knowing, and nobody else should have to wait for that.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	ready := make(chan error)
	go table.OnOwnThread(func() { r.main(useless, ready) })
	if err := <-ready; err != nil {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
		return nil, err
	}
	go r.answerBeside()
	return useless, nil
}

func newReactor(options Options, sys system) *Reactor {
	return &Reactor{
		options:   options,
		sys:       sys,
		services:  map[int]*service{},
		pools:     map[int]*pool{},
		clients:   map[*client]bool{},
		farewell:  queue.Message{Kind: queue.KindRetire},
		nudge:     queue.Message{Kind: queue.KindNudge},
		receiver:  queue.NewReceiver(),
		buffer:    control.NewBuffer(),
		questions: make(chan *client, maxQuestions),
	}
}

// main is the reactor's goroutine, on a thread of its own: its descriptor
// table ends with it.
func (r *Reactor) main(keep []int, ready chan<- error) {
	signals.BlockAsynchronous()
	err := r.prepare(append([]int{r.options.Inner}, keep...))
	ready <- err
	if err == nil {
		r.run()
		close(r.questions)
	}
}

// prepare opens what the reactor works with, in a table of its own.
func (r *Reactor) prepare(keep []int) error {
	if err := table.Claim(keep); err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("can't wait for connections: %w", err)
	}
	if r.sys, err = newSystem(poll); err != nil {
		return err
	}
	if errno := r.watch(r.options.Inner, door{r}, unix.EPOLLIN); errno != 0 {
		return fmt.Errorf("can't wait for requests: %w", errno)
	}
	return nil
}

// run does all of the reactor's work.
func (r *Reactor) run() {
	var events [64]unix.EpollEvent
	for !r.ended {
		r.round(events[:])
	}
}

// round waits once, and does what has become due.
func (r *Reactor) round(events []unix.EpollEvent) {
	n, errno := r.sys.wait(events, r.timeout())
	if errno != 0 && errno != unix.EINTR {
		// Whatever is wrong, it must not make a busy loop.
		pause := unix.NsecToTimespec(maxPause * millisecond)
		_ = unix.Nanosleep(&pause, nil)
	}
	for i := range n {
		r.dispatch(&events[i])
	}
	for len(r.deadlines) > 0 && r.deadlines[0].at <= r.sys.now() {
		d := r.deadlines[0]
		r.deadlines.clear(d)
		d.expire()
	}
}

// expire turns a panic into the end of the owner alone, as dispatch does.
func (d *deadline) expire() {
	defer func() {
		if recover() != nil {
			d.owner.broken()
		}
	}()
	d.due()
}

// timeout is how many milliseconds there are to the next deadline.
func (r *Reactor) timeout() int {
	if len(r.deadlines) == 0 {
		return -1
	}
	at, now := r.deadlines[0].at, r.sys.now()
	if at <= now {
		return 0
	}
	return int((at - now + millisecond - 1) / millisecond)
}

// dispatch turns a panic into the end of what was told alone.
func (r *Reactor) dispatch(event *unix.EpollEvent) {
	fd := int(event.Fd)
	if fd >= len(r.watched) || r.watched[fd].watcher == nil || r.watched[fd].generation != event.Pad {
		return // Closed meanwhile.
	}
	w := r.watched[fd].watcher
	defer func() {
		if recover() != nil {
			w.broken()
		}
	}()
	w.ready(event.Events)
}

// watch adds a descriptor to the epoll.
func (r *Reactor) watch(fd int, w watcher, events uint32) unix.Errno {
	for fd >= len(r.watched) {
		r.watched = append(r.watched, watched{})
	}
	r.lastWatch++
	r.watched[fd] = watched{w, r.lastWatch}
	errno := r.interest(unix.EPOLL_CTL_ADD, fd, events)
	if errno != 0 {
		r.watched[fd] = watched{}
	}
	return errno
}

func (r *Reactor) isWatched(fd int) bool {
	return fd < len(r.watched) && r.watched[fd].watcher != nil
}

// rewatch waits for other events of a descriptor.
func (r *Reactor) rewatch(fd int, events uint32) {
	r.interest(unix.EPOLL_CTL_MOD, fd, events)
}

// unwatch takes a descriptor out of the epoll.
func (r *Reactor) unwatch(fd int) {
	if r.isWatched(fd) {
		r.interest(unix.EPOLL_CTL_DEL, fd, 0)
		r.watched[fd] = watched{}
	}
}

func (r *Reactor) interest(op, fd int, events uint32) unix.Errno {
	r.event = unix.EpollEvent{Events: events, Fd: int32(fd), Pad: r.watched[fd].generation}
	return r.sys.interest(op, fd, &r.event)
}
