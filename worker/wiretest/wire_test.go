package wiretest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/control"
	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/queue"
	"socketserver/internal/reactor"
)

// newQueue is a queue that the test closes.
func newQueue(t *testing.T) (send, receive int) {
	t.Helper()
	leaktest.Check(t)
	send, receive, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(send, receive) })
	return send, receive
}

// sendRaw sends bytes that queue would not.
func sendRaw(t *testing.T, send int, bytes []byte, fds ...int) {
	t.Helper()
	var control []byte
	if len(fds) > 0 {
		control = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(send, bytes, control, nil, unix.MSG_NOSIGNAL); err != nil {
		t.Fatal(err)
	}
}

// wire is a connection's message as queue encodes it.
func wire() []byte {
	m := queue.Message{
		Kind: queue.KindConnection, Family: 4, Port: 1234, Accepted: 5678,
		Address: [16]byte{192, 0, 2, 1},
	}
	var bytes [queue.Size]byte
	m.Encode(&bytes)
	return bytes[:]
}

// full is a message with something in each field, as worker/message.h has it.
func full(tag, proxy int) []byte {
	bytes := make([]byte, 61+(tag+proxy+511)/512*512)
	copy(bytes, wire())
	bytes[3] = 3
	at := binary.NativeEndian
	at.PutUint64(bytes[16:], 6789)
	at.PutUint32(bytes[44:], 250)
	at.PutUint32(bytes[48:], 1<<31-1)
	at.PutUint32(bytes[52:], 3)
	at.PutUint16(bytes[56:], uint16(tag))
	at.PutUint16(bytes[58:], uint16(proxy))
	for i := range tag + proxy {
		bytes[61+i] = byte('a' + i%26)
		if i >= tag {
			bytes[61+i] = byte('0' + i%10)
		}
	}
	return bytes
}

// wantThenEmpty receives one message, and then nothing: no place was lost.
func wantThenEmpty(t *testing.T, receive int, want Status) Arrival {
	t.Helper()
	arrival, status, errno := Receive(receive)
	if status != want {
		t.Errorf("got %d (%v), want %d", status, errno, want)
	}
	if _, status, errno := Receive(receive); status != Empty {
		t.Errorf("afterwards %d (%v), want %d", status, errno, Empty)
	}
	return arrival
}

func TestEmptyAndEnd(t *testing.T) {
	leaktest.Check(t)
	send, receive, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(receive)
	if _, status, _ := Receive(receive); status != Empty {
		t.Errorf("got %d", status)
	}
	descriptor.Close(send)
	for range 2 {
		if _, status, _ := Receive(receive); status != End {
			t.Errorf("got %d", status)
		}
	}
	if _, status, errno := Receive(-1); status != Failed || errno != unix.EBADF {
		t.Errorf("got %d, %v", status, errno)
	}
}

func TestRetire(t *testing.T) {
	send, receive := newQueue(t)
	m := queue.Message{Kind: queue.KindRetire}
	if errno := queue.NewSender().Send(send, &m, nil, queue.NoConnection); errno != 0 {
		t.Fatal(errno)
	}
	wantThenEmpty(t, receive, Retire)
}

func TestListener(t *testing.T) {
	for _, number := range []uint16{0, 1, 0x1234, 0xffff} {
		m := queue.Message{Kind: queue.KindConnection, Port: 1234, Listener: number}
		var bytes [queue.Size]byte
		m.Encode(&bytes)
		arrival, status := Decode(bytes[:])
		if status != Got || arrival.Listener != int(number) || arrival.Port != 1234 {
			t.Errorf("%d: got %d, %+v", number, status, arrival)
		}
		if got, _, err := queue.Decode(bytes[:]); err != nil || got != m {
			t.Errorf("%d: got %+v, %v", number, got, err)
		}
	}
}

func TestGarbageOfEachLength(t *testing.T) {
	send, receive := newQueue(t)
	for length := 0; length <= 4000; length += 1 + length/100 {
		bytes := make([]byte, length)
		for i := range bytes {
			bytes[i] = byte(0xa5 + i)
		}
		if length > 0 {
			sendRaw(t, send, bytes)
			wantThenEmpty(t, receive, Rejected)
		}
		sendRaw(t, send, bytes, send)
		wantThenEmpty(t, receive, Rejected)
	}
}

func TestRejectedClosesWhatCame(t *testing.T) {
	send, receive := newQueue(t)
	for offset, value := range map[int]byte{0: queue.Version + 1, 1: 77, 2: 5} {
		bytes := wire()
		bytes[offset] = value
		sendRaw(t, send, bytes, send)
		wantThenEmpty(t, receive, Rejected)
		sendRaw(t, send, bytes, send, receive, send)
		wantThenEmpty(t, receive, Rejected)
	}
	sendRaw(t, send, append(wire(), 0), send)
	wantThenEmpty(t, receive, Rejected)
}

func TestVariablePart(t *testing.T) {
	send, receive := newQueue(t)
	for _, c := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {256, 256}, {256, 257}, {256, 2560}} {
		bytes := full(c[0], c[1])
		sendRaw(t, send, bytes, send)
		got := wantThenEmpty(t, receive, Got)
		descriptor.Close(got.Fd)
		want := Arrival{
			Fd: got.Fd, Port: 1234, Accepted: 5678, Ready: 6789, Patience: 250, ID: 1<<31 - 1,
			Requests: 3, Flags: 3, Address: "192.0.2.1",
			Tag: string(bytes[61 : 61+c[0]]), Proxy: string(bytes[61+c[0] : 61+c[0]+c[1]]),
		}
		if got != want {
			t.Errorf("%v: got %+v", c, got)
		}
		for _, length := range []int{len(bytes) - 1, len(bytes) + 1, len(bytes) + 512} {
			wrong := append(bytes[:len(bytes):len(bytes)], make([]byte, 512)...)[:length]
			if _, status := Decode(wrong); status != Rejected {
				t.Errorf("%v with %d bytes: %d", c, length, status)
			}
		}
	}
	for _, c := range [][2]int{{257, 0}, {0, 2561}, {65535, 65535}} {
		if _, status := Decode(full(c[0], c[1])); status != Rejected {
			t.Errorf("%v: %d", c, status)
		}
	}
}

