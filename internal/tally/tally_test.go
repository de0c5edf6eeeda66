package tally

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSum(t *testing.T) {
	all, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	memory, err := unix.Mmap(all.Fd(), 0, len(all.memory), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	binary.NativeEndian.PutUint64(memory[0:], 5)
	binary.NativeEndian.PutUint64(memory[16*(Listeners-1):], 2)
	binary.NativeEndian.PutUint64(memory[16*(Listeners-1)+8:], 3)
	if received, answered := all.Sum(); received != 7 || answered != 3 {
		t.Errorf("got %d received, %d answered", received, answered)
	}
}

// Who has the tally can't cut off what the server reads.
func TestSealed(t *testing.T) {
	all, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if err := unix.Ftruncate(all.Fd(), 0); err != unix.EPERM {
		t.Errorf("to truncate it: %v", err)
	}
}
