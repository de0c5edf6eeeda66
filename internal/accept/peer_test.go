package accept

import (
	"net/netip"
	"testing"

	"socketserver/internal/handoff"
)

func TestPeers(t *testing.T) {
	for _, c := range []struct {
		address string
		scope   uint32
		want    handoff.Message
	}{
		{"2001:db8::1", 0, handoff.Message{Family: 6, Scope: 0}},
		{"2001:db8::1", 3, handoff.Message{Family: 6, Scope: 0}},
		{"fe80::1", 3, handoff.Message{Family: 6, Scope: 3}},
		{"febf::1", 3, handoff.Message{Family: 6, Scope: 3}},
		{"fec0::1", 3, handoff.Message{Family: 6, Scope: 0}},
		{"::", 0, handoff.Message{Family: 6, Scope: 0}},
	} {
		c.want.Port, c.want.Address = 99, netip.MustParseAddr(c.address).As16()
		m := handoff.Message{Family: 4, Scope: 77}
		setPeer6(&m, c.want.Address, 99, c.scope)
		if m != c.want {
			t.Errorf("%s: got %+v, want %+v", c.address, m, c.want)
		}
	}
}

func TestIPv4Peers(t *testing.T) {
	want := handoff.Message{Family: 4, Port: 80, Address: [16]byte{192, 0, 2, 1}}
	before := handoff.Message{Family: 6, Scope: 7, Address: [16]byte{15: 9}}
	m := before
	setPeer4(&m, [4]byte{192, 0, 2, 1}, 80)
	if m != want {
		t.Errorf("got %+v", m)
	}
	m = before
	setPeer6(&m, netip.MustParseAddr("::ffff:192.0.2.1").As16(), 80, 5)
	if m != want {
		t.Errorf("mapped: got %+v", m)
	}
	setNoPeer(&m)
	if m != (handoff.Message{}) {
		t.Errorf("none: got %+v", m)
	}
}
