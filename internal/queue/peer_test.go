package queue

import (
	"net/netip"
	"testing"
)

func TestPeers(t *testing.T) {
	for _, c := range []struct {
		address string
		scope   uint32
		want    Message
	}{
		{"2001:db8::1", 0, Message{Family: 6, Scope: 0}},
		{"2001:db8::1", 3, Message{Family: 6, Scope: 0}},
		{"fe80::1", 3, Message{Family: 6, Scope: 3}},
		{"febf::1", 3, Message{Family: 6, Scope: 3}},
		{"fec0::1", 3, Message{Family: 6, Scope: 0}},
		{"::", 0, Message{Family: 6, Scope: 0}},
	} {
		c.want.Port, c.want.Address = 99, netip.MustParseAddr(c.address).As16()
		m := Message{Family: 4, Scope: 77}
		m.SetPeer6(c.want.Address, 99, c.scope)
		if m != c.want {
			t.Errorf("%s: got %+v, want %+v", c.address, m, c.want)
		}
	}
}

func TestIPv4Peers(t *testing.T) {
	want := Message{Family: 4, Port: 80, Address: [16]byte{192, 0, 2, 1}}
	before := Message{Family: 6, Scope: 7, Address: [16]byte{15: 9}}
	m := before
	m.SetPeer4([4]byte{192, 0, 2, 1}, 80)
	if m != want {
		t.Errorf("got %+v", m)
	}
	m = before
	m.SetPeer6(netip.MustParseAddr("::ffff:192.0.2.1").As16(), 80, 5)
	if m != want {
		t.Errorf("mapped: got %+v", m)
	}
	m.SetNoPeer()
	if m != (Message{}) {
		t.Errorf("none: got %+v", m)
	}
}
