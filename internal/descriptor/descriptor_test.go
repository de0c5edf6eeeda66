package descriptor_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// pipe makes a pipe; both ends are the caller's.
func pipe(t *testing.T) (read, write int) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	return ends[0], ends[1]
}

// TestPairOfADaemon makes a pipe while standard input is closed.
func TestPairOfADaemon(t *testing.T) {
	leaktest.Check(t)
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Skip(err)
	}
	descriptor.Close(0)
	low, high := pipe(t)
	read, write, err := descriptor.PairAboveStandard(low, high)
	restored := unix.Dup2(saved, 0)
	descriptor.Close(saved)
	if err != nil || restored != nil {
		t.Fatal(err, restored)
	}
	defer descriptor.Close(read, write)
	if low != 0 || read < 3 || write != high {
		t.Errorf("%d and %d became %d and %d", low, high, read, write)
	}
	flags, err := unix.FcntlInt(uintptr(read), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d: %#x, %v", read, flags, err)
	}
}

func TestPairIsClosedAfterAnError(t *testing.T) {
	leaktest.Check(t)
	read, write := pipe(t)
	descriptor.Close(read)
	if _, _, err := descriptor.PairAboveStandard(-1, write); err == nil {
		t.Error("no error")
	}
}
