// Package answers reads what a server answers its operators: how it stands and
// what its workers do.
package answers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// MostListed bounds how many workers a server may name.
const MostListed = 1 << 16

// State is what "status" answers.
type State struct {
	Version        string
	Pid            int
	Name           string
	Listeners      []Listener
	HealthListener string
	StatusListener string
	Control        string
	Health         string
	State          string
	Generation     int64
	Wanted         int64
	MinWorkers     int64
	MaxWorkers     int64
	Workers        struct{ Starting, Idle, Busy, Retiring, Attached int64 }
	Accepted       int64
	HandedOver     int64
	Resumed        int64
	Served         int64
	Lost           int64
	Waits          int64
	Retries        int64
	Pauses         int64
	Parked         int64
	Holding        struct{ Queue, Proxy, FirstByte, Head, Closing int64 }
	Queued         int64
	Oldest         float64
	FirstByte      float64
	Shed           struct{ QueueTime, MaxQueue int64 }
	Gone           int64
	Refused        struct{ MaxPerAddr, RatePerAddr int64 }
	Expired        struct{ Proxy, FirstByte, Head, Parked int64 }
	Malformed      int64
	Probes         int64
	Backlog        int64
	Datagrams      struct{ Received, Answered, Dropped int64 }
	Forked, Ended  int64
	Died, Killed   int64
	Reloads        int64
	Failed         int64
	Exits          map[string]int64 // Of workers, by reason.
	LimitReached   int64            // Times more workers were wanted than -maxworkers allows.
}

// Listener is where a server listens.
type Listener struct {
	Name      string
	Addresses []string
}

// Worker is one of what "workers" answers.
type Worker struct {
	Pid         int
	Slot        int64
	Generation  int64
	State       string
	Attached    bool
	Connections int64
	Served      int64
	Age         float64
	Peer        string
	PeerPort    int64
	Handler     string
	Listener    string
	Note        string // What it says that it does.
}

// Client is whom the worker serves.
func (w *Worker) Client() string {
	switch w.Peer {
	case "":
		return "-"
	case "unix":
		return "process " + strconv.FormatInt(w.PeerPort, 10)
	}
	return net.JoinHostPort(w.Peer, strconv.FormatInt(w.PeerPort, 10))
}

// StateText tells an attached worker from a forked one.
func (w *Worker) StateText() string {
	if w.Attached {
		return w.State + " (attached)"
	}
	return w.State
}

// ReadState reads the answer to "status".
func ReadState(answer []byte) (State, error) {
	var s State
	if err := json.Unmarshal(answer, &s); err != nil {
		return s, NotUnderstood("status", err)
	}
	return s, nil
}

// ReadWorkers reads the answer to "workers", one after the other: a small text
// can name very many.
func ReadWorkers(answer []byte) ([]Worker, error) {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	first, err := decoder.Token()
	if err == nil && first != json.Delim('[') {
		err = errors.New("no array")
	}
	var workers []Worker
	for err == nil && decoder.More() {
		var w Worker
		err = decoder.Decode(&w)
		workers = append(workers, w)
		if len(workers) > MostListed {
			err = errors.New("too many")
		}
	}
	if err == nil {
		_, err = decoder.Token()
	}
	if err != nil {
		return nil, NotUnderstood("workers", err)
	}
	return workers, nil
}

// NotUnderstood is about an answer that isn't what it should be.
func NotUnderstood(name string, err error) error {
	return fmt.Errorf("the server's answer to %q isn't understood: %w", name, err)
}
