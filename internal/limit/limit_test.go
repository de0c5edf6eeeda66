package limit

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func ip(s string) (family uint8, address [16]byte) {
	a := netip.MustParseAddr(s)
	if a.Is4() {
		b := a.As4()
		copy(address[:], b[:])
		return 4, address
	}
	return 6, a.As16()
}

// number makes an address of a number: IPv6, of a network of its own.
func number(n int) (address [16]byte) {
	binary.BigEndian.PutUint64(address[:], uint64(n)+1)
	return address
}

// admit expects that it is admitted.
func admit(t *testing.T, table *Table, s string, r Rules, now uint64) uint32 {
	t.Helper()
	family, address := ip(s)
	id, why := table.Admit(family, address, r, now)
	if id == 0 || id >= 1<<31 || why != None {
		t.Fatalf("%s: id %d, refused %d", s, id, why)
	}
	return id
}

func refused(t *testing.T, table *Table, s string, r Rules, now uint64, want Refusal) {
	t.Helper()
	family, address := ip(s)
	if id, why := table.Admit(family, address, r, now); id != 0 || why != want {
		t.Fatalf("%s: id %d, refused %d, not %d", s, id, why, want)
	}
}

func counts(t *testing.T, table *Table, addresses, connections int) {
	t.Helper()
	if a, c := table.Addresses(), table.Connections(); a != addresses || c != connections {
		t.Fatalf("%d addresses, %d connections; not %d, %d", a, c, addresses, connections)
	}
}

func TestWhatIsOneAddress(t *testing.T) {
	one := Rules{Connections: 1}
	for _, c := range []struct {
		first, second string
		same          bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"0.0.0.0", "::", false},
	} {
		table := New()
		admit(t, table, c.first, one, 0)
		if c.same {
			refused(t, table, c.second, one, 0, ByConnections)
		} else {
			admit(t, table, c.second, one, 0)
		}
	}
}

// TestUsersAreNoAddresses has users of Unix sockets, whose numbers look like IPv6.
func TestUsersAreNoAddresses(t *testing.T) {
	table, one := New(), Rules{Connections: 1}
	for _, address := range [][16]byte{{}, {7: 1}} {
		if _, why := table.Admit(1, address, one, 0); why != None {
			t.Errorf("%v: refused %d", address, why)
		}
		if _, why := table.Admit(1, address, one, 0); why != ByConnections {
			t.Errorf("%v: not refused", address)
		}
		if _, why := table.Admit(6, address, one, 0); why != None {
			t.Errorf("%v: counts as a user's", address)
		}
	}
	counts(t, table, 4, 4)
}

func TestNoAddressIsNotCounted(t *testing.T) {
	table := New()
	for range 3 {
		if id, why := table.Admit(0, [16]byte{}, Rules{Connections: 1, Rate: 1}, 0); id != 0 || why != None {
			t.Errorf("id %d, refused %d", id, why)
		}
	}
	counts(t, table, 0, 0)
	if n := table.Bytes(); n != 0 {
		t.Errorf("%d bytes for nothing", n)
	}
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate    float64
		burst   int
		wait    uint64 // Until the next.
		instead Refusal
	}{
		{0.25, 1, 4e9, ByRate},
		{1, 1, 1e9, ByRate},
		{2.5, 2, 2e8, ByRate},
		{3, 3, 333333333, ByRate},
		{1000, 1000, 1e6, ByRate},
		{1e-300, 1, 1 << 60, ByRate},
	} {
		table, r, start := New(), Rules{Rate: c.rate}, uint64(5e9)
		for range c.burst {
			admit(t, table, "192.0.2.1", r, start)
		}
		for range 3 { // Being refused costs nothing.
			refused(t, table, "192.0.2.1", r, start, c.instead)
			refused(t, table, "192.0.2.1", r, start+c.wait-2, c.instead)
		}
		admit(t, table, "192.0.2.2", r, start)
		admit(t, table, "192.0.2.1", r, start+c.wait)
		refused(t, table, "192.0.2.1", r, start+c.wait, c.instead)
	}
	table := New()
	for range 1000 {
		admit(t, table, "192.0.2.1", Rules{Rate: 1e12}, 5)
	}
}

