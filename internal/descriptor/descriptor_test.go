package descriptor_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// TestPipeOfADaemon makes a pipe while standard input is closed.
func TestPipeOfADaemon(t *testing.T) {
	leaktest.Check(t)
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Skip(err)
	}
	descriptor.Close(0)
	read, write, err := descriptor.Pipe()
	restored := unix.Dup2(saved, 0)
	descriptor.Close(saved)
	if err != nil || restored != nil {
		t.Fatal(err, restored)
	}
	defer descriptor.Close(read, write)
	for _, fd := range []int{read, write} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd < 3 || err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d: %#x, %v", fd, flags, err)
		}
	}
}

func TestPairIsClosedAfterAnError(t *testing.T) {
	leaktest.Check(t)
	read, write, err := descriptor.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	descriptor.Close(read)
	if _, _, err := descriptor.PairAboveStandard(-1, write); err == nil {
		t.Error("no error")
	}
}
