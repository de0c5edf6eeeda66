package exporter

import (
	"cmp"
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/answers"
	"socketserver/internal/board"
	"socketserver/internal/counters"
	"socketserver/internal/supervise"
)

// stateNames are the names of a worker's, as "workers" answers them.
var stateNames = [...]string{
	supervise.Starting: "starting",
	supervise.Idle:     "idle",
	supervise.Busy:     "busy",
	supervise.Retiring: "retiring",
}

// readBoard reads what workers do; the server says whose slots are whose. What it
// says of slots that the board hasn't got is left out.
func (s *Snapshot) readBoard(b *board.Board, slots [][4]int) {
	began := s.At.Add(-uptime())
	taken := make([]bool, b.Slots())
	s.Workers = make([]Worker, 0, min(len(slots), b.Slots()))
	for _, told := range slots {
		slot := told[0]
		if slot < 0 || slot >= len(taken) || taken[slot] {
			continue
		}
		taken[slot] = true
		w := Worker{
			Slot: slot, Pid: told[1], Generation: told[2], Attached: told[3] != 0,
			State: stateNames[supervise.Starting], Since: s.At, CPU: -1, CPUShare: -1, RSS: -1, PSS: -1, slotCPU: -1,
		}
		if entry, ok := b.Read(slot); ok && entry.Pid == w.Pid {
			w.set(&entry, s.State.Listeners, began)
		}
		s.Workers = append(s.Workers, w)
	}
	slices.SortFunc(s.Workers, func(a, b Worker) int { return cmp.Compare(a.Slot, b.Slot) })
	for slot := range b.Slots() {
		times := b.Times(slot)
		addTimes(&s.Waits, &times.Waits)
		addTimes(&s.Handled, &times.Handled)
	}
}

// set says what stands on the board.
func (w *Worker) set(entry *board.Entry, listeners []answers.Listener, began time.Time) {
	w.State = stateNames[entry.State]
	w.Connections = entry.Connections
	w.Served = entry.Served
	w.Handler = entry.Handler
	w.Since = began.Add(time.Duration(entry.Since) * time.Millisecond)
	if entry.Connections == 0 {
		return
	}
	w.Note = entry.Note
	w.Peer = peer(entry)
	if entry.Listener < len(listeners) {
		w.Listener = listeners[entry.Listener].Name
	}
}

// peer is whom a worker serves.
func peer(entry *board.Entry) string {
	switch entry.Peer {
	case "":
		return ""
	case "unix":
		return "process " + strconv.Itoa(entry.PeerPort)
	}
	return net.JoinHostPort(entry.Peer, strconv.Itoa(entry.PeerPort))
}

// uptime is what the board's times are measured with.
func uptime() time.Duration {
	var at unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &at) // It can't fail.
	return time.Duration(at.Nano())
}

// addTimes adds a histogram to another; what is too much for a number stays at the most.
func addTimes(to, more *board.Histogram) {
	for i, n := range more.Counts {
		to.Counts[i] += n // The board bounds them by far less.
	}
	if to.Sum += more.Sum; to.Sum < more.Sum {
		to.Sum = math.MaxUint64
	}
}

// sumOf is how many times a histogram has.
func sumOf(h *board.Histogram) (sum uint64) {
	for _, n := range h.Counts {
		sum += n
	}
	return sum
}

// readCounters reads the application's counters.
func (s *Snapshot) readCounters(c *counters.Counters) {
	s.Counters = c.All()
}
