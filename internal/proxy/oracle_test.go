package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// TestLibraryAgrees compares with another reader of these headers.
func TestLibraryAgrees(t *testing.T) {
	proxyproto.MaxV2HeaderSize = MostHeader - offsetAddress
	random := rand.New(rand.NewPCG(12, 2026))
	reader := bufio.NewReaderSize(nil, 2*MostHeader)
	accepted := 0
	for range 100000 {
		b := randomHeader(random)
		if random.IntN(2) == 0 {
			b = mutated(random, b)
		}
		b = append(b, "behind\r\n"[:random.IntN(9)]...)
		if compare(t, reader, b) {
			accepted++
		}
		check(t, b)
		if t.Failed() {
			return
		}
	}
	if accepted < 40000 || accepted > 90000 {
		t.Errorf("%d of 100000 accepted: a poor test", accepted)
	}
}

// compare returns whether both accept it.
func compare(t *testing.T, reader *bufio.Reader, b []byte) bool {
	rest := bytes.NewReader(b)
	reader.Reset(rest)
	theirs, theirErr := proxyproto.Read(reader)
	var ours Header
	n, err := ours.Parse(b)
	if known(&ours, err, theirs, b) {
		return false
	}
	if (err == nil) != (theirErr == nil) {
		t.Fatalf("%q: %v, the library %v", b, err, theirErr)
	}
	if err != nil {
		return false
	}
	if read := len(b) - rest.Len() - reader.Buffered(); read != n || int(theirs.Version) != ours.Version {
		t.Fatalf("%q: %d bytes, the library %d", b, n, read)
	}
	if !ours.Local && who(&ours) != fmt.Sprint(pair(theirs.SourceAddr), " ", pair(theirs.DestinationAddr)) {
		t.Fatalf("%q: %q, the library %v %v", b, who(&ours), theirs.SourceAddr, theirs.DestinationAddr)
	}
	if unix := theirs.TransportProtocol.IsUnix(); ours.Local != (unix || theirs.Command.IsLocal()) {
		t.Fatalf("%q: Local is %v", b, ours.Local)
	}
	return true
}

func pair(address net.Addr) netip.AddrPort {
	var a netip.AddrPort
	switch address := address.(type) {
	case *net.TCPAddr:
		a = address.AddrPort()
	case *net.UDPAddr:
		a = address.AddrPort()
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// known are the cases in which the library does something else.
func known(ours *Header, err error, theirs *proxyproto.Header, b []byte) bool {
	binary := ours.Version == 2 && len(b) > offsetFamily
	switch {
	case binary && b[offsetCommand] == commandLocal && addressesSize(b[offsetFamily]) < 0:
		return true // It refuses LOCAL with a family that the specification says to ignore.
	case binary && b[offsetFamily] == 0 && b[offsetCommand] == commandProxy:
		return true // It refuses UNSPEC, which a receiver is free to.
	case theirs == nil:
		return false
	case err == errTLV:
		_, theirErr := theirs.TLVs()
		return errors.Is(theirErr, proxyproto.ErrTruncatedTLV) // It looks at TLVs when it is asked.
	case err == errTLS || err == errChecksum:
		return true // It looks at neither.
	case ours.Version == 1 && bytes.Contains(b, text("TCP6")) && bytes.Contains(b, text(".")):
		return err == errAddress // It takes IPv4 at the end of any IPv6 address.
	}
	return false
}

func randomHeader(random *rand.Rand) []byte {
	if random.IntN(2) == 0 {
		return randomLine(random)
	}
	command := byte(commandProxy)
	if random.IntN(8) == 0 {
		command = commandLocal
	}
	family := []byte{0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32}[random.IntN(7)]
	addresses := randomBytes(random, addressesSize(family))
	if random.IntN(4) == 0 && len(addresses) == 36 {
		copy(addresses, netipBytes("::ffff:1.2.3.4"))
	}
	tlvs := randomTLVs(random)
	if random.IntN(4) == 0 {
		return summed(block(command, family, addresses, tlvs, vector(tlvChecksum, zeros[:])))
	}
	return block(command, family, addresses, tlvs)
}

func randomLine(random *rand.Rand) []byte {
	ports := fmt.Sprintf(" %d %d\r\n", random.IntN(65536), random.IntN(65536))
	switch random.IntN(5) {
	case 0:
		return text("PROXY UNKNOWN" + strings.Repeat(" x", random.IntN(47)) + "\r\n")
	case 1, 2:
		return text("PROXY TCP4 " + randomIPv4(random) + " " + randomIPv4(random) + ports)
	}
	return text("PROXY TCP6 " + randomIPv6(random) + " " + randomIPv6(random) + ports)
}

func randomIPv4(random *rand.Rand) string {
	return netip.AddrFrom4([4]byte(randomBytes(random, 4))).String()
}

// randomIPv6 makes any form, with groups of zeros.
func randomIPv6(random *rand.Rand) string {
	b := randomBytes(random, 16)
	for range random.IntN(8) {
		clear(b[random.IntN(8)*2:][:2])
	}
	address := netip.AddrFrom16([16]byte(b))
	switch random.IntN(5) {
	case 0:
		return address.StringExpanded()
	case 1:
		return strings.ToUpper(address.String())
	case 2:
		return "::ffff:" + randomIPv4(random)
	}
	return address.String()
}

func randomTLVs(random *rand.Rand) (all []byte) {
	kinds := []byte{0x01, 0x02, 0x04, 0x05, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x28, 0x30, 0xE0, 0xFF}
	for range random.IntN(5) {
		kind := kinds[random.IntN(len(kinds))]
		value := nasty(random, 1+random.IntN(300))
		if kind == tlvTLS {
			value = append(randomBytes(random, tlsFixed), vector(kinds[random.IntN(len(kinds))], value)...)
		}
		all = append(all, vector(kind, value)...)
	}
	return all
}

func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// mutated changes a few bytes, near the beginning mostly.
func mutated(random *rand.Rand, b []byte) []byte {
	const likely = " :.%\r\n0159afF\x00\x20\x21\x11\x12\xff"
	b = bytes.Clone(b)
	for range 1 + random.IntN(3) {
		if len(b) < 2 {
			break
		}
		at := random.IntN(len(b))
		if random.IntN(2) == 0 {
			at = random.IntN(min(len(b), 60))
		}
		c := likely[random.IntN(len(likely))]
		switch random.IntN(6) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b[:at], b[at+1:]...)
		case 2:
			b = append(b[:at], append([]byte{c}, b[at:]...)...)
		case 3:
			b[at] ^= 1 << random.IntN(8)
		default:
			b[at] = c
		}
	}
	return b
}
