package service

import (
	"golang.org/x/sys/unix"

	"socketserver/internal/accept"
	"socketserver/internal/descriptor"
	"socketserver/internal/handoff"
	"socketserver/internal/listen"
)

// sockets are the descriptors of a service while it is made. All but the
// queue's receive end, which is the workers', are on the host's list, so a
// fork at any moment copies none of them.
type sockets struct {
	host      Host
	port      int
	listeners []int
	send      int // The queue's ends.
	receive   int
	control   int // The control socket's ends: the caller's...
	obeyed    int // ...and the loop's.
}

// open makes the descriptors; after an error none is left.
func open(host Host, options Options) (*sockets, error) {
	s := &sockets{host: host, send: -1, receive: -1, control: -1, obeyed: -1}

	// None of this waits, so fork may wait for it.
	host.Lock()
	err := s.openLocked(options)
	if err == nil {
		for _, fd := range s.servers() {
			host.Closes(fd)
		}
	}
	host.Unlock()
	if err != nil {
		descriptor.Close(append(s.servers(), s.receive)...)
		return nil, err
	}
	return s, nil
}

func (s *sockets) openLocked(options Options) (err error) {
	s.listeners, s.port, err = listen.Listen(options)
	if err != nil {
		return err
	}
	s.send, s.receive, err = handoff.Pair()
	if err != nil {
		return err
	}
	s.control, s.obeyed, err = handoff.Pair()
	return err
}

// servers are those on the host's list.
func (s *sockets) servers() []int {
	return append([]int{s.send, s.control, s.obeyed}, s.listeners...)
}

// closeAll closes all of a service that did not come to be.
func (s *sockets) closeAll() {
	accept.Disown(s.host, s.servers()...)
	descriptor.Close(s.receive)
}

// startLoop starts the accept loop of a service. The loop then owns the queue's
// send end and its end of the control socket, alone; without a table of its own
// the listening sockets too.
func (s *sockets) startLoop(handle, backlog int) (*accept.Loop, error) {
	loop, err := accept.Start(accept.Options{
		Listeners: s.listeners,
		Queue:     s.send,
		Control:   s.obeyed,
		Backlog:   backlog,
		Guard:     s.host,
		Notice: func(kind accept.Kind, errno unix.Errno) {
			s.host.Notice(handle, kind, errno)
		},
	})
	if err != nil {
		return nil, err
	}
	if loop.Private() {
		accept.Disown(s.host, s.send, s.obeyed)
	}
	return loop, nil
}

// reply hands over to the caller what the loop doesn't own.
func (s *sockets) reply(private bool) Reply {
	reply := Reply{Port: s.port, Queue: s.receive, Control: s.control}
	if private {
		reply.Listeners = s.listeners
	}
	s.host.Lock()
	defer s.host.Unlock()
	for _, fd := range append([]int{reply.Control}, reply.Listeners...) {
		s.host.Keeps(fd)
	}
	return reply
}
