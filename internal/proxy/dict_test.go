package proxy

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDict(t *testing.T) {
	var h Header
	if _, err := h.Parse(block(0x21, 0x11, inet, vector(0x01, text("h2")))); err != nil {
		t.Fatal(err)
	}
	const behind = " destination 198.51.100.2 destinationPort 80 alpn h2"
	for _, c := range []struct {
		proxy netip.AddrPort
		pid   int32
		want  string
	}{
		{netip.MustParseAddrPort("10.0.0.1:8080"), 0, "version 2 ipaddr 10.0.0.1 port 8080"},
		{netip.MustParseAddrPort("[::1]:1"), 7, "version 2 ipaddr ::1 port 1"},
		{netip.MustParseAddrPort("[fe80::1%a}b]:1"), 0, `version 2 ipaddr fe80::1\x25a\x7db port 1`},
		{netip.AddrPort{}, 1<<31 - 1, "version 2 ipaddr unix port 2147483647"},
	} {
		got := h.AppendDict(text("before "), c.proxy, c.pid)
		if string(got) != "before "+c.want+behind {
			t.Errorf("%q", got)
		}
	}
	h.Parse(text("PROXY UNKNOWN\r\n"))
	const none = "version 1 ipaddr unix port 0 destination {} destinationPort 0"
	if got := h.AppendDict(nil, netip.AddrPort{}, 0); string(got) != none {
		t.Errorf("%q", got)
	}
}

// TestDictIsBounded has TLVs that just fit, until the proxy's address takes
// their room.
func TestDictIsBounded(t *testing.T) {
	var h Header
	h.Parse(block(0x21, 0x21, inet6, vector(0xE0, make([]byte, MostTLVs-8)), vector(0x01, text("h2"))))
	if got := h.AppendDict(nil, proxied, 0); len(got) > MostDict || !bytes.HasSuffix(got, text(" alpn h2")) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	zone := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(strings.Repeat("z", 1000)), 1)
	got := string(h.AppendDict(nil, zone, 0))
	if len(got) > MostDict || strings.Contains(got, "tlv0xe0") || !strings.HasSuffix(got, " alpn h2") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// checkDict reads a Header's dict as Tcl would, and compares it with the TLVs.
func checkDict(t *testing.T, h *Header) {
	dict := string(h.AppendDict(nil, proxied, 0))
	if len(dict) > MostDict {
		t.Fatalf("%d bytes: %q", len(dict), dict)
	}
	got := elements(t, dict)
	want := []string{"version", strconv.Itoa(h.Version), "ipaddr", "fe80::1%eth0", "port", "4711",
		"destination", "", "destinationPort", strconv.Itoa(int(h.Destination.Port()))}
	if h.Destination.IsValid() {
		want[7] = h.Destination.Addr().String()
	}
	for at := 0; at < h.tlvsSize; {
		value, next, err := tlv(h.tlvs[:], at, h.tlvsSize)
		if err != nil {
			t.Fatal(err)
		}
		if kind := h.tlvs[at]; kind == tlvTLS {
			inner := elements(t, got[len(want)+1])
			want = append(want, "ssl", got[len(want)+1])
			if len(inner)%2 != 0 || inner[0] != "client" || inner[2] != "verify" {
				t.Fatalf("%q", dict)
			}
		} else {
			want = append(want, got[len(want)], string(h.tlvs[value:next]))
		}
		at = next
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Fatalf("%q: %q instead of %q", dict, got, want)
	}
}

// elements splits a list: words with \xHH, and elements in braces.
func elements(t *testing.T, list string) (all []string) {
	for list != "" {
		var word string
		if list[0] == '{' {
			end := closing(list)
			word, list = list[1:end], list[end+1:]
		} else {
			var quoted string
			quoted, _, _ = strings.Cut(list, " ")
			word, list = unquoted(t, quoted), list[len(quoted):]
		}
		all = append(all, word)
		if list != "" && (list[0] != ' ' || list == " ") {
			t.Fatalf("not a list: %q", list)
		}
		list = strings.TrimPrefix(list, " ")
	}
	return all
}

// closing is where the brace is that closes the first.
func closing(list string) int {
	depth := 0
	for i := range len(list) {
		switch list[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

func unquoted(t *testing.T, word string) string {
	var b []byte
	for word != "" {
		n := 1
		if c := word[0]; plain(c) {
			b = append(b, c)
		} else {
			n = 4
			value, err := hex.DecodeString(word[2:n])
			if err != nil || word[:2] != `\x` {
				t.Fatalf("%q", word)
			}
			b = append(b, value...)
		}
		word = word[n:]
	}
	return string(b)
}

// TestTclReadsIt asks Tcl itself for the bytes.
func TestTclReadsIt(t *testing.T) {
	tclsh := cmp.Or(os.Getenv("TCLSH"), "tclsh")
	if _, err := exec.LookPath(tclsh); err != nil {
		t.Skip("no tclsh")
	}
	const script = `
fconfigure stdin -translation lf
while {[gets stdin dict] >= 0} {
    binary scan [dict get $dict authority] H* authority
    binary scan [dict get $dict ssl cn] H* cn
    puts "$authority $cn [dict size $dict] [dict size [dict get $dict ssl]]"
}
`
	var dicts, want strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		authority, cn := nasty(random, 100), nasty(random, 50)
		var h Header
		if _, err := h.Parse(block(0x21, 0x11, inet, vector(0x20, make([]byte, 5), vector(0x22, cn)), vector(0x02, authority))); err != nil {
			t.Fatal(err)
		}
		dicts.Write(append(h.AppendDict(nil, proxied, 0), '\n'))
		want.WriteString(hex.EncodeToString(authority) + " " + hex.EncodeToString(cn) + " 7 3\n")
	}
	file := filepath.Join(t.TempDir(), "read.tcl")
	if err := os.WriteFile(file, text(script), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(tclsh, file)
	command.Stdin = strings.NewReader(dicts.String())
	got, err := command.CombinedOutput()
	if err != nil || string(got) != want.String() {
		t.Errorf("%v: Tcl reads something else: %.500q", err, got)
	}
}

// nasty makes bytes of which many mean something to Tcl.
func nasty(random *rand.Rand, most int) []byte {
	const some = "{}[]\"\\$;# \t\n0aF9x\x00\xff"
	b := make([]byte, random.IntN(most))
	for i := range b {
		if b[i] = some[random.IntN(len(some))]; random.IntN(3) == 0 {
			b[i] = byte(random.Uint32())
		}
	}
	return b
}
