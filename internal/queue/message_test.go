package queue

import (
	"bytes"
	"errors"
	"testing"
)

func example() Message {
	return Message{
		Kind: KindConnection, Family: 6, Port: 65535, Accepted: 1<<63 + 5,
		Address: [16]byte{0xfe, 0x80, 15: 1}, Scope: 7,
	}
}

func TestRoundTrip(t *testing.T) {
	for _, sent := range []Message{
		example(),
		{Kind: KindConnection, Family: 4, Port: 1, Address: [16]byte{192, 0, 2, 1}},
		{Kind: KindConnection},
		{Kind: KindRetire},
	} {
		var wire [Size]byte
		sent.Encode(&wire)
		got, err := Decode(wire[:])
		if err != nil || got != sent {
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
		var wire [Size]byte
		sent.Encode(&wire)
		wire[offset] = value
		return wire[:]
	}
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"nothing", nil, ErrSize},
		{"short", make([]byte, Size-1), ErrSize},
		{"long", make([]byte, Size+1), ErrSize},
		{"version", with(offsetVersion, Version+1), ErrVersion},
		{"kind", with(offsetKind, 99), ErrKind},
		{"family", with(offsetFamily, 5), ErrFamily},
	} {
		if _, err := Decode(c.wire); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	sent := example()
	var wire [Size]byte
	if n := testing.AllocsPerRun(100, func() { sent.Encode(&wire) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	sent := example()
	var wire [Size]byte
	sent.Encode(&wire)
	f.Add(wire[:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, from []byte) {
		m, err := Decode(from)
		if err != nil {
			return
		}
		var again [Size]byte
		m.Encode(&again)
		back, err := Decode(again[:])
		if err != nil || back != m {
			t.Errorf("%+v became %+v, %v", m, back, err)
		}
		if m.Kind == KindConnection && !bytes.Equal(again[offsetAddress:offsetScope], from[offsetAddress:offsetScope]) {
			t.Error("the address has changed")
		}
	})
}
