package proxy

import "net/netip"

// mostLine is the longest line of version 1, with its CR LF.
const mostLine = 107

// parseText reads a line of version 1.
func (h *Header) parseText(b []byte) (int, error) {
	s := scanner{b: b}
	s.literal("PROXY ", errSignature)
	if s.peek() == 'U' {
		s.literal("UNKNOWN", errFamily)
		return h.parseUnknown(&s)
	}
	s.literal("TCP", errFamily)
	ipv4 := s.peek() == '4'
	if ipv4 {
		s.literal("4 ", errFamily)
	} else {
		s.literal("6 ", errFamily)
	}
	source := s.address(ipv4)
	s.literal(" ", errAddress)
	destination := s.address(ipv4)
	s.literal(" ", errAddress)
	sourcePort := s.number(65535, errPort)
	s.literal(" ", errPort)
	destinationPort := s.number(65535, errPort)
	s.literal("\r\n", errLine)
	if s.err != nil {
		return 0, s.err
	}
	h.Source = netip.AddrPortFrom(source, uint16(sourcePort))
	h.Destination = netip.AddrPortFrom(destination, uint16(destinationPort))
	return s.at, nil
}

// parseUnknown reads the rest of a line whose addresses don't matter.
func (h *Header) parseUnknown(s *scanner) (int, error) {
	h.Local = true
	if s.peek() != ' ' {
		s.literal("\r\n", errLine)
		if s.err != nil {
			return 0, s.err
		}
		return s.at, nil
	}
	for ; s.at < min(len(s.b), mostLine); s.at++ {
		if s.b[s.at] != '\n' {
			continue
		}
		if s.b[s.at-1] != '\r' {
			return 0, errLine
		}
		return s.at + 1, nil
	}
	if s.at == mostLine || s.at == mostLine-1 && s.b[s.at-1] != '\r' {
		return 0, errLineLong
	}
	return 0, ErrShort
}

// scanner reads text that may not have come whole. After the first error it
// reads nothing more.
type scanner struct {
	b   []byte
	at  int
	err error
}

// peek is the next byte, 0 when there is none.
func (s *scanner) peek() byte {
	if s.err != nil || s.at >= len(s.b) {
		return 0
	}
	return s.b[s.at]
}

// wrong is what it means that no further byte fits.
func (s *scanner) wrong(reason error) {
	if s.err != nil {
		return
	}
	s.err = reason
	if s.at >= len(s.b) {
		s.err = ErrShort
	}
}

func (s *scanner) literal(text string, reason error) {
	for i := 0; i < len(text) && s.err == nil; i++ {
		if s.at >= len(s.b) || s.b[s.at] != text[i] {
			s.wrong(reason)
			return
		}
		s.at++
	}
}

// number reads a decimal number without needless zeros.
func (s *scanner) number(most int, reason error) int {
	n, start := 0, s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		n = n*10 + int(c-'0')
		if n > most || s.at > start && s.b[start] == '0' {
			s.err = reason
			return 0
		}
		s.at++
	}
	if s.at == start || s.at >= len(s.b) {
		s.wrong(reason)
	}
	return n
}

func (s *scanner) address(ipv4 bool) netip.Addr {
	if ipv4 {
		return netip.AddrFrom4(s.dotted())
	}
	return s.colons().Unmap()
}

func (s *scanner) dotted() (a [4]byte) {
	for i := range a {
		if i > 0 {
			s.literal(".", errAddress)
		}
		a[i] = byte(s.number(255, errAddress))
	}
	return a
}

// colons reads an IPv6 address. It may end with an IPv4 address, as inet_ntop
// writes one that is mapped or compatible ("::ffff:192.0.2.1").
func (s *scanner) colons() netip.Addr {
	var a [16]byte
	n, gap := 0, -1 // Groups so far; how many of them are before "::".
	if s.peek() == ':' {
		s.literal("::", errAddress)
		gap = 0
	}
	for s.err == nil {
		start := s.at
		group, digits := s.group()
		switch {
		case digits > 0 && n == 7 && gap >= 0: // "::" is one group at least.
			s.err = errAddress
		case s.err != nil:
		case digits == 0 && n == gap: // Nothing after "::".
			return expand(a, n, gap)
		case digits == 0:
			s.wrong(errAddress)
		case s.peek() == '.':
			return s.embedded(a, n, gap, start)
		default:
			a[2*n], a[2*n+1] = byte(group>>8), byte(group)
			n++
			if s.peek() != ':' {
				return s.whole(a, n, gap)
			}
			gap = s.colon(n, gap)
		}
	}
	return netip.Addr{}
}

// group reads up to four hexadecimal digits.
func (s *scanner) group() (value, digits int) {
	for ; ; digits++ {
		c := s.peek()
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			if s.at >= len(s.b) {
				s.wrong(errAddress)
			}
			return value, digits
		}
		if digits == 4 {
			s.err = errAddress
			return 0, 0
		}
		value = value<<4 | int(c)
		s.at++
	}
}

// colon reads what is between groups, behind the first n.
func (s *scanner) colon(n, gap int) int {
	s.at++
	if n == 8 || n == 7 && gap >= 0 {
		s.err = errAddress
	}
	if s.peek() != ':' {
		return gap
	}
	if gap >= 0 {
		s.err = errAddress
	}
	s.at++
	return n
}

// whole is the address if there are enough groups.
func (s *scanner) whole(a [16]byte, n, gap int) netip.Addr {
	if n < 8 && gap < 0 {
		s.err = errAddress
	}
	return expand(a, n, gap)
}

// embedded reads an IPv4 address at the end, which begins at start.
func (s *scanner) embedded(a [16]byte, n, gap, start int) netip.Addr {
	if gap != 0 || n > 1 {
		s.err = errAddress
		return netip.Addr{}
	}
	s.at = start
	ipv4 := s.dotted()
	copy(a[2*n:], ipv4[:])
	return expand(a, n+2, gap)
}

// expand moves the groups behind the gap to the end.
func expand(a [16]byte, n, gap int) netip.Addr {
	if gap >= 0 {
		var whole [16]byte
		copy(whole[:2*gap], a[:])
		copy(whole[16-2*(n-gap):], a[2*gap:2*n])
		a = whole
	}
	return netip.AddrFrom16(a)
}
