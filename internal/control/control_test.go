package control

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/queue"
)

// newPair is a control socket that the test closes.
func newPair(t *testing.T) (one, other int) {
	t.Helper()
	leaktest.Check(t)
	one, other, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(one, other) })
	return one, other
}

func TestRoundTrip(t *testing.T) {
	one, other := newPair(t)
	for _, sent := range []Message{
		{},
		{ID: 1, Name: "serve", Numbers: Numbers{8888, -1 << 63}, Text: []byte("127.0.0.1")},
		{ID: 1<<32 - 1, Errno: unix.EADDRINUSE, Name: "a name cut off"},
		{ID: 2, Text: bytes.Repeat([]byte("x"), Inline), Fds: []int{one, other}},
		{ID: 3, Text: bytes.Repeat([]byte("long"), Inline)},
		{ID: 4, Text: bytes.Repeat([]byte("long"), 1<<20), Fds: []int{one}},
		{ID: 5, Text: []byte("x"), Fds: slices.Repeat([]int{one}, 2*MostFds+1)},
	} {
		rest := sent
		from, to := NewBuffer(), NewBuffer()
		sending := from.Send(one, &rest)
		got, err := to.Receive(other)
		for errors.Is(err, unix.EAGAIN) {
			if errors.Is(sending, unix.EAGAIN) {
				sending = from.Send(one, &rest)
			}
			got, err = to.Receive(other)
		}
		if sending != nil || err != nil {
			t.Fatal(sending, err)
		}
		descriptor.Close(got.Fds...)
		if got.ID != sent.ID || got.Errno != sent.Errno || got.Name != sent.Name ||
			got.Numbers != sent.Numbers || !bytes.Equal(got.Text, sent.Text) || len(got.Fds) != len(sent.Fds) {
			t.Errorf("sent %d %q with %d bytes, got %d %q with %d", sent.ID, sent.Name, len(sent.Text),
				got.ID, got.Name, len(got.Text))
		}
	}
	if _, err := NewBuffer().Receive(other); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("then %v", err)
	}
}

func TestEnd(t *testing.T) {
	leaktest.Check(t)
	one, other, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(other)
	descriptor.Close(one)
	if _, err := NewBuffer().Receive(other); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func TestNoRoomForDescriptors(t *testing.T) {
	one, other := newPair(t)
	m := Message{ID: 9, Fds: []int{one, other, one}}
	if err := NewBuffer().Send(one, &m); err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 0
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &few)
	got, err := NewBuffer().Receive(other)
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	if !errors.Is(err, unix.EMFILE) || got.ID != 9 || len(got.Fds) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestGarbageIsRefused(t *testing.T) {
	one, other := newPair(t)
	for _, packet := range [][]byte{
		{1}, make([]byte, headerSize-1), make([]byte, headerSize+Inline+1),
	} {
		for _, rights := range [][]byte{nil, unix.UnixRights(one)} {
			if err := unix.Sendmsg(one, packet, rights, nil, 0); err != nil {
				t.Fatal(err)
			}
			if m, err := NewBuffer().Receive(other); err == nil {
				t.Errorf("%x: got %+v", packet[:min(16, len(packet))], m)
				descriptor.Close(m.Fds...)
			}
		}
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	one, other := newPair(t)
	if err := NewBuffer().Send(one, &Message{Text: make([]byte, MostText+1)}); !errors.Is(err, ErrMessage) {
		t.Errorf("got %v", err)
	}
	packet := make([]byte, headerSize+Inline)
	(&Message{ID: 1}).encode(packet, true)
	b := NewBuffer()
	for n := 0; ; n += Inline {
		if err := unix.Sendmsg(one, packet, nil, nil, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(other); !errors.Is(err, unix.EAGAIN) {
			if n != MostText || !errors.Is(err, ErrMessage) {
				t.Errorf("after %d bytes: %v", n, err)
			}
			return
		}
	}
}

func TestLimit(t *testing.T) {
	full := make([]byte, headerSize+Inline)
	(&Message{ID: 1}).encode(full, true)
	bare := full[:headerSize]
	last := make([]byte, headerSize)
	(&Message{ID: 1}).encode(last, false)
	for what, sent := range map[string]struct {
		packets [][]byte
		fds     int // With each.
		good    bool
	}{
		"text":                {[][]byte{full, full, last}, 0, true},
		"too much text":       {[][]byte{full, full, full}, 0, false},
		"descriptors":         {[][]byte{bare, last}, 2, true},
		"too many at once":    {[][]byte{last}, 5, false},
		"too many in parts":   {[][]byte{bare, bare, bare}, 2, false},
		"a part with nothing": {[][]byte{bare, last}, 0, false},
	} {
		t.Run(what, func(t *testing.T) {
			one, other := newPair(t)
			b := NewBuffer()
			b.Limit(2*Inline, 4)
			var m Message
			var err error
			for i, packet := range sent.packets {
				if err := unix.Sendmsg(one, packet, unix.UnixRights(slices.Repeat([]int{one}, sent.fds)...), nil, 0); err != nil {
					t.Fatal(err)
				}
				m, err = b.Receive(other)
				descriptor.Close(m.Fds...)
				if i < len(sent.packets)-1 && !errors.Is(err, unix.EAGAIN) {
					break
				}
			}
			if sent.good && err != nil || !sent.good && !errors.Is(err, ErrMessage) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHalfAMessage(t *testing.T) {
	half := make([]byte, headerSize)
	(&Message{ID: 1}).encode(half, true)
	for _, discarded := range []bool{false, true} {
		leaktest.Check(t)
		one, other, err := queue.Pair()
		if err != nil {
			t.Fatal(err)
		}
		b := NewBuffer()
		_ = unix.Sendmsg(one, half, unix.UnixRights(one), nil, 0)
		if _, err := b.Receive(other); !errors.Is(err, unix.EAGAIN) {
			t.Error(err)
		}
		descriptor.Close(one)
		if discarded {
			b.Discard()
		} else {
			_ = unix.Shutdown(other, unix.SHUT_RDWR)
			if _, err := b.Receive(other); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		}
		descriptor.Close(other)
	}
}

func TestAllocatesNextToNothing(t *testing.T) {
	one, other := newPair(t)
	b := NewBuffer()
	for _, m := range []Message{{ID: 1, Text: make([]byte, Inline)}, {ID: 1, Numbers: Numbers{1}}} {
		if n := testing.AllocsPerRun(100, func() { _ = b.Send(one, &m); _, _ = b.Receive(other) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestFailure(t *testing.T) {
	m := Failure("SERVER", &unixError{})
	if m.Errno != unix.EADDRINUSE || m.Name != "SERVER" || string(m.Text) != "taken" {
		t.Errorf("%+v", m)
	}
}

// unixError wraps an errno.
type unixError struct{}

func (*unixError) Error() string { return "taken" }
func (*unixError) Unwrap() error { return unix.EADDRINUSE }
