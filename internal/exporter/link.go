package exporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/answers"
	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/counters"
	"socketserver/internal/descriptor"
)

// Bounds of what a server may answer.
const (
	mostAnswer  = 8 << 20
	mostSockets = 32
)

// withDescriptors asks for the memory files and the sockets, too.
const withDescriptors = 1

// What an answer brings along, in this order, before the sockets.
const (
	boardFile = iota
	countersFile
	memoryFiles
)

// errRefused is wrapped by what the server may do better next time.
var errRefused = errors.New("the server can't be watched")

// link is a connection to a server, with what the server has handed over. One
// goroutine at a time uses it, but for hangUp, ended and fault.
type link struct {
	conn         *control.Conn
	peer, server int // The process that listens: as the system says, and as it says itself.
	board        *board.Board
	counters     *counters.Counters
	mapped       [memoryFiles]inode

	ended  chan struct{}         // Closed when the connection has ended...
	reason atomic.Pointer[error] // ...for this; nil: the server ended it.
}

// inode tells one memory file from another.
type inode struct{ device, number uint64 }

func dial(path string) (*link, error) {
	conn, err := control.DialTimeout(path, connectTime)
	if err != nil {
		return nil, err
	}
	peer, err := unix.GetsockoptUcred(conn.Fd(), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("can't tell whose %s is: %w", path, err)
	}
	conn.Limit(mostAnswer, memoryFiles+mostSockets)
	l := &link{conn: conn, peer: int(peer.Pid), ended: make(chan struct{})}
	go l.watch(conn.Fd())
	return l, nil
}

// watch waits for the end of the connection, whose socket stays open for that long.
func (l *link) watch(fd int) {
	defer close(l.ended)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		if n, err := unix.Poll(fds, -1); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// hangUp ends the connection, for a reason of ours.
func (l *link) hangUp(why error) {
	l.reason.Store(&why)
	_ = unix.Shutdown(l.conn.Fd(), unix.SHUT_RDWR)
}

// fault is why we ended it; nil: we didn't.
func (l *link) fault() error {
	if why := l.reason.Load(); why != nil {
		return *why
	}
	return nil
}

// close frees all of it, after its end.
func (l *link) close() {
	l.conn.Close()
	if l.board != nil {
		l.board.Close()
	}
	if l.counters != nil {
		l.counters.Close()
	}
}

// observed is what the server answers.
type observed struct {
	Status json.RawMessage
	Slots  [][4]int // Slot, pid, generation, whether it is attached.
}

// observe asks how the server stands. The descriptors are the caller's.
func (l *link) observe() (*observed, []int, error) {
	m, err := l.conn.Ask("observe", control.Numbers{withDescriptors}, nil, answerTime)
	var refused *control.Error
	switch {
	case errors.As(err, &refused):
		return nil, nil, fmt.Errorf("%w: %s", errRefused, refused)
	case errors.Is(err, control.ErrMessage):
		return nil, nil, fmt.Errorf("what the server answers isn't understood: is it of another version? %w", err)
	case err != nil:
		return nil, nil, err
	}
	answer := new(observed)
	if err := json.Unmarshal(m.Text, answer); err != nil {
		descriptor.Close(m.Fds...)
		return nil, nil, fmt.Errorf("%w: %w", errRefused, answers.NotUnderstood("observe", err))
	}
	return answer, m.Fds, nil
}

// sockets are those that the server has opened for its exporter.
func (l *link) sockets() ([]int, error) {
	_, fds, err := l.observe()
	if err != nil {
		return nil, err
	}
	if len(fds) <= memoryFiles {
		descriptor.Close(fds...)
		return nil, errors.New("it has no -status")
	}
	descriptor.Close(fds[:memoryFiles]...)
	return fds[memoryFiles:], nil
}

// look takes a snapshot, but for what processes have taken. The server makes
// another board for another pool, so it is asked for each time.
func (l *link) look(version string) (*Snapshot, error) {
	answer, fds, err := l.observe()
	if err != nil {
		return nil, err
	}
	defer descriptor.Close(fds...)
	state, err := answers.ReadState(answer.Status)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	if version != "" && state.Version != version {
		return nil, fmt.Errorf("%w: it is version %q, and this exporter is version %s; start an exporter of the server's version",
			errRefused, state.Version, version)
	}
	if len(fds) < memoryFiles {
		return nil, fmt.Errorf("%w: it has no scoreboard yet", errRefused)
	}
	if err := l.mapFiles(fds); err != nil {
		return nil, fmt.Errorf("%w: %w; is it of another version?", errRefused, err)
	}
	l.server = state.Pid
	snapshot := &Snapshot{At: time.Now(), Up: true, State: state, Status: answer.Status}
	snapshot.readBoard(l.board, answer.Slots)
	snapshot.readCounters(l.counters)
	return snapshot, nil
}

// mapFiles maps the board and the counters, if they aren't mapped yet.
func (l *link) mapFiles(fds []int) error {
	var found [memoryFiles]inode
	for i := range found {
		var status unix.Stat_t
		if err := unix.Fstat(fds[i], &status); err != nil {
			return err
		}
		found[i] = inode{uint64(status.Dev), status.Ino}
	}
	if l.board == nil || found[boardFile] != l.mapped[boardFile] {
		seen, err := board.Map(fds[boardFile])
		if err != nil {
			return err
		}
		if l.board != nil {
			l.board.Close()
		}
		l.board, l.mapped[boardFile] = seen, found[boardFile]
	}
	if l.counters == nil || found[countersFile] != l.mapped[countersFile] {
		seen, err := counters.Map(fds[countersFile])
		if err != nil {
			return err
		}
		if l.counters != nil {
			l.counters.Close()
		}
		l.counters, l.mapped[countersFile] = seen, found[countersFile]
	}
	return nil
}