func TestUnixPeer(t *testing.T) {
	for _, c := range []struct {
		peer [3]uint32
		want Status
	}{
		{[3]uint32{1<<31 - 1, 1<<32 - 2, 1<<32 - 1}, Got},
		{[3]uint32{70000, 0, 5}, Got},
		{[3]uint32{}, Got},
		{[3]uint32{1 << 31, 1, 1}, Rejected},
	} {
		bytes := wire()
		bytes[2] = 1
		binary.NativeEndian.PutUint16(bytes[4:], 0)
		for i, number := range c.peer {
			binary.NativeEndian.PutUint32(bytes[24+4*i:], number)
		}
		got, status := Decode(bytes)
		if status != c.want {
			t.Errorf("%v: got %d", c.peer, status)
		}
		if status != Got {
			continue
		}
		for i, number := range c.peer {
			if got.Peer[i] != int(number) {
				t.Errorf("%v: got %+v", c.peer, got)
			}
		}
		if got.Address != "unix" || got.Port != int(c.peer[0]) {
			t.Errorf("%v: got %+v", c.peer, got)
		}
	}
}

func TestLengthOfAQueue(t *testing.T) {
	send, receive := newQueue(t)
	s := queue.NewSender()
	for n, extra := range []int{0, 1, 600, 2816, 0} {
		if got := Length(receive); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
		sendRaw(t, send, full(min(extra, 256), max(extra-256, 0)), send)
		nudge := queue.Message{Kind: queue.KindNudge}
		if errno := s.Send(send, &nudge, nil, queue.NoConnection); errno != 0 {
			t.Fatal(errno)
		}
	}
}

// receiveRaw takes what a worker sent.
func receiveRaw(t *testing.T, from int) ([]byte, []int) {
	t.Helper()
	bytes, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*4))
	n, nControl, _, _, err := unix.Recvmsg(from, bytes, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	records, err := unix.ParseSocketControlMessage(control[:nControl])
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	for i := range records {
		rights, err := unix.ParseUnixRights(&records[i])
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, rights...)
	}
	return bytes[:n], fds
}

func TestGivenBack(t *testing.T) {
	send, receive := newQueue(t)
	for _, size := range []int{0, 2560} {
		for _, kind := range []int{Park, Unserved} {
			bytes := full(min(size, 256), size)
			if errno := GiveBack(send, kind, bytes, send); errno != 0 {
				t.Fatal(errno)
			}
			got, fds := receiveRaw(t, receive)
			descriptor.Close(fds...)
			bytes[1] = byte(kind)
			if kind == Park {
				bytes[3] = 0 // No flags.
			}
			if !slices.Equal(got, bytes) || len(fds) != 1 {
				t.Errorf("%d bytes, kind %d: got %x, %v", size, kind, got, fds)
			}
		}
	}
}

func TestGivenBackToNobody(t *testing.T) {
	leaktest.Check(t)
	send, receive, err := queue.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(send)
	for errno := unix.Errno(0); errno != unix.EAGAIN; {
		if errno = Report(send, []uint32{1}); errno != 0 && errno != unix.EAGAIN {
			t.Fatal(errno)
		}
	}
	if errno := GiveBack(send, Park, wire(), send); errno != unix.EAGAIN {
		t.Error(errno)
	}
	descriptor.Close(receive)
	for _, want := range []unix.Errno{unix.ECONNRESET, unix.EPIPE} {
		if errno := GiveBack(send, Park, wire(), send); errno != want {
			t.Error(errno)
		}
	}
	if errno := GiveBack(-1, Unserved, wire(), send); errno != unix.ENOTCONN {
		t.Error(errno)
	}
}

