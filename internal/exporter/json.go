package exporter

import (
	"encoding/json"
	"time"

	"socketserver/internal/board"
)

// told is a Snapshot in JSON.
type told struct {
	At       time.Time        `json:"at"`
	Up       bool             `json:"up"`
	Problem  string           `json:"problem,omitempty"`
	Status   json.RawMessage  `json:"status,omitempty"`
	Workers  []toldWorker     `json:"workers,omitzero"`
	Waits    *toldTimes       `json:"waits,omitempty"`
	Handled  *toldTimes       `json:"handled,omitempty"`
	Counters map[string]int64 `json:"counters,omitzero"`
}

// toldWorker has what isn't known left out.
type toldWorker struct {
	Slot        int       `json:"slot"`
	Pid         int       `json:"pid"`
	Generation  int       `json:"generation"`
	Attached    bool      `json:"attached"`
	State       string    `json:"state"`
	Connections int       `json:"connections"`
	Served      int64     `json:"served"`
	Since       time.Time `json:"since"`
	Peer        string    `json:"peer"`
	Listener    string    `json:"listener"`
	Handler     string    `json:"handler"`
	Note        string    `json:"note"`
	CPU         *float64  `json:"cpu,omitempty"`
	CPUShare    *float64  `json:"cpuShare,omitempty"`
	RSS         *int64    `json:"rss,omitempty"`
	PSS         *int64    `json:"pss,omitempty"`
}

// toldTimes is a histogram: the last count is of what took longer than all bounds.
type toldTimes struct {
	Bounds []float64 `json:"bounds"`
	Counts []uint64  `json:"counts"`
	Sum    float64   `json:"sum"`
}

// encode makes JSON of it.
func (s *Snapshot) encode() ([]byte, error) {
	t := told{At: inMilliseconds(s.At), Up: s.Up, Problem: s.Problem}
	if s.Up {
		t.Status, t.Waits, t.Handled = s.Status, tellTimes(&s.Waits), tellTimes(&s.Handled)
		t.Workers = make([]toldWorker, len(s.Workers))
		for i := range s.Workers {
			t.Workers[i] = tellWorker(&s.Workers[i])
		}
		t.Counters = make(map[string]int64, len(s.Counters))
		for _, c := range s.Counters {
			t.Counters[c.Name] = c.Value
		}
	}
	return json.Marshal(&t)
}

func inMilliseconds(at time.Time) time.Time {
	return at.UTC().Truncate(time.Millisecond)
}

func tellWorker(w *Worker) toldWorker {
	t := toldWorker{
		Slot: w.Slot, Pid: w.Pid, Generation: w.Generation, Attached: w.Attached, State: w.State,
		Connections: w.Connections, Served: w.Served, Since: inMilliseconds(w.Since),
		Peer: w.Peer, Listener: w.Listener, Handler: w.Handler, Note: w.Note,
		CPUShare: known(w.CPUShare), RSS: known(w.RSS), PSS: known(w.PSS),
	}
	if w.CPU >= 0 {
		t.CPU = known(w.CPU.Seconds())
	}
	return t
}

func known[T int64 | float64](value T) *T {
	if value < 0 {
		return nil
	}
	return &value
}

func tellTimes(h *board.Histogram) *toldTimes {
	return &toldTimes{board.Bounds[:], h.Counts[:], float64(h.Sum) / 1e9}
}
