package limit

import (
	"encoding/binary"
	"hash/maphash"
	"unsafe"
)

const (
	addressChunk = 1024 // Addresses that memory is taken for at once.
	heads        = 1 << 15
	sweepAtOnce  = 256 // How many a newcomer looks at for room when there is none.
	second       = 1e9
	mostInterval = 1 << 60 // Ns; a rate that is lower is as good as this.
)

// key is what counts as one address.
type key struct {
	prefix uint64
	family uint8
}

// keyOf takes an IPv4-mapped address for the IPv4 one.
func keyOf(family uint8, address [16]byte) key {
	prefix := binary.BigEndian.Uint64(address[:])
	switch {
	case family == 4:
		return key{prefix >> 32, 4}
	case family == 6 && prefix == 0 && binary.BigEndian.Uint32(address[8:]) == 0xffff:
		return key{uint64(binary.BigEndian.Uint32(address[12:])), 4}
	}
	return key{prefix, family}
}

// address is what is known about one.
type address struct {
	key         key // Family 0: free.
	full        uint64
	connections int32
	next        int32 // In its chain, or of the free ones.
}

// admit tells whether there may be one more, which then has taken its token.
//
// Tokens aren't counted: full is when they would be as many as ever, and each
// that is taken puts that off by the time in which one comes. So it needn't be
// known by which rate the ones before were taken.
func (a *address) admit(r Rules, now uint64) Refusal {
	if r.Connections > 0 && int(a.connections) >= r.Connections {
		return ByConnections
	}
	if !(r.Rate > 0) {
		return None
	}
	interval := min(second/r.Rate, mostInterval)
	full := max(a.full, now)
	if float64(full-now) > (max(1, r.Rate)-1)*interval {
		return ByRate
	}
	a.full = full + uint64(interval)
	return None
}

func (a *address) idle(now uint64) bool {
	return a.key.family != 0 && a.connections == 0 && a.full <= now
}

// addresses is a hash with chains. Number 0 is the others, and in no chain; in
// a chain it is the end.
type addresses struct {
	chunks [MostAddresses / addressChunk]*[addressChunk]address
	heads  *[heads]int32
	seed   maphash.Seed // So that nobody can choose addresses that share a chain.
	free   int32
	top    int32 // What is below was used once.
	used   int32
	hand   int32 // Up to where newcomers have looked for room.
	bytes  int
}

func (a *addresses) at(i int32) *address {
	return &a.chunks[i/addressChunk][i%addressChunk]
}

func (a *addresses) head(k key) *int32 {
	var b [9]byte
	binary.NativeEndian.PutUint64(b[:], k.prefix)
	b[8] = k.family
	return &a.heads[maphash.Bytes(a.seed, b[:])%heads]
}

// find returns the number of an address, which may be new; of the others if
// there is no room for it.
func (a *addresses) find(k key, now uint64) int32 {
	if a.heads == nil {
		a.heads = new([heads]int32)
		a.seed = maphash.MakeSeed()
		a.grow()
		a.top = 1
		a.bytes += int(unsafe.Sizeof(*a.heads))
	}
	head := a.head(k)
	for i := *head; i != 0; i = a.at(i).next {
		if a.at(i).key == k {
			return i
		}
	}
	i := a.take(now)
	if i != 0 {
		*a.at(i) = address{key: k, next: *head}
		*head = i
		a.used++
	}
	return i
}

// take returns a free number, or 0.
func (a *addresses) take(now uint64) int32 {
	if a.free == 0 && a.top == MostAddresses {
		a.sweep(sweepAtOnce, now)
	}
	i := a.free
	switch {
	case i != 0:
		a.free = a.at(i).next
	case a.top < MostAddresses:
		if a.top%addressChunk == 0 {
			a.grow()
		}
		i = a.top
		a.top++
	}
	return i
}

func (a *addresses) grow() {
	chunk := new([addressChunk]address)
	a.chunks[a.top/addressChunk] = chunk
	a.bytes += int(unsafe.Sizeof(*chunk))
}

// sweep frees those of the next n that are idle. It goes on where it ended.
func (a *addresses) sweep(n int32, now uint64) {
	for ; n > 0; n-- {
		if a.hand++; a.hand >= a.top {
			a.hand = 0
		}
		if a.hand != 0 && a.at(a.hand).idle(now) {
			a.remove(a.hand)
		}
	}
}

func (a *addresses) remove(i int32) {
	entry := a.at(i)
	link := a.head(entry.key)
	for *link != i {
		link = &a.at(*link).next
	}
	*link = entry.next
	*entry = address{next: a.free}
	a.free = i
	a.used--
}
