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
	wakeRead  int // The wake pipe's ends.
	wakeWrite int
}

// open makes the descriptors; after an error none is left.
func open(host Host, options Options) (*sockets, error) {
	s := &sockets{host: host, send: -1, receive: -1, wakeRead: -1, wakeWrite: -1}

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
	s.wakeRead, s.wakeWrite, err = descriptor.Pipe()
	return err
}

// servers are those on the host's list.
func (s *sockets) servers() []int {
	return append([]int{s.send, s.wakeRead, s.wakeWrite}, s.listeners...)
}

// closeAll closes all of a service that did not come to be.
func (s *sockets) closeAll() {
	accept.Disown(s.host, s.servers()...)
	descriptor.Close(s.receive)
}

// startLoop starts the accept loop. The loop then owns the queue's send end
// and the wake pipe's read end, alone; without a table of its own the
// listening sockets too.
func (s *sockets) startLoop(backlog int) (*accept.Loop, error) {
	loop, err := accept.Start(accept.Options{
		Listeners: s.listeners,
		Queue:     s.send,
		Wake:      s.wakeRead,
		Backlog:   backlog,
		Guard:     s.host,
		Notice: func(kind accept.Kind, errno unix.Errno) {
			s.host.Notice(s.port, kind, errno)
		},
	})
	if err != nil {
		return nil, err
	}
	if loop.Private() {
		accept.Disown(s.host, s.send, s.wakeRead)
	}
	return loop, nil
}

// reply hands over to the caller what the loop doesn't own.
func (s *sockets) reply(private bool) Reply {
	reply := Reply{Port: s.port, Queue: s.receive, Wake: s.wakeWrite}
	if private {
		reply.Listeners = s.listeners
	}
	s.host.Lock()
	defer s.host.Unlock()
	for _, fd := range append([]int{reply.Wake}, reply.Listeners...) {
		s.host.Keeps(fd)
	}
	return reply
}
