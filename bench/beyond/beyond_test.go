package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// answering answers datagrams until the test is over.
func answering(t *testing.T, answer func(what []byte) []byte) *asker {
	t.Helper()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				server.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	conn, err := net.Dial("udp4", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &asker{conn, make([]byte, 1<<16)}
}

func TestEchoes(t *testing.T) {
	if err := answering(t, func(what []byte) []byte { return what }).echoes(65507); err != nil {
		t.Error(err)
	}
	if err := answering(t, func(what []byte) []byte { return what[1:] }).echoes(65507); err == nil {
		t.Error("others came back unnoticed")
	}
}

// Who loses empty datagrams, or answers them, doesn't pass.
func TestEmpties(t *testing.T) {
	empties := func(count, reply bool) error {
		n := 0
		return answering(t, func(what []byte) []byte {
			switch {
			case len(what) == 0 && reply:
				return []byte{}
			case len(what) == 0 && count:
				n++
			case string(what) == "empty":
				return []byte(strings.Repeat("1000", min(n/garbage, 1)))
			case len(what) > 0:
				return what
			}
			return nil
		}).empties()
	}
	if err := empties(true, false); err != nil {
		t.Error(err)
	}
	if empties(false, false) == nil || empties(true, true) == nil {
		t.Error("an empty one was lost, or answered, unnoticed")
	}
}

func TestTooLong(t *testing.T) {
	failing := func(code string) error {
		return answering(t, func(what []byte) []byte {
			switch string(what) {
			case "reply 10":
				return make([]byte, 10)
			case "failure":
				return []byte(code)
			}
			return nil
		}).tooLong(10)
	}
	if err := failing("POSIX EMSGSIZE {message too long}"); err != nil {
		t.Error(err)
	}
	if failing("none") == nil {
		t.Error("that a reply doesn't fail went unnoticed")
	}
}

func TestTclList(t *testing.T) {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range [][2]string{{"cat", "{cat} {a b} "}, {"a/b", "{" + filepath.Join(folder, "a/b") + "} {a b} "}} {
		if got, err := tclList([]string{test[0], "a b"}); err != nil || got != test[1] {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestVoluntary(t *testing.T) {
	before := voluntary([]int{unix.Getpid()})
	unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	if after := voluntary([]int{unix.Getpid()}); after <= before {
		t.Errorf("%d, then %d", before, after)
	}
}