func TestReport(t *testing.T) {
	send, receive := newQueue(t)
	numbers := []uint32{5, 5 | Ended, 1<<31 - 1}
	if errno := Report(send, numbers); errno != 0 {
		t.Fatal(errno)
	}
	want := []byte{queue.Version, 6}
	want = binary.NativeEndian.AppendUint16(want, uint16(len(numbers)))
	want = binary.NativeEndian.AppendUint32(want, 0)
	for _, n := range numbers {
		want = binary.NativeEndian.AppendUint32(want, n)
	}
	if got, fds := receiveRaw(t, receive); !slices.Equal(got, want) || len(fds) != 0 {
		t.Errorf("got %x, %v", got, fds)
	}
}

// TestAnswer: whole lines, as many as there is room for.
func TestAnswer(t *testing.T) {
	lines := strings.Repeat(strings.Repeat("x", 99)+"\n", 200)
	for text, want := range map[string]string{
		"one\ntwo\n": "one\ntwo\n", lines: lines[:queue.MostAnswer/100*100], "": "",
	} {
		send, receive := newQueue(t)
		if errno := Answer(send, 5, text); errno != 0 {
			t.Fatal(errno)
		}
		from := queue.NewReceiver()
		if errno := from.Receive(receive); errno != 0 {
			t.Fatal(errno)
		}
		if number, got, err := queue.DecodeAnswer(from.Bytes); err != nil || number != 5 || string(got) != want {
			t.Errorf("%d, %d bytes instead of %d, %v", number, len(got), len(want), err)
		}
	}
}

// TestAnswerWhereThereIsNoRoom: fewer lines, or none; it doesn't wait.
func TestAnswerWhereThereIsNoRoom(t *testing.T) {
	send, _ := newQueue(t)
	lines := strings.Repeat("line\n", 3000)
	for range 1000 {
		if errno := Answer(send, 5, lines); errno == unix.EAGAIN {
			return
		}
	}
	t.Error("it is never full")
}

func TestRetireWithADescriptor(t *testing.T) {
	send, receive := newQueue(t)
	m := queue.Message{Kind: queue.KindRetire}
	if errno := queue.NewSender().Send(send, &m, nil, send); errno != 0 {
		t.Fatal(errno)
	}
	wantThenEmpty(t, receive, Retire)
}

func TestConnectionWithoutItsDescriptor(t *testing.T) {
	send, receive := newQueue(t)
	sendRaw(t, send, wire())
	wantThenEmpty(t, receive, Lost)
}

