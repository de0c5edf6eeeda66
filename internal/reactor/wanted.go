package reactor

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"socketserver/internal/admit"
	"socketserver/internal/control"
	"socketserver/internal/listen"
)

// defaultBacklog is cut by the system to what it allows.
const defaultBacklog = 4096

// mostRcvBuf is what the system can double.
const mostRcvBuf = math.MaxInt32 / 2

// What a line of "serve" is there for.
const (
	useQueue    = "queue" // A listener of the queue's.
	useControl  = "control"
	useHealth   = "health"
	useStatus   = "status"   // Nobody accepts here: who observes the pool gets it.
	useTakeover = "takeover" // No listener: who listens there is asked for his.
)

// controlMode lets no other user connect to a control path.
const controlMode = 0o600

// wanted is a listener that is asked for.
type wanted struct {
	listen.Options
	use   string
	where string // What the user wrote before its port; all of a name without one.
	rules *admit.Rules
	count int  // How many sockets were passed for it; -1: it isn't a passed one.
	open  bool // Who is on another machine may look, too.
	time  int  // Milliseconds that a takeover may take; 0: any time.
}

// nameOf is what the user calls it, with the port that it got.
func (w *wanted) nameOf(port int) string {
	if w.Path != "" || w.count >= 0 {
		return w.where
	}
	return w.where + strconv.Itoa(port)
}

// readWanted reads a line for each listener: fields name=value with tabs in
// between, which are rules or have a reader.
func readWanted(text string) ([]wanted, error) {
	var all []wanted
	for line := range strings.Lines(text) {
		rules := admit.Defaults()
		w := wanted{use: useQueue, rules: &rules, count: -1}
		w.Options = listen.Options{Backlog: defaultBacklog, Mode: -1, UID: -1, GID: -1}
		for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			name, value, _ := strings.Cut(field, "=")
			if err := w.readField(name, value); err != nil {
				return nil, err
			}
		}
		if w.use == useControl {
			w.Mode, w.Packets = controlMode, true
		}
		if w.Datagrams && (w.use != useQueue || w.Path != "") {
			return nil, errDatagrams
		}
		all = append(all, w)
	}
	return all, nil
}

// errDatagrams answers what needs connections.
var errDatagrams = errors.New("type udp is for listeners with a port alone: health, status and control need connections")

// errField answers what the commands wouldn't send.
var errField = errors.New("not a value of it")

// readers read what stands behind a field's name.
var readers = map[string]func(*wanted, string) error{
	"use":         (*wanted).readUse,
	"name":        func(w *wanted, v string) error { w.where = v; return nil },
	"path":        func(w *wanted, v string) error { w.Path = v; return nil },
	"addresses":   (*wanted).readAddresses,
	"port":        func(w *wanted, v string) error { return readNumber(&w.Port, v, 10, 0, math.MaxInt32) },
	"backlog":     (*wanted).readBacklog,
	"type":        (*wanted).readType,
	"rcvbuf":      func(w *wanted, v string) error { return readNumber(&w.RcvBuf, v, 10, 0, mostRcvBuf) },
	"reuseport":   func(w *wanted, v string) error { return readSwitch(&w.ReusePort, v) },
	"each":        func(w *wanted, v string) error { return readSwitch(&w.Each, v) },
	"defer":       func(w *wanted, v string) error { return readSwitch(&w.Defer, v) },
	"nodelay":     func(w *wanted, v string) error { return readSwitch(&w.NoDelay, v) },
	"keepalive":   (*wanted).readKeepAlive,
	"usertimeout": func(w *wanted, v string) error { return readNumber(&w.UserTimeout, v, 10, 0, math.MaxInt32) },
	"mode":        func(w *wanted, v string) error { return readNumber(&w.Mode, v, 8, 0, 0o777) },
	"uid":         func(w *wanted, v string) error { return readNumber(&w.UID, v, 10, -1, math.MaxUint32-1) },
	"gid":         func(w *wanted, v string) error { return readNumber(&w.GID, v, 10, -1, math.MaxUint32-1) },
	"fds":         func(w *wanted, v string) error { return readNumber(&w.count, v, 10, 0, control.MostFds) },
	"open":        func(w *wanted, v string) error { return readSwitch(&w.open, v) },
	"time":        func(w *wanted, v string) error { return readNumber(&w.time, v, 10, 0, math.MaxInt32) },
}

// readField reads one of the fields that have a reader, or a rule.
func (w *wanted) readField(name, value string) (err error) {
	if read := readers[name]; read != nil {
		err = read(w, value)
	} else if known, failed := w.rules.Set(name, value); known {
		return failed
	} else {
		return fmt.Errorf("a listener has no %q", name)
	}
	if errors.Is(err, errField) {
		return fmt.Errorf("can't read %q: %w", name+"="+value, err)
	}
	return err
}

func (w *wanted) readUse(value string) error {
	w.use = value
	switch value {
	case useQueue, useControl, useHealth, useStatus, useTakeover:
		return nil
	}
	return errField
}

func (w *wanted) readType(value string) error {
	w.Datagrams = value == "udp"
	switch value {
	case "tcp", "udp":
		return nil
	}
	return errField
}

func (w *wanted) readAddresses(value string) (err error) {
	w.Addresses, err = readAddresses(value)
	return err
}

// readBacklog takes 0 for the default.
func (w *wanted) readBacklog(value string) error {
	err := readNumber(&w.Backlog, value, 10, 0, math.MaxInt32)
	w.Backlog = cmp.Or(w.Backlog, defaultBacklog)
	return err
}

// readKeepAlive reads three numbers with commas in between.
func (w *wanted) readKeepAlive(value string) error {
	parts := strings.Split(value, ",")
	if len(parts) != len(w.KeepAlive) {
		return errField
	}
	for i, part := range parts {
		if err := readNumber(&w.KeepAlive[i], part, 10, 1, math.MaxInt16); err != nil {
			return err
		}
	}
	return nil
}

func readNumber(to *int, value string, base int, least, most int64) error {
	number, err := strconv.ParseInt(value, base, 64)
	if err != nil {
		return fmt.Errorf("%w: %w", errField, err)
	}
	if number < least || number > most {
		return errField
	}
	*to = int(number)
	return nil
}

func readSwitch(to *bool, value string) error {
	var number int
	err := readNumber(&number, value, 10, 0, 1)
	*to = number != 0
	return err
}

func readAddresses(text string) ([]netip.Addr, error) {
	var all []netip.Addr
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		address, err := netip.ParseAddr(item)
		if err != nil {
			return nil, fmt.Errorf("can't listen on %q: not a numeric address", item)
		}
		all = append(all, address)
	}
	if len(all) > listen.MostAddresses {
		return nil, fmt.Errorf("can't listen on %d addresses: the limit is %d", len(all), listen.MostAddresses)
	}
	return all, nil
}
