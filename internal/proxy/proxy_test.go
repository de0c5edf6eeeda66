package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// block makes a header of version 2.
func block(command, family byte, rest ...[]byte) []byte {
	all := bytes.Join(rest, nil)
	b := append([]byte(signature), command, family, byte(len(all)>>8), byte(len(all)))
	return append(b, all...)
}

func vector(kind byte, value ...[]byte) []byte {
	all := bytes.Join(value, nil)
	return append([]byte{kind, byte(len(all) >> 8), byte(len(all))}, all...)
}

// summed puts the checksum into the header's last TLV.
func summed(b []byte) []byte {
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[len(b)-4:], sum)
	return b
}

func text(s string) []byte { return []byte(s) }

var (
	inet  = []byte{192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 80}
	inet6 = append(append(netipBytes("2001:db8::1"), netipBytes("2001:db8::2")...), 0xff, 0xff, 1, 0xbb)
	local = make([]byte, 216)
	tls   = vector(0x20, []byte{7, 0, 0, 0, 1}, vector(0x21, text("TLSv1.3")),
		vector(0x28, make([]byte, 1000)), vector(0x22, text("a b}")), vector(0x23), vector(0x24, text("RSA")), vector(0x25, text("RSA2048")))
	proxied = netip.MustParseAddrPort("[fe80::1%eth0]:4711")
)

