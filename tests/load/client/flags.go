package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"socketserver/tests/load"
)

// setTime defines a flag in seconds.
func setTime(to *time.Duration, name string, usual float64, usage string) {
	*to = duration(usual)
	flag.Func(name, fmt.Sprintf("%s (default %v)", usage, usual), func(text string) error {
		seconds, err := strconv.ParseFloat(text, 64)
		*to = duration(seconds)
		return err
	})
}

// setPause reads "A,B", in seconds.
func setPause(to *load.Pause, text string) error {
	least, most, _ := strings.Cut(text, ",")
	from, err := strconv.ParseFloat(least, 64)
	until, err2 := strconv.ParseFloat(most, 64)
	*to = load.Pause{Least: duration(from), Most: duration(until)}
	if err == nil && err2 == nil && (from < 0 || until < from) {
		return errors.New("the second has to be the longer one")
	}
	return errors.Join(err, err2)
}

// setPrefix defines a flag that is an address, or many.
func setPrefix(to *netip.Prefix, name, usage string) {
	flag.Func(name, usage, func(text string) (err error) {
		if addr, err := netip.ParseAddr(text); err == nil {
			*to = netip.PrefixFrom(addr, addr.BitLen())
			return nil
		}
		*to, err = netip.ParsePrefix(text)
		return err
	})
}

// setProxy defines the flags of the PROXY protocol.
func setProxy(to *load.Proxy) {
	flag.Func("proxy", "begin with a PROXY header: v1, v2, local (of v2) or unknown (of v1)", func(text string) error {
		kinds := map[string]load.Proxy{
			"v1": {Version: 1}, "unknown": {Version: 1, Local: true}, "v2": {Version: 2}, "local": {Version: 2, Local: true},
		}
		kind, ok := kinds[text]
		if !ok {
			return errors.New("must be v1, v2, local or unknown")
		}
		to.Version, to.Local = kind.Version, kind.Local
		return nil
	})
	setPrefix(&to.From, "from", "`address` that the header tells, or many: 198.51.100.0/24")
	flag.Func("tlv", "`TYPE=VALUE` in the header of v2; any number of them: 0x02=example.com, or in hex 0x02=0x6d65", func(text string) error {
		tlv, err := readTLV(text)
		to.TLVs = append(to.TLVs, tlv)
		return err
	})
	flag.BoolVar(&to.Checksum, "crc", false, "with a CRC32C in the header of v2")
}

func readTLV(text string) (load.TLV, error) {
	kind, value, _ := strings.Cut(text, "=")
	number, err := strconv.ParseUint(kind, 0, 8)
	if err != nil {
		return load.TLV{}, err
	}
	digits, isHex := strings.CutPrefix(value, "0x")
	if !isHex {
		return load.TLV{Type: byte(number), Value: []byte(value)}, nil
	}
	bytes, err := hex.DecodeString(digits)
	return load.TLV{Type: byte(number), Value: bytes}, err
}
