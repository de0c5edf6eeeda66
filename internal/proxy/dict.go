package proxy

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// MostDict is how many bytes AppendDict appends at most.
const MostDict = 2560

const hexadecimal = "0123456789abcdef"

// AppendDict appends the text of a Tcl dict: the version, the proxy's own
// address (none: it came by a Unix socket, and has a pid, or 0), the destination
// ("" and 0 with Local), and what the TLVs say. A TLV that doesn't fit is left out.
//
// What is appended is ASCII, and a list whatever the bytes are.
func (h *Header) AppendDict(to []byte, proxy netip.AddrPort, pid int32) []byte {
	start := len(to)
	to = append(to, "version "...)
	to = strconv.AppendInt(to, int64(h.Version), 10)
	to = append(to, " ipaddr "...)
	if !proxy.IsValid() {
		to = strconv.AppendInt(append(to, "unix port "...), int64(pid), 10)
	} else {
		to = appendAddress(to, proxy.Addr())
		to = appendPort(append(to, " port "...), proxy)
	}
	to = append(to, " destination "...)
	to = appendAddress(to, h.Destination.Addr())
	to = appendPort(append(to, " destinationPort "...), h.Destination)
	for at := 0; at < h.tlvsSize; {
		value, next, _ := tlv(h.tlvs[:], at, h.tlvsSize)
		longer := appendTLV(to, h.tlvs[at], h.tlvs[value:next])
		if len(longer)-start <= MostDict {
			to = longer
		}
		at = next
	}
	return to
}

func appendAddress(to []byte, address netip.Addr) []byte {
	if !address.IsValid() {
		return append(to, "{}"...)
	}
	var text [64]byte // More only if a zone has a very long name.
	return appendQuoted(to, address.AppendTo(text[:0]))
}

func appendPort(to []byte, from netip.AddrPort) []byte {
	return strconv.AppendUint(to, uint64(from.Port()), 10)
}

func appendTLV(to []byte, kind byte, value []byte) []byte {
	to = append(to, ' ')
	switch name := tlvName(kind); {
	case kind == tlvTLS:
		return appendTLS(to, value)
	case name != "":
		to = append(to, name...)
	default:
		to = append(to, "tlv0x"...)
		to = append(to, hexadecimal[kind>>4], hexadecimal[kind&15])
	}
	return appendQuoted(append(to, ' '), value)
}

// appendTLS appends a dict within the dict. Braces keep its backslashes for
// whoever reads that one.
func appendTLS(to, value []byte) []byte {
	to = append(to, "ssl {client "...)
	to = strconv.AppendUint(to, uint64(value[0]), 10)
	to = append(to, " verify "...)
	to = strconv.AppendUint(to, uint64(binary.BigEndian.Uint32(value[1:])), 10)
	for at := tlsFixed; at < len(value); {
		from, next, _ := tlv(value, at, len(value))
		to = append(append(to, ' '), tlsName(value[at])...)
		to = appendQuoted(append(to, ' '), value[from:next])
		at = next
	}
	return append(to, '}')
}

func tlvName(kind byte) string {
	switch kind {
	case 0x01:
		return "alpn"
	case 0x02:
		return "authority"
	case 0x05:
		return "uniqueid"
	case 0x30:
		return "netns"
	}
	return ""
}

func tlsName(kind byte) string {
	switch kind {
	case 0x21:
		return "version"
	case 0x22:
		return "cn"
	case 0x23:
		return "cipher"
	case 0x24:
		return "sigalg"
	case 0x25:
		return "keyalg"
	}
	return ""
}

// appendQuoted appends an element of a list. Tcl reads two digits after \x and
// no more.
func appendQuoted(to, value []byte) []byte {
	if len(value) == 0 {
		return append(to, "{}"...)
	}
	for _, c := range value {
		if plain(c) {
			to = append(to, c)
		} else {
			to = append(to, '\\', 'x', hexadecimal[c>>4], hexadecimal[c&15])
		}
	}
	return to
}

// plain tells whether a byte means nothing but itself in a list.
func plain(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '.', '_', ':', '/', '+', '=', '@', ',', '-':
		return true
	}
	return false
}
