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

func TestUnixPeers(t *testing.T) {
	m := Message{Family: 6, Port: 9, Scope: 7, Address: [16]byte{15: 9}}
	m.SetPeerUnix(1<<22, 1<<32-2, 7)
	pid, uid, gid, ok := m.Unix()
	if !ok || pid != 1<<22 || uid != 1<<32-2 || gid != 7 || m.Port != 0 || m.Scope != 0 || m.Address[15] != 0 {
		t.Errorf("%d %d %d %v of %+v", pid, uid, gid, ok, m)
	}
	if m.Peer() != (netip.AddrPort{}) {
		t.Errorf("it has an address: %s", m.Peer())
	}
	m.SetPeer4([4]byte{192, 0, 2, 1}, 80)
	if pid, uid, gid, ok := m.Unix(); ok || pid != 0 || uid != 0 || gid != 0 {
		t.Errorf("%d %d %d of %+v", pid, uid, gid, m)
	}
}

func TestCounted(t *testing.T) {
	type counted struct {
		family  uint8
		address [16]byte
	}
	of := func(pid int32, uid, gid uint32) (c counted) {
		var m Message
		m.SetPeerUnix(pid, uid, gid)
		c.family, c.address = m.Counted()
		return c
	}
	if of(1, 2, 3) != of(4, 2, 5) {
		t.Error("a user's processes count apart")
	}
	if of(1, 2, 3) == of(1, 3, 3) {
		t.Error("two users count together")
	}
	m := Message{Family: 6, Address: [16]byte{1, 2, 15: 3}}
	if family, address := m.Counted(); family != 6 || address != m.Address {
		t.Errorf("%d, %v", family, address)
	}
}