func netipBytes(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

const (
	pair4 = "192.0.2.1:4660 198.51.100.2:80"
	pair6 = "[2001:db8::1]:65535 [2001:db8::2]:443"
)

// valid are headers, their addresses ("" with Local), and what the dict says
// of their TLVs.
var valid = []struct {
	name          string
	header        []byte
	version       int
	who, tlvsText string
}{
	{"v1 TCP4", text("PROXY TCP4 192.0.2.1 198.51.100.2 4660 80\r\n"), 1, pair4, ""},
	{"v1 TCP4 longest", text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), 1, "255.255.255.255:65535 255.255.255.255:65535", ""},
	{"v1 TCP4 zeros", text("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), 1, "0.0.0.0:0 0.0.0.0:0", ""},
	{"v1 TCP6", text("PROXY TCP6 2001:DB8::1 2001:db8:0:0::2 65535 443\r\n"), 1, pair6, ""},
	{"v1 TCP6 ends with a gap", text("PROXY TCP6 1:2:3:4:5:6:7:: :: 1 2\r\n"), 1, "[1:2:3:4:5:6:7:0]:1 [::]:2", ""},
	{"v1 TCP6 begins with a gap", text("PROXY TCP6 ::2:3:4:5:6:7:8 0001::ffff 1 2\r\n"), 1, "[0:2:3:4:5:6:7:8]:1 [1::ffff]:2", ""},
	{"v1 TCP6 mapped", text("PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c633:6402 4660 80\r\n"), 1, pair4, ""},
	{"v1 TCP6 compatible", text("PROXY TCP6 ::192.0.2.1 1::2 4660 80\r\n"), 1, "[::c000:201]:4660 [1::2]:80", ""},
	{"v1 TCP6 longest", text("PROXY TCP6" + strings.Repeat(" ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2) + " 65535 65535\r\n"), 1,
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", ""},
	{"v1 UNKNOWN", text("PROXY UNKNOWN\r\n"), 1, "", ""},
	{"v1 UNKNOWN with a rest", text("PROXY UNKNOWN 192.0.2.1 what\rever \x00 1\r\n"), 1, "", ""},
	{"v1 UNKNOWN longest", text("PROXY UNKNOWN " + strings.Repeat("x", mostLine-16) + "\r\n"), 1, "", ""},
	{"v2 LOCAL", block(0x20, 0), 2, "", ""},
	{"v2 LOCAL, all else ignored", block(0x20, 0x99, text("anything")), 2, "", ""},
	{"v2 UNSPEC", block(0x21, 0, text("anything")), 2, "", ""},
	{"v2 TCP4", block(0x21, 0x11, inet), 2, pair4, ""},
	{"v2 UDP4", block(0x21, 0x12, inet), 2, pair4, ""},
	{"v2 TCP6", block(0x21, 0x21, inet6), 2, pair6, ""},
	{"v2 UDP6", block(0x21, 0x22, inet6), 2, pair6, ""},
	{"v2 TCP6 mapped", block(0x21, 0x21, netipBytes("::ffff:192.0.2.1"), netipBytes("::ffff:198.51.100.2"), inet[8:]), 2, pair4, ""},
	{"v2 UNIX", block(0x21, 0x31, local, vector(0x02, text("a"))), 2, "", " authority a"},
	{"v2 UNIX datagram", block(0x21, 0x32, local), 2, "", ""},
	{"TLVs", block(0x21, 0x11, inet, vector(0x01, text("h2")), vector(0x02, text("a.example")), vector(0x04, text("no")),
		vector(0x05, []byte{0, 0xff, '}'}), vector(0x30, text("net ns")), vector(0xE0), vector(0xea, text("[exit]$x;"))), 2, pair4,
		` alpn h2 authority a.example uniqueid \x00\xff\x7d netns net\x20ns tlv0xe0 {} tlv0xea \x5bexit\x5d\x24x\x3b`},
	{"TLS", block(0x21, 0x11, inet, tls), 2, pair4, ` ssl {client 7 verify 1 version TLSv1.3 cn a\x20b\x7d cipher {} sigalg RSA keyalg RSA2048}`},
	{"checksum", summed(block(0x21, 0x11, inet, vector(0x02, text("a")), vector(0x03, zeros[:]))), 2, pair4, " authority a"},
	{"TLVs twice", block(0x21, 0x11, inet, vector(0x02, text("a")), vector(0x02, text("b"))), 2, pair4, " authority a"},
	{"TLVs without room", block(0x21, 0x11, inet, vector(0x02, make([]byte, MostTLVs-2)), vector(0x01, text("h2"))), 2, pair4, " alpn h2"},
	{"TLVs with just enough room", block(0x21, 0x11, inet, vector(0x02, bytes.Repeat([]byte{'a'}, MostTLVs-3)), vector(0x01, text("h2"))), 2, pair4,
		" authority " + strings.Repeat("a", MostTLVs-3)},
	{"TLS without room", block(0x21, 0x11, inet, vector(0x02, bytes.Repeat([]byte{'a'}, MostTLVs-8)), tls), 2, pair4,
		" authority " + strings.Repeat("a", MostTLVs-8)},
	{"longest", block(0x21, 0x11, inet, vector(0x04, make([]byte, MostHeader-16-12-3))), 2, pair4, ""},
}

// who is how a Header's addresses are written here.
func who(h *Header) string {
	if h.Local {
		return ""
	}
	return h.Source.String() + " " + h.Destination.String()
}

func TestValid(t *testing.T) {
	for _, c := range valid {
		for _, behind := range []string{"", "\r\n", "GET / HTTP/1.1\r\n"} {
			var h Header
			n, err := h.Parse(append(bytes.Clone(c.header), behind...))
			if n != len(c.header) || err != nil || h.Version != c.version || who(&h) != c.who {
				t.Errorf("%s: %d of %d bytes, %v, version %d, %q", c.name, n, len(c.header), err, h.Version, who(&h))
				break
			}
			tlvs := fmt.Sprintf(" destinationPort %d%s", h.Destination.Port(), c.tlvsText)
			if dict := string(h.AppendDict(nil, proxied, 0)); !strings.HasSuffix(dict, tlvs) {
				t.Errorf("%s: %q", c.name, dict)
			}
		}
	}
}

func TestPrefixes(t *testing.T) {
	for _, c := range valid {
		for i := range c.header {
			var h Header
			// Nothing behind what has come may be looked at.
			if n, err := h.Parse(c.header[:i:i]); n != 0 || err != ErrShort {
				t.Errorf("%s: the first %d bytes: %d, %v", c.name, i, n, err)
			}
		}
	}
}

// wrong are the shortest beginnings that can't become a header: a byte less
// could.
var wrong = []struct {
	name  string
	bytes []byte
	want  error
}{
	{"HTTP", text("G"), errSignature},
	{"POST", text("PO"), errSignature},
	{"PROXY of HTTP", text("PROXY /"), errFamily},
	{"TLS", text("\x16"), errSignature},
	{"CR LF", text("\r\nG"), errSignature},
	{"v1 UDP4", text("PROXY UD"), errFamily},
	{"v1 TCP5", text("PROXY TCP5"), errFamily},
	{"v1 TCP44", text("PROXY TCP44"), errFamily},
	{"v1 two spaces", text("PROXY TCP4  "), errAddress},
	{"v1 another family", text("PROXY TCP4 2:"), errAddress},
	{"v1 IPv4 in TCP6", text("PROXY TCP6 1."), errAddress},
	{"v1 an octet", text("PROXY TCP4 256"), errAddress},
	{"v1 a zero first", text("PROXY TCP4 01"), errAddress},
	{"v1 three octets", text("PROXY TCP4 1.2.3 "), errAddress},
	{"v1 five octets", text("PROXY TCP4 1.2.3.4."), errAddress},
	{"v1 an empty group", text("PROXY TCP6 :1"), errAddress},
	{"v1 five digits", text("PROXY TCP6 12345"), errAddress},
	{"v1 two gaps", text("PROXY TCP6 1::2::"), errAddress},
	{"v1 nine groups", text("PROXY TCP6 1:2:3:4:5:6:7:8:"), errAddress},
	{"v1 seven groups", text("PROXY TCP6 1:2:3:4:5:6:7 "), errAddress},
	{"v1 a gap of nothing", text("PROXY TCP6 1:2:3:4:5:6:7::8"), errAddress},
	{"v1 a colon last", text("PROXY TCP6 1::2: "), errAddress},
	{"v1 three colons", text("PROXY TCP6 :::"), errAddress},
	{"v1 a zone", text("PROXY TCP6 fe80::1%"), errAddress},
	{"v1 a port", text("PROXY TCP4 1.2.3.4 1.2.3.4 65536"), errPort},
	{"v1 a port with zero", text("PROXY TCP4 1.2.3.4 1.2.3.4 00"), errPort},
	{"v1 no port", text("PROXY TCP4 1.2.3.4 1.2.3.4\r"), errAddress},
	{"v1 one port", text("PROXY TCP4 1.2.3.4 1.2.3.4 1\r"), errPort},
	{"v1 more behind", text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 "), errLine},
	{"v1 LF", text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), errLine},
	{"v1 CR", text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rG"), errLine},
	{"v1 UNKNOWN LF", text("PROXY UNKNOWN\n"), errLine},
	{"v1 UNKNOWN a rest LF", text("PROXY UNKNOWN a\n"), errLine},
	{"v1 UNKNOWNS", text("PROXY UNKNOWNS"), errLine},
	{"v1 UNKNOWN too long", text("PROXY UNKNOWN " + strings.Repeat("x", mostLine-15)), errLineLong},
	{"v2 version", text(signature + "\x11"), errCommand},
	{"v2 command", text(signature + "\x22"), errCommand},
	{"v2 family", text(signature + "\x21\x41"), errFamily},
	{"v2 protocol", text(signature + "\x21\x13"), errFamily},
	{"v2 half of UNSPEC", text(signature + "\x21\x10"), errFamily},
	{"v2 far too long", text(signature + "\x21\x11\x10"), errHeaderLong},
	{"v2 too long", text(signature + "\x20\x00\x0f\xf1"), errHeaderLong},
	{"v2 too short", text(signature + "\x21\x11\x00\x0b"), errHeaderShort},
	{"v2 too short for UNIX", text(signature + "\x21\x31\x00\xd7"), errHeaderShort},
	{"TLV too long", block(0x21, 0x11, inet, []byte{0x02, 0, 2, 'a'})[:16+12+3], errTLV},
	{"TLV cut off", block(0x21, 0x11, inet, []byte{0x02, 0, 0, 0x02, 0})[:16+12+3], errTLV},
	{"TLS too short", block(0x21, 0x11, inet, vector(0x20, make([]byte, 4)))[:16+12+3], errTLS},
	{"TLS with a TLV too long", block(0x21, 0x11, inet, vector(0x20, make([]byte, 5), []byte{0x21, 0, 1}), vector(0x02))[:16+12+3+8], errTLS},
	{"checksum too short", block(0x21, 0x11, inet, vector(0x03, make([]byte, 3)))[:16+12+3], errChecksum},
	{"checksum twice", block(0x21, 0x11, inet, vector(0x03, zeros[:]), vector(0x03, zeros[:]))[:16+12+7+3], errChecksum},
	{"checksum wrong", wrongSum(), errChecksum},
}

func wrongSum() []byte {
	b := summed(block(0x21, 0x11, inet, vector(0x03, zeros[:])))
	b[len(b)-1] ^= 1
	return b
}

func TestMalformed(t *testing.T) {
	for _, c := range wrong {
		var h Header
		if n, err := h.Parse(c.bytes); n != 0 || err != c.want || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %d, %v, want %v", c.name, n, err, c.want)
		}
		if n, err := h.Parse(c.bytes[:len(c.bytes)-1]); n != 0 || err != ErrShort {
			t.Errorf("%s: a byte less: %d, %v", c.name, n, err)
		}
	}
}

// TestUsedAgain sees to it that nothing of a header is left in the next.
func TestUsedAgain(t *testing.T) {
	var used Header
	for _, c := range valid {
		var fresh Header
		fresh.Parse(c.header)
		used.Parse(c.header)
		a, b := fresh.AppendDict(nil, proxied, 0), used.AppendDict(nil, proxied, 0)
		if who(&fresh) != who(&used) || fresh.Version != used.Version || !bytes.Equal(a, b) {
			t.Errorf("%s: %q, when used before %q", c.name, a, b)
		}
		used.Parse(block(0x21, 0x21, inet6, vector(0x02, text("other")), tls))
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var h Header
	to := make([]byte, 0, MostDict)
	for _, c := range valid {
		got := testing.AllocsPerRun(10, func() {
			h.Parse(c.header)
			h.AppendDict(to, proxied, 0)
			h.Parse(c.header[:len(c.header)/2])
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", c.name, got)
		}
	}
}

// check tells what is wrong with a parse: errors of an unknown kind, a byte
// more or less that contradicts it.
func check(t *testing.T, b []byte) {
	var h, again Header
	n, err := h.Parse(b)
	switch {
	case err == nil:
		if n < 1 || n > len(b) || n > MostHeader {
			t.Fatalf("%q: %d bytes", b, n)
		}
		if m, err := again.Parse(b[:n:n]); m != n || err != nil || who(&again) != who(&h) {
			t.Fatalf("%q: without what is behind: %d, %v", b, m, err)
		}
		if _, err := again.Parse(b[: n-1 : n-1]); err != ErrShort {
			t.Fatalf("%q: without the last byte: %v", b, err)
		}
		checkDict(t, &h)
	case err == ErrShort:
		if len(b) >= MostHeader || n != 0 {
			t.Fatalf("%q: %v", b, err)
		}
		if len(b) > 0 && b[0] == '\r' && len(b) >= offsetAddress {
			return // Later than that it may take until a TLV is whole.
		}
		longer := append(bytes.Clone(b), 0)
		for c := range 256 {
			longer[len(b)] = byte(c)
			if _, err := again.Parse(longer); !errors.Is(err, ErrMalformed) {
				return
			}
		}
		t.Fatalf("%q: is short, but nothing fits", b)
	default:
		if !errors.Is(err, ErrMalformed) || n != 0 {
			t.Fatalf("%q: %d, %v", b, n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range valid {
		f.Add(c.header)
		f.Add(c.header[:len(c.header)/2])
	}
	f.Fuzz(check)
}
