package listen

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func dropsOf(t *testing.T, fd int) uint64 {
	t.Helper()
	drops, err := Drops(fd)
	if err != nil {
		t.Fatal(err)
	}
	return drops
}

func TestWaiting(t *testing.T) {
	fds, port := opened(t, udp("127.0.0.1"))
	fd := fds[0]
	if Waiting(fd) || Waiting(-1) || Waiting(1<<20) {
		t.Error("nothing was sent")
	}
	sends(t, "127.0.0.1", port, "", "a")
	for _, want := range []string{"", "a"} {
		for range 2 {
			if !Waiting(fd) {
				t.Errorf("%q isn't there", want)
			}
		}
		if datagram, _ := receives(t, fd); datagram != want {
			t.Errorf("%q", datagram)
		}
	}
	if Waiting(fd) {
		t.Error("all was received")
	}
}

// TestHush: what is there stays, nothing more comes.
func TestHush(t *testing.T) {
	fds, port := opened(t, udp("127.0.0.1"))
	fd := fds[0]
	sends(t, "127.0.0.1", port, "before", "")
	for range 2 {
		if err := Hush(fd); err != nil {
			t.Fatal(err)
		}
	}
	sends(t, "127.0.0.1", port, "after", "")
	for _, want := range []string{"before", ""} {
		if datagram, _ := receives(t, fd); datagram != want {
			t.Errorf("%q", datagram)
		}
	}
	if Waiting(fd) {
		t.Error("more has come")
	}
	if drops := dropsOf(t, fd); drops != 2 {
		t.Errorf("%d drops", drops)
	}
}

// TestDrops: each datagram is received or counted.
func TestDrops(t *testing.T) {
	options := udp("127.0.0.1")
	options.RcvBuf = 4096
	fds, port := opened(t, options)
	fd := fds[0]
	if drops := dropsOf(t, fd); drops != 0 {
		t.Errorf("%d drops at first", drops)
	}
	const sent = 100
	var all [sent]string
	for i := range all {
		all[i] = strings.Repeat("x", 1000)
	}
	sends(t, "127.0.0.1", port, all[:]...)
	received := 0
	for ; Waiting(fd); received++ {
		receives(t, fd)
	}
	if drops := dropsOf(t, fd); received == 0 || drops == 0 || received+int(drops) != sent {
		t.Errorf("%d received, %d dropped", received, drops)
	}
}

func TestInflowErrors(t *testing.T) {
	if err := Hush(-1); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	if _, err := Drops(-1); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
}
