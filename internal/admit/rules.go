// Package admit says what has to come from a client before its connection is
// worth a worker: a PROXY header, a first byte, a whole head. And it looks
// whether it has come.
package admit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"socketserver/internal/limit"
	"socketserver/internal/queue"
)

// Rules are what a listener asks of its connections, times in nanoseconds. The
// zero value asks for nothing.
type Rules struct {
	FirstByte uint64 // For how long a connection is held for its first byte; 0: not at all.
	Head      []byte // It is held until this has come; none: not at all...
	HeadTime  uint64 // ...for so long.
	ProxyFrom []netip.Prefix
	ProxyUnix bool // Unix peers are among them.
	ProxyTime uint64
	ParkTime  uint64

	QueueTime uint32 // Milliseconds that one may wait for a worker; 0: for ever.
	MaxQueue  int    // How many may; 0: any number.
	BusyReply []byte // What those get that are refused.
	Skip      uint8  // Flags of a message: whose client may have left.
	Limits    limit.Rules
}

// Defaults are the rules where the user says nothing.
func Defaults() Rules {
	return Rules{HeadTime: 10e9, ProxyTime: 5e9, ParkTime: 60e9}
}

// millisecond in nanoseconds.
const millisecond = 1e6

// ErrNetwork answers what is no network.
var ErrNetwork = errors.New("write address/bits, an address, or unix")

// errValue answers what the commands wouldn't send.
var errValue = errors.New("not a value of it")

// skips are the values of "skipgone". Who skips the half-closed skips resets.
var skips = map[string]uint8{
	"none":       0,
	"reset":      queue.FlagSkipReset,
	"halfclosed": queue.FlagSkipReset | queue.FlagSkipHalfClosed,
}

// setters read what stands behind a rule's name.
var setters = map[string]func(*Rules, string) error{
	"firstbyte":   func(r *Rules, v string) error { return setTime(&r.FirstByte, v) },
	"head":        func(r *Rules, v string) error { return setBytes(&r.Head, v) },
	"headtime":    func(r *Rules, v string) error { return setTime(&r.HeadTime, v) },
	"proxyfrom":   (*Rules).setProxyFrom,
	"proxytime":   func(r *Rules, v string) error { return setTime(&r.ProxyTime, v) },
	"parktimeout": func(r *Rules, v string) error { return setTime(&r.ParkTime, v) },
	"queuetime":   (*Rules).setQueueTime,
	"maxqueue":    func(r *Rules, v string) error { return setNumber(&r.MaxQueue, v) },
	"busyreply":   func(r *Rules, v string) error { return setBytes(&r.BusyReply, v) },
	"skipgone":    (*Rules).setSkip,
	"maxperaddr":  func(r *Rules, v string) error { return setNumber(&r.Limits.Connections, v) },
	"rateperaddr": (*Rules).setRate,
}

// Set sets a rule by its name; known tells whether there is such a one.
func (r *Rules) Set(name, value string) (known bool, err error) {
	set := setters[name]
	if set == nil {
		return false, nil
	}
	return true, set(r, value)
}

func setNumber(to *int, value string) error {
	number, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%q: %w", value, errValue)
	}
	*to = int(number)
	return nil
}

func setTime(to *uint64, value string) error {
	var milliseconds int
	err := setNumber(&milliseconds, value)
	*to = uint64(milliseconds) * millisecond
	return err
}

func (r *Rules) setQueueTime(value string) error {
	var milliseconds int
	err := setNumber(&milliseconds, value)
	r.QueueTime = uint32(milliseconds)
	return err
}

func setBytes(to *[]byte, value string) error {
	bytes, err := hex.DecodeString(value)
	*to = bytes
	return err
}

func (r *Rules) setSkip(value string) error {
	skip, known := skips[value]
	if !known {
		return fmt.Errorf("%q: %w", value, errValue)
	}
	r.Skip = skip
	return nil
}

func (r *Rules) setRate(value string) error {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || !(rate >= 0) || rate > 1e9 {
		return fmt.Errorf("%q: %w", value, errValue)
	}
	r.Limits.Rate = rate
	return nil
}

// setProxyFrom reads networks with commas in between, or none.
func (r *Rules) setProxyFrom(value string) error {
	if value == "" {
		return nil
	}
	for text := range strings.SplitSeq(value, ",") {
		if text == "unix" {
			r.ProxyUnix = true
			continue
		}
		network, err := parseNetwork(text)
		if err != nil {
			return fmt.Errorf("bad network %q for -proxyfrom: %w", text, ErrNetwork)
		}
		r.ProxyFrom = append(r.ProxyFrom, network)
	}
	return nil
}

// parseNetwork reads a network, or an address, which is one of its own; IPv4 as
// such.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap().WithZone("")
		return address.Prefix(address.BitLen())
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, err
	}
	const mapped = 96 // Bits of ::ffff:0:0/96.
	if network.Addr().Is4In6() && network.Bits() >= mapped {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapped)
	}
	return network.Masked(), nil
}

// Plain tells whether nothing has to be done before a connection is queued.
func (r *Rules) Plain() bool {
	return r.FirstByte == 0 && len(r.Head) == 0 && len(r.ProxyFrom) == 0 && !r.ProxyUnix &&
		r.Limits == limit.Rules{} && r.MaxQueue == 0
}

// Trusts tells whether a peer's connections begin with a PROXY header.
func (r *Rules) Trusts(m *queue.Message) bool {
	if len(r.ProxyFrom) == 0 && !r.ProxyUnix {
		return false
	}
	if _, _, _, isUnix := m.Unix(); isUnix {
		return r.ProxyUnix
	}
	peer := m.Peer().Addr()
	for _, network := range r.ProxyFrom {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}