func TestSurplusDescriptorsAreClosed(t *testing.T) {
	send, receive := newQueue(t)
	for n := 1; n <= 5; n++ {
		fds := make([]int, n)
		for i := range fds {
			fds[i] = send
		}
		sendRaw(t, send, wire(), fds...)
		arrival := wantThenEmpty(t, receive, Got)
		if arrival.Port != 1234 || arrival.Accepted != 5678 || arrival.Address != "192.0.2.1" {
			t.Errorf("got %+v", arrival)
		}
		flags, err := unix.FcntlInt(uintptr(arrival.Fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 || arrival.Fd < 3 {
			t.Errorf("descriptor %d: %#x, %v", arrival.Fd, flags, err)
		}
		descriptor.Close(arrival.Fd)
	}
}

// TestAcceptedConnections goes all the way: listen, reactor, queue, C.
func TestAcceptedConnections(t *testing.T) {
	for _, c := range []struct{ name, listen, dial, want string }{
		{"IPv4", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"IPv6", "::1", "::1", "::1"},
		{"mapped", "", "127.0.0.1", "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) { acceptedConnection(t, c.listen, c.dial, c.want) })
	}
}

func acceptedConnection(t *testing.T, where, dial, want string) {
	receive, port := serve(t, where)
	client, err := net.Dial("tcp", net.JoinHostPort(dial, strconv.Itoa(port)))
	if err != nil {
		t.Skip(err)
	}
	defer client.Close()
	arrival := awaitOne(t, receive)
	defer descriptor.Close(arrival.Fd)
	if arrival.Address != want || arrival.Port != client.LocalAddr().(*net.TCPAddr).Port {
		t.Errorf("got %+v from %v", arrival, client.LocalAddr())
	}
	if _, err := unix.Write(arrival.Fd, []byte("hello")); err != nil {
		t.Error(err)
	}
	said := make([]byte, 5)
	if _, err := client.Read(said); err != nil || string(said) != "hello" {
		t.Errorf("the client read %q, %v", said, err)
	}
}

// serve has a reactor serve an address, "" for all, until the test ends.
func serve(t *testing.T, where string) (receive, port int) {
	t.Helper()
	var pairs [2][2]int
	for i := range pairs {
		one, other, err := queue.Pair()
		if err != nil {
			t.Fatal(err)
		}
		pairs[i] = [2]int{one, other}
		t.Cleanup(func() { descriptor.Close(one) })
	}
	door, asking := pairs[0], pairs[1]
	if _, err := reactor.Start(reactor.Options{Inner: door[1], Outer: door[0]}); err != nil {
		t.Fatal(err)
	}
	sendRaw(t, door[0], []byte{0}, asking[1])
	descriptor.Close(door[1], asking[1])
	m := control.Message{ID: 1, Name: "serve", Text: []byte("0\t8\t0\t0\t\t" + where), Numbers: control.Numbers{1}}
	if err := control.NewBuffer().Send(asking[0], &m); err != nil {
		t.Fatal(err)
	}
	answer, err := control.NewBuffer().Receive(asking[0])
	for errors.Is(err, unix.EAGAIN) {
		time.Sleep(time.Millisecond)
		answer, err = control.NewBuffer().Receive(asking[0])
	}
	if err != nil || answer.Name != "" {
		t.Skip(err, string(answer.Text))
	}
	t.Cleanup(func() { descriptor.Close(answer.Fds...) })
	if n, err := fmt.Sscan(string(answer.Text), &port); n != 1 { // It is the name, too.
		t.Fatal(err)
	}
	return answer.Fds[0], port
}

// awaitOne waits for a connection.
func awaitOne(t *testing.T, receive int) Arrival {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		arrival, status, errno := Receive(receive)
		if status == Got {
			return arrival
		}
		if status != Empty {
			t.Fatalf("got %d, %v", status, errno)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nothing came")
	return Arrival{}
}

func TestLinkLocalAddress(t *testing.T) {
	loopback, err := net.InterfaceByIndex(1)
	if err != nil {
		t.Skip(err)
	}
	m := queue.Message{
		Kind: queue.KindConnection, Family: 6, Scope: 1,
		Address: netip.MustParseAddr("fe80::1").As16(),
	}
	var bytes [queue.Size]byte
	m.Encode(&bytes)
	if arrival, status := Decode(bytes[:]); status != Got || arrival.Address != "fe80::1%"+loopback.Name {
		t.Errorf("got %d, %+v", status, arrival)
	}
}

// FuzzDecode holds the two decoders together.
func FuzzDecode(f *testing.F) {
	f.Add(wire())
	f.Add([]byte{})
	f.Add(append(wire(), 0))
	f.Add(append([]byte{queue.Version, queue.KindNudge}, make([]byte, queue.Most-2)...))
	f.Add(full(256, 2560))
	retire := wire()
	retire[1] = queue.KindRetire
	f.Add(retire)
	scoped := wire()
	scoped[2] = 6
	binary.NativeEndian.PutUint32(scoped[40:], ^uint32(0))
	f.Add(scoped)
	f.Fuzz(compareDecoders)
}

func compareDecoders(t *testing.T, bytes []byte) {
	arrival, status := Decode(bytes)
	m, _, err := queue.Decode(bytes)
	want := Rejected
	if err == nil && m.Kind == queue.KindNudge {
		want = Nudge
	} else if err == nil && m.Kind == queue.KindRetire {
		want = Retire
	} else if err == nil && m.Kind == queue.KindConnection {
		want = Got
	}
	if status != want {
		t.Fatalf("C says %d, Go %+v, %v", status, m, err)
	}
	if status != Got {
		return
	}
	if arrival.Port != int(m.Port) || arrival.Accepted != m.Accepted {
		t.Errorf("C says %+v, Go %+v", arrival, m)
	}
	if got := goAddress(t, arrival.Address, m); got != m.Address {
		t.Errorf("C says %+v, Go %+v", arrival, m)
	}
}

// goAddress reads the address that C wrote, as it would stand in a message.
// What the family doesn't use is taken from m.
func goAddress(t *testing.T, text string, m queue.Message) [16]byte {
	t.Helper()
	if m.Family == 0 {
		if text != "" {
			t.Errorf("an address of no family: %q", text)
		}
		return m.Address
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	if m.Family == 6 {
		if hasZone := address.Zone() != ""; hasZone != (m.Scope != 0) {
			// An IPv4-mapped address has no zone for netip.
			t.Errorf("scope %d in %q", m.Scope, text)
		}
		return address.As16()
	}
	four := address.As4()
	copy(m.Address[:], four[:])
	return m.Address
}
