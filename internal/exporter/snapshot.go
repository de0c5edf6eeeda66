// Package exporter shows how a server stands to those who watch it: as metrics, as
// a page and in JSON. It runs in a process of its own, which the server hands its
// scoreboard and its counters, and asks nothing else of the server than how it
// stands, a few times a second at most.
package exporter

import (
	"context"
	"encoding/json"
	"time"

	"socketserver/internal/answers"
	"socketserver/internal/board"
	"socketserver/internal/counters"
)

// Snapshot is how a server stands at a moment. Nobody changes one: whoever looks
// at the same time gets the same.
type Snapshot struct {
	At      time.Time
	Up      bool   // False: there is no server, and all that follows is empty but...
	Problem string // ...this, for people: why.

	State   answers.State
	Status  json.RawMessage // What State was read from.
	Workers []Worker        // By slot.

	// Over all slots, of workers that have gone, too: they only grow.
	Waits, Handled board.Histogram

	Counters []counters.Counter // The application's, sorted by name.
}

// Looker gives snapshots; a Source is one. It fails only where the context ends:
// that there is no server is a snapshot, too.
type Looker interface {
	Look(context.Context) (*Snapshot, error)
}

// Worker is what a worker does.
type Worker struct {
	Slot, Pid, Generation int
	Attached              bool // The server didn't fork it.
	State                 string
	Connections           int
	Peer                  string // "127.0.0.1:4242", "process 7", or "".
	Listener              string
	Note                  string
	Handler               string
	Since                 time.Time // When it got into its state, or its oldest connection came.
	Served                int64

	// Of its process, when it was looked at last.
	CPU      time.Duration // -1: not known.
	CPUShare float64       // Of a processor, since the time before; -1: not known.
	RSS, PSS int64         // Bytes; -1: not known.

	slotCPU time.Duration // Of all processes that the slot had while it was watched; -1: not known.
}
