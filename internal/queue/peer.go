package queue

import (
	"encoding/binary"
	"net/netip"
)

// Families of a message.
const (
	familyNone = 0
	familyUnix = 1
	familyIPv4 = 4
	familyIPv6 = 6
)

func isFamily(family uint8) bool {
	return family == familyNone || family == familyUnix || family == familyIPv4 || family == familyIPv6
}

// Where a Unix peer's credentials lie in the address, in host byte order.
const (
	offsetPid = 0
	offsetUID = 4
	offsetGID = 8
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

// SetPeerUnix notes who has connected to a Unix socket; pid 0: it isn't known.
func (m *Message) SetPeerUnix(pid int32, uid, gid uint32) {
	m.Family, m.Port, m.Scope = familyUnix, 0, 0
	m.Address = [16]byte{}
	binary.NativeEndian.PutUint32(m.Address[offsetPid:], uint32(pid))
	binary.NativeEndian.PutUint32(m.Address[offsetUID:], uid)
	binary.NativeEndian.PutUint32(m.Address[offsetGID:], gid)
}

// Unix tells who has connected, if that was to a Unix socket.
func (m *Message) Unix() (pid int32, uid, gid uint32, ok bool) {
	if m.Family != familyUnix {
		return 0, 0, 0, false
	}
	return int32(binary.NativeEndian.Uint32(m.Address[offsetPid:])),
		binary.NativeEndian.Uint32(m.Address[offsetUID:]),
		binary.NativeEndian.Uint32(m.Address[offsetGID:]), true
}

// Counted is the address that a limit counts by: of a Unix peer the user alone.
func (m *Message) Counted() (family uint8, address [16]byte) {
	address = m.Address
	if m.Family == familyUnix {
		address = [16]byte{}
		copy(address[offsetUID:offsetGID], m.Address[offsetUID:])
	}
	return m.Family, address
}

// SetNoPeer notes that the system named none.
func (m *Message) SetNoPeer() {
	m.Family, m.Port, m.Scope = familyNone, 0, 0
	m.Address = [16]byte{}
}

// Peer is what was noted, without the interface; the zero value: none, or a Unix
// peer.
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
