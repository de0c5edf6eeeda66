// Package proxy reads the header of the PROXY protocol, in which a proxy says
// for whom it has connected; text is version 1, binary is version 2.
//
// A reactor may call it on its straight way: nothing is allocated. That is why
// github.com/pires/go-proxyproto, which allocates for each header and so wakes
// the garbage collector (see package reactor), only tests this package.
package proxy

import (
	"errors"
	"fmt"
	"net/netip"
)

// Bounds of a header, in bytes.
const (
	MostHeader = 4096 // A longer one is malformed.
	MostTLVs   = 512  // That are kept: whole TLVs, the first ones that fit.
)

// Errors of Parse. What is wrong with a malformed header is wrapped around
// ErrMalformed.
var (
	ErrShort     = errors.New("the PROXY header is incomplete")
	ErrMalformed = errors.New("malformed PROXY header")
)

// The reasons, made once.
var (
	errSignature   = malformed("it doesn't begin as one")
	errFamily      = malformed("an unknown family or protocol")
	errAddress     = malformed("not an address of its family")
	errPort        = malformed("not a port")
	errLine        = malformed("the line doesn't end with CR LF where it must")
	errLineLong    = malformed("the line has more than 107 bytes")
	errCommand     = malformed("an unknown version or command")
	errHeaderLong  = malformed("more than 4096 bytes")
	errHeaderShort = malformed("no room for the addresses of its family")
	errTLV         = malformed("a TLV isn't whole")
	errTLS         = malformed("the TLV about TLS isn't whole")
	errChecksum    = malformed("the checksum is wrong")
)

func malformed(reason string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, reason)
}

// Header is what a header says. It may be used again and again.
type Header struct {
	Version     int            // 1 or 2.
	Local       bool           // It names nobody (LOCAL, UNKNOWN, UNSPEC, AF_UNIX): the connection's own peer counts.
	Source      netip.AddrPort // For whom it is; an IPv4-mapped address is an IPv4 one here. Invalid with Local.
	Destination netip.AddrPort // What that one has connected to.

	tlvs     [MostTLVs]byte // As they came, but without what nobody asks for.
	tlvsSize int
}

// Parse reads the header that b, what has come so far, begins with, and returns
// its length. It doesn't look at what is behind.
//
// ErrShort says that more is needed. Whatever can't become a header any more is
// malformed at once; only within TLVs and for the checksum it may take until
// they are whole. After an error the Header means nothing.
func (h *Header) Parse(b []byte) (n int, err error) {
	h.Local, h.Source, h.Destination, h.tlvsSize = false, netip.AddrPort{}, netip.AddrPort{}, 0
	if len(b) > 0 && b[0] == signature[0] {
		h.Version = 2
		return h.parseBinary(b)
	}
	h.Version = 1
	return h.parseText(b)
}
