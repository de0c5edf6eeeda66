package queue

import "net/netip"

// Families of a message.
const (
	familyIPv4 = 4
	familyIPv6 = 6
)

// mappedPrefix begins the IPv6 form of an IPv4 address: ::ffff:192.0.2.1.
var mappedPrefix = [12]byte{10: 0xff, 11: 0xff}

// SetPeer4 notes an IPv4 peer.
func (m *Message) SetPeer4(address [4]byte, port uint16) {
	m.Family, m.Port, m.Scope = familyIPv4, port, 0
	m.Address = [16]byte{address[0], address[1], address[2], address[3]}
}

// SetPeer6 notes an IPv6 peer. One that came by IPv4 to a socket for both
// is noted as the IPv4 peer that it is.
func (m *Message) SetPeer6(address [16]byte, port uint16, scope uint32) {
	if [12]byte(address[:12]) == mappedPrefix {
		m.SetPeer4([4]byte(address[12:]), port)
		return
	}
	m.Family, m.Port, m.Address, m.Scope = familyIPv6, port, address, 0
	if address[0] == 0xfe && address[1]&0xc0 == 0x80 {
		m.Scope = scope // Link-local, so meaningless without it.
	}
}

// SetNoPeer notes that the system named none.
func (m *Message) SetNoPeer() {
	m.Family, m.Port, m.Scope = 0, 0, 0
	m.Address = [16]byte{}
}

// Peer is what was noted, without the interface; the zero value: none.
func (m *Message) Peer() netip.AddrPort {
	switch m.Family {
	case familyIPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Address[:])), m.Port)
	case familyIPv6:
		return netip.AddrPortFrom(netip.AddrFrom16(m.Address), m.Port)
	}
	return netip.AddrPort{}
}

// SetPeer notes a peer of either family.
func (m *Message) SetPeer(peer netip.AddrPort) {
	if peer.Addr().Is4() {
		m.SetPeer4(peer.Addr().As4(), peer.Port())
		return
	}
	m.SetPeer6(peer.Addr().As16(), peer.Port(), 0)
}
