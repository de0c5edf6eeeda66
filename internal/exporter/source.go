package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"socketserver/internal/control"
)

const (
	freshTime   = 200 * time.Millisecond // A snapshot this young is given again.
	pauseTime   = 500 * time.Millisecond // Before it connects again.
	connectTime = 500 * time.Millisecond
	answerTime  = 2 * time.Second
)

// errGone: the server has ended the connection.
var errGone = errors.New("there is no connection to the server")

// errSucceeded: another server has taken over.
var errSucceeded = errors.New("another server has taken over")

// isStopping is the health of a server that accepts no more.
const isStopping = "stopping"

// Source takes snapshots of a server, over a connection that Run keeps.
type Source struct {
	path    string
	version string // Ours; the board's layout belongs to a version.
	kept    bool

	turn      chan struct{} // Has room while nobody uses what follows.
	link      *link         // Nil: none.
	problem   error         // Why there is none.
	latest    *Snapshot     // Of this...
	latestOf  *link         // ...connection.
	processes processes

	looks atomic.Int64 // How many were taken, for tests.
}

func newSource(o *Options) *Source {
	return &Source{path: o.Path, version: o.Version, kept: o.Kept, turn: make(chan struct{}, 1), problem: errGone}
}

// Look returns how the server stands now, or stood a moment ago.
func (s *Source) Look(ctx context.Context) (*Snapshot, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer s.leave()
	if s.latest != nil && time.Since(s.latest.At) < freshTime && s.latestOf == s.link {
		return s.latest, nil
	}
	s.latest, s.latestOf = s.look(), s.link
	return s.latest, nil
}

func (s *Source) leave() { <-s.turn }

// look asks the server. Who doesn't answer in time may do so next time; with one
// whose answer can't be trusted the connection ends.
func (s *Source) look() (snapshot *Snapshot) {
	s.looks.Add(1)
	defer func() {
		if problem := recover(); problem != nil {
			snapshot = s.down(fmt.Errorf("internal error: %v", problem))
		}
	}()
	if s.link == nil {
		return s.down(s.problem)
	}
	if why := s.link.fault(); why != nil {
		return s.down(why)
	}
	snapshot, err := s.link.look(s.version)
	if err != nil {
		if !isPassing(err) {
			s.link.hangUp(err)
		}
		return s.down(err)
	}
	if snapshot.State.Health == isStopping && !s.kept {
		snapshot = s.succeeded(snapshot)
	}
	s.processes.update(snapshot, s.hasProcesses())
	return snapshot
}

// succeeded looks at who listens at the path by now: a server that has been taken over
// may have its connections for long. One that is kept is its server's own.
func (s *Source) succeeded(snapshot *Snapshot) *Snapshot {
	next, err := dial(s.path)
	if err != nil {
		return snapshot
	}
	newer, err := next.look(s.version)
	if err != nil || next.server == s.link.server {
		next.hangUp(errGone)
		<-next.ended
		next.close()
		return snapshot
	}
	s.link.hangUp(errSucceeded) // Run closes it.
	s.link = next
	return newer
}

// isPassing tells whether the connection may be good after an error. Its end is for
// Run to see.
func isPassing(err error) bool {
	return errors.Is(err, control.ErrTimeout) || errors.Is(err, errRefused) || errors.Is(err, io.EOF)
}

// hasProcesses tells whether the server's numbers of processes mean the same here: it
// may be in a namespace of its own.
func (s *Source) hasProcesses() bool {
	return s.link.peer == s.link.server
}

// down is a snapshot of no server.
func (s *Source) down(why error) *Snapshot {
	s.problem = why
	return &Snapshot{At: time.Now(), Problem: why.Error()}
}

// Run keeps a connection until the context ends. One that is kept by the server
// returns as well when the server ends the connection, or can't be reached.
func (s *Source) Run(ctx context.Context) {
	for {
		l := s.connect(ctx)
		isOver := l == nil
		if l != nil {
			isOver = s.attend(ctx, l)
		}
		if isOver && s.kept || l == nil && ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pauseTime):
		}
	}
}

// attend waits until a connection has ended, and closes it; it returns whether the
// server ended it.
func (s *Source) attend(ctx context.Context, l *link) bool {
	select {
	case <-l.ended:
	case <-ctx.Done():
		l.hangUp(errGone)
		<-l.ended
	}
	s.turn <- struct{}{}
	defer s.leave()
	if s.link == l {
		s.link = nil
		if l.fault() == nil {
			s.problem = errGone
		}
	}
	l.close()
	return l.fault() == nil
}

// connect makes the connection, if there is none and the context hasn't ended.
func (s *Source) connect(ctx context.Context) *link {
	s.turn <- struct{}{}
	defer s.leave()
	if s.link == nil && ctx.Err() == nil {
		l, err := dial(s.path)
		if err != nil {
			s.problem = err
			return nil
		}
		s.link = l
	}
	return s.link
}

// adopt connects at once, and returns the sockets that the server has opened for
// its exporter, which are the caller's.
func (s *Source) adopt(ctx context.Context) ([]int, error) {
	l := s.connect(ctx)
	if l == nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, s.problem)
	}
	fds, err := l.sockets()
	if err != nil {
		return nil, fmt.Errorf("can't watch the server at %s: %w", s.path, err)
	}
	return fds, nil
}
