package accept

import (
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/handoff"
)

// TestQueuedMeasures asks the system about a real queue.
func TestQueuedMeasures(t *testing.T) {
	send, receive, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(send), unix.Close(receive) }()
	s := newSystem()
	if s.queued(send) {
		t.Error("an empty queue has something")
	}
	m := handoff.Message{Kind: handoff.KindNudge}
	if errno := s.send(send, &m, handoff.NoConnection); errno != 0 {
		t.Fatal(errno)
	}
	if !s.queued(send) {
		t.Error("a message isn't seen")
	}
	bytes := make([]byte, handoff.Size)
	n, err := unix.Read(receive, bytes)
	if err != nil || n != handoff.NudgeSize {
		t.Errorf("a nudge of %d bytes, %v", n, err)
	}
	if s.queued(send) {
		t.Error("what was received is still seen")
	}
}
