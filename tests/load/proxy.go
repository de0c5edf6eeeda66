package load

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
)

// Proxy is the header of the PROXY protocol that each connection begins with.
type Proxy struct {
	Version  int          // 1 or 2; 0: none
	Local    bool         // the proxy's own connection (1: UNKNOWN)
	From     netip.Prefix // the clients that it tells, in turn; none: 192.0.2.0/24
	TLVs     []TLV        // 2 only
	Checksum bool         // 2 only
}

// TLV is a type and a value.
type TLV struct {
	Type  byte
	Value []byte
}

// checksum is the type of the TLV that holds the CRC32C of the header.
const checksum = 0x03

var (
	signature  = []byte("\r\n\r\n\x00\r\nQUIT\n")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	examples   = netip.MustParsePrefix("192.0.2.0/24")
)

// append appends the header of the connection with this number.
func (p Proxy) append(buf []byte, number, port int) []byte {
	if p.Version == 0 {
		return buf
	}
	from := p.From
	if !from.IsValid() {
		from = examples
	}
	source := netip.AddrPortFrom(nth(from, number), uint16(1024+number%60000))
	target := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	if source.Addr().Is6() {
		target = netip.AddrPortFrom(netip.IPv6Loopback(), uint16(port))
	}
	if p.Version == 1 {
		return p.appendText(buf, source, target)
	}
	return p.appendBinary(buf, source, target)
}

func (p Proxy) appendText(buf []byte, source, target netip.AddrPort) []byte {
	if p.Local {
		return append(buf, "PROXY UNKNOWN\r\n"...)
	}
	family := "TCP4"
	if source.Addr().Is6() {
		family = "TCP6"
	}
	return fmt.Appendf(buf, "PROXY %s %v %v %d %d\r\n", family, source.Addr(), target.Addr(), source.Port(), target.Port())
}

func (p Proxy) appendBinary(buf []byte, source, target netip.AddrPort) []byte {
	start := len(buf)
	command, family := byte(0x21), byte(0x11)
	if source.Addr().Is6() {
		family = 0x21
	}
	if p.Local {
		command, family = 0x20, 0
	}
	buf = append(buf, signature...)
	buf = append(buf, command, family, 0, 0)
	body := len(buf)
	if !p.Local {
		buf = append(buf, source.Addr().AsSlice()...)
		buf = append(buf, target.Addr().AsSlice()...)
		buf = binary.BigEndian.AppendUint16(buf, source.Port())
		buf = binary.BigEndian.AppendUint16(buf, target.Port())
	}
	for _, tlv := range p.TLVs {
		buf = tlv.append(buf)
	}
	if p.Checksum {
		buf = TLV{checksum, make([]byte, 4)}.append(buf)
	}
	binary.BigEndian.PutUint16(buf[body-2:], uint16(len(buf)-body))
	if p.Checksum {
		binary.BigEndian.PutUint32(buf[len(buf)-4:], crc32.Checksum(buf[start:], castagnoli))
	}
	return buf
}

func (t TLV) append(buf []byte) []byte {
	buf = append(buf, t.Type)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(t.Value)))
	return append(buf, t.Value...)
}

// nth returns an address of a prefix, in turn; none of none.
func nth(prefix netip.Prefix, number int) netip.Addr {
	if !prefix.IsValid() {
		return netip.Addr{}
	}
	addr := prefix.Masked().Addr()
	if free := addr.BitLen() - prefix.Bits(); free < 63 {
		number %= 1 << free
	}
	whole := addr.As16()
	low := whole[8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)+uint64(number))
	if addr.Is4() {
		return netip.AddrFrom16(whole).Unmap()
	}
	return netip.AddrFrom16(whole)
}
