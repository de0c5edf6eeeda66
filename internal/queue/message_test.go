package queue

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func example() Message {
	return Message{
		Kind: KindConnection, Family: 6, Port: 65535, Accepted: 1<<63 + 5,
		Address: [16]byte{0xfe, 0x80, 15: 1}, Scope: 7,
	}
}

// wire is a message as it is sent, its extra zeros.
func wire(m Message) []byte {
	all := make([]byte, Size+MostExtra)
	m.Encode((*[Size]byte)(all))
	return all[:m.Length()]
}

func TestRoundTrip(t *testing.T) {
	for _, sent := range []Message{
		example(),
		{Kind: KindConnection, Family: 4, Port: 1, Address: [16]byte{192, 0, 2, 1}},
		{Kind: KindConnection},
		{Kind: KindConnection, Family: 1, Address: [16]byte{1, 4: 2, 8: 3}},
		{Kind: KindRetire},
		{Kind: KindNudge},
		{Kind: KindPark, Tag: MostTag, Proxy: MostProxy, Requests: 1, ID: 1<<31 - 1, Patience: 5},
		{Kind: KindUnserved, Tag: 1, Flags: FlagSkipReset, Ready: 7},
	} {
		got, extra, err := Decode(wire(sent))
		if err != nil || got != sent || len(extra) != sent.ExtraSize() {
			t.Errorf("sent %+v, got %+v, %v", sent, got, err)
		}
	}
}

func TestEncodeOverwritesAll(t *testing.T) {
	sent := Message{Kind: KindRetire}
	var clean, used [Size]byte
	for i := range used {
		used[i] = 0xff
	}
	sent.Encode(&clean)
	sent.Encode(&used)
	if clean != used {
		t.Errorf("what was in the buffer before is sent: %x", used)
	}
}

func TestDecodeRejects(t *testing.T) {
	sent := example()
	with := func(offset int, value byte) []byte {
		changed := wire(sent)
		changed[offset] = value
		return changed
	}
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"nothing", nil, ErrSize},
		{"short", wire(sent)[:Size-1], ErrSize},
		{"long", append(wire(sent), 0), ErrSize},
		{"a nudge cut", wire(Message{Kind: KindNudge})[:block-1], ErrSize},
		{"one to retire with more", append(wire(Message{Kind: KindRetire}), 0), ErrSize},
		{"flags", with(offsetFlags, 8), ErrField},
		{"a tag too long", with(offsetTag+1, 2), ErrField},
		{"a tag that isn't there", with(offsetTag, 1), ErrSize},
		{"version", with(offsetVersion, Version+1), ErrVersion},
		{"kind", with(offsetKind, 99), ErrKind},
		{"family", with(offsetFamily, 5), ErrField},
		{"family", with(offsetFamily, 2), ErrField},
	} {
		if _, _, err := Decode(c.wire); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	sent := example()
	var to [Size]byte
	if n := testing.AllocsPerRun(100, func() { sent.Encode(&to) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	sent := example()
	f.Add(wire(sent))
	f.Add(wire(Message{Kind: KindPark, Tag: 3, Proxy: 600}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, from []byte) {
		m, _, err := Decode(from)
		if err != nil {
			return
		}
		again := wire(m)
		if m.Kind == KindReport {
			return
		}
		back, _, err := Decode(again)
		if err != nil || back != m {
			t.Errorf("%+v became %+v, %v", m, back, err)
		}
		if m.Kind == KindConnection && !bytes.Equal(again[offsetAddress:offsetScope], from[offsetAddress:offsetScope]) {
			t.Error("the address has changed")
		}
	})
}

// TestCount: a queue's length in bytes tells how many messages there are, whatever
// they bring along.
func TestCount(t *testing.T) {
	bytes := 0
	for n := range Most {
		if Count(bytes) != n {
			t.Fatalf("%d messages: %d", n, Count(bytes))
		}
		m := Message{Kind: KindConnection, Tag: uint16(n % MostTag), Proxy: uint16(n * 5 % MostProxy)}
		bytes += m.Length() + (&Message{Kind: KindNudge}).Length()
	}
}

func TestDecodeReport(t *testing.T) {
	good := []byte{Version, KindReport, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0x80}
	var got []uint32
	each := func(id uint32, isEnded bool) {
		if isEnded {
			id += 100
		}
		got = append(got, id)
	}
	if err := DecodeReport(good, each); err != nil || !slices.Equal(got, []uint32{7, 107}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, good[:7], good[:15], append(good, 0), {Version, KindReport, 0, 0, 7: 0}, {1, KindReport, 7: 0}} {
		if DecodeReport(bad, each) == nil || len(got) != 2 {
			t.Errorf("%v: %v", bad, got)
		}
	}
}