// TestRulesOfListeners has an address that comes by two listeners.
func TestRulesOfListeners(t *testing.T) {
	table := New()
	slow, fast := Rules{Rate: 1}, Rules{Rate: 10}
	for range 10 {
		admit(t, table, "192.0.2.1", fast, 0)
	}
	refused(t, table, "192.0.2.1", slow, 0, ByRate)
	refused(t, table, "192.0.2.1", slow, 999999999, ByRate)
	refused(t, table, "192.0.2.1", Rules{Rate: 1, Connections: 10}, 1e9, ByConnections)
	admit(t, table, "192.0.2.1", Rules{}, 0)
	admit(t, table, "192.0.2.1", slow, 1e9)
}

func TestWhoMayEndIt(t *testing.T) {
	table := New()
	id := admit(t, table, "192.0.2.1", Rules{}, 0)
	nothing := func(why string) {
		t.Helper()
		if counts(t, table, 1, 1); t.Failed() {
			t.Fatal(why)
		}
	}
	table.Taken(id, 7)
	table.Ended(id, 7)
	nothing("it was not sent")
	table.Sent(id, 10)
	table.Ended(id, 7)
	table.Ended(id, 0)
	table.OwnerEnded(0)
	nothing("nobody has it")
	table.Taken(id, 7)
	table.Taken(id, 8)
	table.Ended(id, 8)
	table.OwnerEnded(8)
	table.OwnerEnded(7 + owners)
	table.Forget(1000)
	nothing("7 has it")
	table.Back(id)
	table.Ended(id, 7)
	table.OwnerEnded(7)
	nothing("it is parked")
	table.Sent(id, 20)
	if n := table.Forget(20); n != 0 {
		t.Errorf("%d forgotten", n)
	}
	table.Taken(id, 8)
	table.Ended(id, 8)
	counts(t, table, 1, 0)
	for range 2 {
		next := admit(t, table, "192.0.2.1", Rules{}, 0)
		if next == id {
			t.Fatalf("%d again", id)
		}
		table.Release(id)
		counts(t, table, 1, 1)
		table.Release(next)
		id = next
	}
}

func TestMayReturn(t *testing.T) {
	table := New()
	id := admit(t, table, "192.0.2.1", Rules{}, 0)
	is := func(seven, eight bool) {
		t.Helper()
		if table.MayReturn(id, 7) != seven || table.MayReturn(id, 8) != eight {
			t.Errorf("may return: %v, %v", !seven, !eight)
		}
	}
	is(false, false)
	table.Sent(id, 1)
	is(true, true)
	table.Taken(id, 7)
	is(true, false)
	table.Ended(id, 7)
	is(false, false)
	id = 0
	is(true, true)
}

func TestStrangeIDsDoNothing(t *testing.T) {
	table := New()
	all := func(id uint32) {
		table.Sent(id, 1)
		table.Taken(id, 1)
		table.Ended(id, 1)
		table.Back(id)
		table.Release(id)
		table.OwnerEnded(1)
		table.Forget(5)
		table.Sweep(5)
	}
	all(1) // Nothing was counted yet.
	id := admit(t, table, "192.0.2.1", Rules{}, 0)
	for _, strange := range []uint32{0, id + 1, id + connectionChunk, id + MostConnections, id | 1<<31, id | 1<<numberBits, numberMask, 1<<32 - 1} {
		all(strange)
		counts(t, table, 1, 1)
	}
}

// TestForget has workers that died before they said what they had taken.
func TestForget(t *testing.T) {
	table := New()
	var ids []uint32
	for i := range 5 {
		id := admit(t, table, "192.0.2.1", Rules{}, 0)
		table.Sent(id, uint64(10*i))
		ids = append(ids, id)
	}
	table.Taken(ids[1], 7)
	table.Sent(ids[0], 50) // Sent again.
	if n := table.Forget(31); n != 2 {
		t.Errorf("%d forgotten", n)
	}
	table.Taken(ids[2], 7) // Too late.
	table.OwnerEnded(7)
	counts(t, table, 1, 2)
	if n := table.Forget(51); n != 2 {
		t.Errorf("%d forgotten", n)
	}
	counts(t, table, 1, 0)
}

func TestSweep(t *testing.T) {
	table := New()
	admit(t, table, "192.0.2.1", Rules{}, 0)
	id := admit(t, table, "192.0.2.2", Rules{Rate: 1}, 0)
	table.Release(id)
	table.Release(admit(t, table, "192.0.2.3", Rules{}, 0))
	table.Sweep(999999999)
	counts(t, table, 2, 1)
	table.Sweep(1e9)
	counts(t, table, 1, 1)
}

