package admit

import (
	"errors"
	"net/netip"
	"testing"

	"socketserver/internal/limit"
	"socketserver/internal/queue"
)

func TestSet(t *testing.T) {
	r := Defaults()
	for name, value := range map[string]string{
		"firstbyte": "1500", "head": "0d0a", "queuetime": "100", "maxqueue": "7", "busyreply": "ff",
		"skipgone": "halfclosed", "maxperaddr": "3", "rateperaddr": "2.5", "parktimeout": "1",
	} {
		if known, err := r.Set(name, value); !known || err != nil {
			t.Errorf("%s: %v, %v", name, known, err)
		}
	}
	if r.FirstByte != 1500e6 || string(r.Head) != "\r\n" || r.HeadTime != 10e9 || r.QueueTime != 100 || r.MaxQueue != 7 ||
		string(r.BusyReply) != "\xff" || r.Skip != queue.FlagSkipReset|queue.FlagSkipHalfClosed ||
		r.Limits != (limit.Rules{Connections: 3, Rate: 2.5}) || r.ParkTime != 1e6 || r.Plain() {
		t.Errorf("%+v", r)
	}
	if known, _ := r.Set("port", "1"); known {
		t.Error("a port is no rule")
	}
}

func TestSetRefuses(t *testing.T) {
	for name, values := range map[string][]string{
		"firstbyte": {"", "-1", "x", "4294967296"}, "head": {"0", "xx"}, "skipgone": {"", "all"},
		"rateperaddr": {"", "-1", "NaN", "Inf", "1e10"}, "maxqueue": {"1.5"},
		"proxyfrom": {"10.0.0.0/33", "host", "10.0.0.0/8,", "::1/129"},
	} {
		for _, value := range values {
			r := Defaults()
			if known, err := r.Set(name, value); !known || err == nil {
				t.Errorf("%s %q: %v, %v", name, value, known, err)
			}
		}
	}
	r := Defaults()
	if _, err := r.Set("proxyfrom", "x"); !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
}

func TestTrusts(t *testing.T) {
	r := Defaults()
	if _, err := r.Set("proxyfrom", "10.1.2.3/8,::ffff:192.0.2.0/120,2001:db8::/32,fe80::1%1,203.0.113.9"); err != nil {
		t.Fatal(err)
	}
	for peer, trusted := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "192.0.2.255": true, "192.0.3.1": false,
		"2001:db8:1::1": true, "2001:db9::1": false, "fe80::1": true, "203.0.113.9": true, "203.0.113.8": false,
		"::ffff:10.0.0.1": true, "::": false,
	} {
		var m queue.Message
		m.SetPeer(netip.AddrPortFrom(netip.MustParseAddr(peer), 1))
		if r.Trusts(&m) != trusted {
			t.Errorf("%s: %v", peer, !trusted)
		}
	}
	if r.Trusts(&queue.Message{}) {
		t.Error("nobody is trusted")
	}
	var local queue.Message
	local.SetPeerUnix(1, 2, 3)
	if r.Trusts(&local) {
		t.Error("a Unix peer is trusted unasked")
	}
	r = Defaults()
	if _, err := r.Set("proxyfrom", "unix"); err != nil || !r.Trusts(&local) || r.Trusts(&queue.Message{}) || r.Plain() {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestPlain(t *testing.T) {
	r := Defaults()
	if !r.Plain() {
		t.Error("the defaults ask for something")
	}
	r.QueueTime, r.BusyReply, r.Skip = 1, []byte("x"), 1
	if !r.Plain() {
		t.Error("what only messages carry")
	}
}
