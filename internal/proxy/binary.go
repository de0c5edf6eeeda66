package proxy

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// signature is what each header of version 2 begins with.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// Where the fields of version 2 lie.
const (
	offsetCommand = 12
	offsetFamily  = 13
	offsetLength  = 14
	offsetAddress = 16
)

// The commands, with the version.
const (
	commandLocal = 0x20
	commandProxy = 0x21
)

// Kinds of TLVs that are more than a name and bytes.
const (
	tlvChecksum = 0x03
	tlvNothing  = 0x04
	tlvTLS      = 0x20
)

// tlsFixed is what a TLV about TLS begins with: a byte and a number.
const tlsFixed = 5

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      [4]byte
)

// parseBinary reads a header of version 2.
func (h *Header) parseBinary(b []byte) (int, error) {
	addresses, err := checkFixed(b)
	if err != nil {
		return 0, err
	}
	end := offsetAddress + int(binary.BigEndian.Uint16(b[offsetLength:]))
	b = b[:min(len(b), end)]
	if addresses == 0 { // Nothing in it counts.
		h.Local = true
		if len(b) < end {
			return 0, ErrShort
		}
		return end, nil
	}
	tlvs := offsetAddress + addresses
	checksum, err := checkTLVs(b, tlvs, end)
	if err != nil {
		return 0, err
	}
	if checksum > 0 && crc(b, checksum) != binary.BigEndian.Uint32(b[checksum:]) {
		return 0, errChecksum
	}
	h.readAddresses(b[offsetAddress:tlvs])
	h.keepTLVs(b[tlvs:])
	return end, nil
}

// checkFixed checks the first 16 bytes, each when it has come, and returns how
// many bytes the addresses have.
func checkFixed(b []byte) (addresses int, err error) {
	s := scanner{b: b}
	s.literal(signature, errSignature)
	if s.err != nil {
		return 0, s.err
	}
	var command, family byte
	if len(b) > offsetCommand {
		command = b[offsetCommand]
		if command != commandLocal && command != commandProxy {
			return 0, errCommand
		}
	}
	if len(b) > offsetFamily && command == commandProxy {
		family = b[offsetFamily]
		if addresses = addressesSize(family); addresses < 0 {
			return 0, errFamily
		}
	}
	if len(b) > offsetLength && int(b[offsetLength])<<8 > MostHeader-offsetAddress {
		return 0, errHeaderLong
	}
	if len(b) < offsetAddress {
		return 0, ErrShort
	}
	length := int(binary.BigEndian.Uint16(b[offsetLength:]))
	if length > MostHeader-offsetAddress {
		return 0, errHeaderLong
	}
	if length < addresses {
		return 0, errHeaderShort
	}
	return addresses, nil
}

// addressesSize is how many bytes the addresses of a family and protocol have,
// -1 for one that there isn't.
func addressesSize(family byte) int {
	switch family {
	case 0x00:
		return 0
	case 0x11, 0x12:
		return 2*4 + 2*2
	case 0x21, 0x22:
		return 2*16 + 2*2
	case 0x31, 0x32:
		return 2 * 108
	}
	return -1
}

// readAddresses reads them; how many bytes they have tells the family.
func (h *Header) readAddresses(b []byte) {
	var source, destination netip.Addr
	switch len(b) {
	case 12:
		source = netip.AddrFrom4([4]byte(b[:4]))
		destination = netip.AddrFrom4([4]byte(b[4:8]))
	case 36:
		source = netip.AddrFrom16([16]byte(b[:16])).Unmap()
		destination = netip.AddrFrom16([16]byte(b[16:32])).Unmap()
	default:
		h.Local = true
		return
	}
	ports := b[len(b)-4:]
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
}

// checkTLVs checks those in b[at:end], which may not have come whole, and
// returns where the checksum is, if there is one.
func checkTLVs(b []byte, at, end int) (checksum int, err error) {
	for at < end {
		value, next, err := tlv(b, at, end)
		if err != nil {
			return 0, err
		}
		switch b[at] {
		case tlvChecksum:
			if next-value != len(zeros) || checksum > 0 {
				return 0, errChecksum
			}
			checksum = value
		case tlvTLS:
			if err := checkTLS(b, value, next); err != nil {
				return 0, err
			}
		}
		at = next
	}
	if len(b) < end {
		return 0, ErrShort
	}
	return checksum, nil
}

// checkTLS checks the TLVs within one about TLS.
func checkTLS(b []byte, at, end int) error {
	if end-at < tlsFixed {
		return errTLS
	}
	for at += tlsFixed; at < end; {
		_, next, err := tlv(b, at, end)
		if err == errTLV {
			return errTLS
		}
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// tlv returns where the value of the TLV at b[at] begins, and where it ends,
// which may not have come.
func tlv(b []byte, at, end int) (value, next int, err error) {
	value = at + 3
	if value > end {
		return 0, 0, errTLV
	}
	if value > len(b) {
		return 0, 0, ErrShort
	}
	next = value + int(binary.BigEndian.Uint16(b[at+1:]))
	if next > end {
		return 0, 0, errTLV
	}
	return value, next, nil
}

// crc is the checksum of a header, in which it counts as zeros.
func crc(b []byte, checksum int) uint32 {
	sum := crc32.Update(0, castagnoli, b[:checksum])
	sum = crc32.Update(sum, castagnoli, zeros[:])
	return crc32.Update(sum, castagnoli, b[checksum+len(zeros):])
}

// keepTLVs keeps those that say something, the first of each kind, as far as
// there is room.
func (h *Header) keepTLVs(b []byte) {
	var seen [256]bool
	for at := 0; at < len(b); {
		kind := b[at]
		value, next, _ := tlv(b, at, len(b))
		switch {
		case seen[kind] || kind == tlvChecksum || kind == tlvNothing:
		case kind == tlvTLS:
			h.keepTLS(b[value:next])
		default:
			h.keep(b[at:next])
		}
		seen[kind] = true
		at = next
	}
}

// keepTLS keeps of a TLV about TLS what has a name: a certificate that may be
// within has no room.
func (h *Header) keepTLS(b []byte) {
	start := h.tlvsSize
	if !h.keep([]byte{tlvTLS, 0, 0}) || !h.keep(b[:tlsFixed]) {
		h.tlvsSize = start
		return
	}
	var seen [256]bool
	for at := tlsFixed; at < len(b); {
		_, next, _ := tlv(b, at, len(b))
		if kind := b[at]; tlsName(kind) != "" && !seen[kind] {
			h.keep(b[at:next])
			seen[kind] = true
		}
		at = next
	}
	binary.BigEndian.PutUint16(h.tlvs[start+1:], uint16(h.tlvsSize-start-3))
}

// keep keeps bytes if there is room.
func (h *Header) keep(b []byte) bool {
	if len(b) > len(h.tlvs)-h.tlvsSize {
		return false
	}
	h.tlvsSize += copy(h.tlvs[h.tlvsSize:], b)
	return true
}