// TestTheOthers fills the table: who comes then shares one entry.
func TestTheOthers(t *testing.T) {
	table, two := New(), Rules{Connections: 2}
	var ids []uint32
	for i := range MostAddresses - 1 {
		id, _ := table.Admit(6, number(i), two, 0)
		ids = append(ids, id)
	}
	counts(t, table, MostAddresses-1, MostAddresses-1)
	first := admit(t, table, "192.0.2.1", two, 0)
	admit(t, table, "192.0.2.2", two, 0)
	refused(t, table, "192.0.2.3", two, 0, ByConnections)
	if _, why := table.Admit(6, number(5), two, 0); why != None {
		t.Error("one that is known suffers")
	}
	table.Release(first)
	admit(t, table, "192.0.2.3", two, 0)
	refused(t, table, "192.0.2.4", two, 0, ByConnections)
	for _, id := range ids {
		table.Release(id)
	}
	admit(t, table, "192.0.2.4", two, 0)
	admit(t, table, "192.0.2.4", two, 0)
	refused(t, table, "192.0.2.4", two, 0, ByConnections)
	if n := table.Addresses(); n > MostAddresses-sweepAtOnce+2 {
		t.Errorf("%d addresses", n)
	}
	table.Sweep(0)
	counts(t, table, 2, 5)
}

func TestFull(t *testing.T) {
	table := New()
	seen := make([]bool, 1<<numberBits)
	for i := range MostConnections {
		id, why := table.Admit(6, number(i%1000), Rules{}, 0)
		if why != None || id == 0 || seen[id&numberMask] {
			t.Fatalf("%d of them: id %d, refused %d", i, id, why)
		}
		seen[id&numberMask] = true
		table.Sent(id, 0)
		table.Taken(id, int32(i%2000))
	}
	refused(t, table, "192.0.2.1", Rules{}, 0, ByConnections)
	counts(t, table, 1000, MostConnections)
	if n := table.Bytes(); n < 32<<20 || n > 34<<20 {
		t.Errorf("%d bytes", n)
	}
	for owner := range int32(2000) {
		table.OwnerEnded(owner)
	}
	counts(t, table, 1000, 0)
	table.Sweep(0)
	counts(t, table, 0, 0)
}

// TestIDsAreNotUsedAgainSoon has as many in use as a chunk has room for, but a
// few.
func TestIDsAreNotUsedAgainSoon(t *testing.T) {
	table := New()
	for range connectionChunk - 10 {
		admit(t, table, "192.0.2.1", Rules{}, 0)
	}
	seen := map[uint32]bool{}
	for range 1000000 {
		id := admit(t, table, "192.0.2.1", Rules{}, 0)
		if seen[id] {
			t.Fatalf("%d again, after %d others", id, len(seen))
		}
		seen[id] = true
		table.Release(id)
	}
}

// TestChainsAreShort has addresses as an attacker's network has them.
func TestChainsAreShort(t *testing.T) {
	table := New()
	for i := range MostAddresses - 1 {
		table.Admit(6, number(i<<16), Rules{}, 0)
	}
	for _, i := range table.addresses.heads {
		n := 0
		for ; i != 0; i = table.addresses.at(i).next {
			n++
		}
		if n > 20 {
			t.Fatalf("a chain of %d", n)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	table, r := New(), Rules{Connections: 10, Rate: 100}
	n, now := 0, uint64(0)
	churn := func() {
		for range 100000 { // A million in all.
			n++
			now += 1000
			id, _ := table.Admit(6, number(n), r, now)
			table.Sent(id, now)
			switch n % 4 {
			case 0:
				table.Taken(id, int32(n))
				table.Ended(id, int32(n))
			case 1:
				table.Taken(id, int32(n))
				table.OwnerEnded(int32(n))
			case 2:
				table.Back(id)
				table.Release(id)
			case 3:
				table.Forget(now + 1)
			}
		}
		table.Sweep(now)
	}
	churn()
	bytes := table.Bytes()
	if got := testing.AllocsPerRun(9, churn); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if table.Bytes() != bytes {
		t.Errorf("%d bytes became %d", bytes, table.Bytes())
	}
}
