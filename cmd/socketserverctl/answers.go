package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"strconv"
)

// mostListed bounds how many workers a server may name.
const mostListed = 1 << 16

// state is what "status" answers.
type state struct {
	Version       string
	Pid           int
	Name          string
	Listeners     []listener
	HealthName    string `json:"healthListener"`
	Control       string
	Health        string
	State         string
	Generation    int64
	Wanted        int64
	MinWorkers    int64
	MaxWorkers    int64
	Workers       struct{ Starting, Idle, Busy, Retiring, Attached int64 }
	Accepted      int64
	HandedOver    int64
	Resumed       int64
	Served        int64
	Lost          int64
	Waits         int64
	Retries       int64
	Pauses        int64
	Parked        int64
	Holding       struct{ Queue, Proxy, FirstByte, Head, Closing int64 }
	Queued        int64
	Oldest        float64
	FirstByte     float64
	Shed          struct{ QueueTime, MaxQueue int64 }
	Gone          int64
	Refused       struct{ MaxPerAddr, RatePerAddr int64 }
	Expired       struct{ Proxy, FirstByte, Head, Parked int64 }
	Malformed     int64
	Probes        int64
	Backlog       int64
	Datagrams     struct{ Received, Answered, Dropped int64 }
	Forked, Ended int64
	Died, Killed  int64
	Reloads       int64
	Failed        int64
	LimitReached  int64
	Exits         struct{ Ended, Died, Timeout, Start, End, Grace, Reload int64 }
}

type listener struct {
	Name      string
	Addresses []string
}

// worker is one of what "workers" answers.
type worker struct {
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
	Note        string
}

// client is whom the worker serves.
func (w *worker) client() string {
	switch w.Peer {
	case "":
		return "-"
	case "unix":
		return "process " + strconv.FormatInt(w.PeerPort, 10)
	}
	return net.JoinHostPort(w.Peer, strconv.FormatInt(w.PeerPort, 10))
}

// stateText tells an attached worker from a forked one.
func (w *worker) stateText() string {
	if w.Attached {
		return w.State + " (attached)"
	}
	return w.State
}

// readState reads the answer to "status".
func readState(answer []byte) (state, error) {
	var s state
	if err := json.Unmarshal(answer, &s); err != nil {
		return s, answerError("status", err)
	}
	return s, nil
}

// readWorkers reads the answer to "workers", one after the other: a small text
// can name very many.
func readWorkers(answer []byte) ([]worker, error) {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	first, err := decoder.Token()
	if err == nil && first != json.Delim('[') {
		err = errors.New("no array")
	}
	var workers []worker
	for err == nil && decoder.More() {
		var w worker
		err = decoder.Decode(&w)
		workers = append(workers, w)
		if len(workers) > mostListed {
			err = errors.New("too many")
		}
	}
	if err == nil {
		_, err = decoder.Token()
	}
	if err != nil {
		return nil, answerError("workers", err)
	}
	return workers, nil
}
