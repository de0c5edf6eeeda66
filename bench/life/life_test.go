package main

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/operator"
)

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
		sizes[n < operator.HeaderSize]++
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
