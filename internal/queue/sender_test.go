package queue

import (
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// newPair is a queue that the test closes.
func newPair(t *testing.T) (send, receive int) {
	t.Helper()
	leaktest.Check(t)
	send, receive, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(send, receive) })
	return send, receive
}

// received takes one message off the queue, with its descriptors.
func received(t *testing.T, queue int) (Message, []int) {
	t.Helper()
	bytes, control := make([]byte, Size+MostExtra+1), make([]byte, unix.CmsgSpace(8*sizeOfInt))
	n, nControl, _, _, err := unix.Recvmsg(queue, bytes, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := Decode(bytes[:n])
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
	return m, fds
}

func TestPairIsCloseOnExec(t *testing.T) {
	send, receive := newPair(t)
	for _, fd := range []int{send, receive} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 || fd < 3 {
			t.Errorf("descriptor %d has flags %#x, %v", fd, flags, err)
		}
	}
}

func TestSendInOrder(t *testing.T) {
	send, receive := newPair(t)
	s := NewSender()
	for port := range uint16(10) {
		m := Message{Kind: KindConnection, Port: port}
		if errno := s.Send(send, &m, nil, send); errno != 0 {
			t.Fatal(errno)
		}
	}
	for port := range uint16(10) {
		m, fds := received(t, receive)
		if m.Port != port || len(fds) != 1 {
			t.Fatalf("message %d: %+v with %v", port, m, fds)
		}
		descriptor.Close(fds...)
	}
}

func TestSendAlone(t *testing.T) {
	send, receive := newPair(t)
	s := NewSender()
	m := Message{Kind: KindRetire}
	if errno := s.Send(send, &m, nil, send); errno != 0 { // With one before.
		t.Fatal(errno)
	}
	if errno := s.Send(send, &m, nil, NoConnection); errno != 0 {
		t.Fatal(errno)
	}
	_, fds := received(t, receive)
	descriptor.Close(fds...)
	if m, fds := received(t, receive); m.Kind != KindRetire || len(fds) != 0 {
		t.Errorf("%+v with %v", m, fds)
	}
}

func TestSendToFullQueue(t *testing.T) {
	send, receive := newPair(t)
	s := NewSender()
	m := Message{Kind: KindRetire}
	n := 0
	var errno unix.Errno
	for ; errno == 0 && n < 100000; n++ {
		errno = s.Send(send, &m, nil, NoConnection)
	}
	if errno != unix.EAGAIN {
		t.Fatalf("after %d messages: %v", n, errno)
	}
	received(t, receive)
	if errno := s.Send(send, &m, nil, NoConnection); errno != 0 {
		t.Errorf("with room again: %v", errno)
	}
}

func TestSendWithoutReceiver(t *testing.T) {
	leaktest.Check(t)
	send, receive, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(send)
	descriptor.Close(receive)
	m := Message{Kind: KindRetire}
	if errno := NewSender().Send(send, &m, nil, NoConnection); errno != unix.EPIPE {
		t.Errorf("got %v", errno)
	}
}

func TestEndOfFileAfterTheLast(t *testing.T) {
	leaktest.Check(t)
	send, receive, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(receive)
	m := Message{Kind: KindRetire}
	NewSender().Send(send, &m, nil, NoConnection)
	descriptor.Close(send)
	received(t, receive)
	if n, err := unix.Read(receive, make([]byte, Size)); n != 0 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	send, _ := newPair(t)
	s := NewSender()
	m := Message{Kind: KindConnection}
	if n := testing.AllocsPerRun(100, func() { s.Send(send, &m, nil, send) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
