package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/tests/load"
)

// The header is the protocol's, byte for byte.
func TestPacket(t *testing.T) {
	b := packet(7, "version", [2]int64{3, -4}, []byte("text"))
	if len(b) != 52 || binary.NativeEndian.Uint32(b) != 7 || string(b[12:20]) != "version\x00" || string(b[48:]) != "text" {
		t.Errorf("got % x", b)
	}
	if first, second := int64(binary.NativeEndian.Uint64(b[32:])), int64(binary.NativeEndian.Uint64(b[40:])); first != 3 || second != -4 {
		t.Errorf("numbers %d %d", first, second)
	}
}

// Whatever is sent, sending it works: what comes back is the server's doing.
func TestSendBad(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	rng := rand.New(rand.NewPCG(1, 1))
	buf, rights := make([]byte, 1<<17), make([]byte, 1024)
	sizes := map[bool]int{}
	for range 2000 {
		if err := sendBad(pair[0], rng, "ready"); err != nil {
			t.Fatal(err)
		}
		n, records, _, _, err := unix.Recvmsg(pair[1], buf, rights, unix.MSG_CMSG_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		sizes[n < headerSize]++
		closeAll(t, rights[:records])
	}
	if sizes[true] == 0 || sizes[false] == 0 {
		t.Errorf("too short %d, long enough %d", sizes[true], sizes[false])
	}
}

func closeAll(t *testing.T, rights []byte) {
	records, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		fds, err := unix.ParseUnixRights(&record)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}

func TestLost(t *testing.T) {
	var result load.Result
	result.Started = 3
	result.Outcomes[load.Served], result.Outcomes[load.Reset], result.Outcomes[load.ClosedIdle] = 1, 1, 1
	if n := lost(result); n != 2 {
		t.Errorf("%d lost", n)
	}
}

func TestControlNobody(t *testing.T) {
	if _, err := control(filepath.Join(t.TempDir(), "none"), "version", [2]int64{}, ""); err == nil || !os.IsNotExist(unwrapped(err)) {
		t.Errorf("got %v", err)
	}
}

func unwrapped(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = inner.Unwrap()
	}
}
