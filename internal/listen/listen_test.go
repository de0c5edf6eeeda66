package listen

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// opened listens until the test ends.
func opened(t *testing.T, options Options) ([]int, int) {
	t.Helper()
	leaktest.Check(t)
	l, err := Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(l.Fds...) })
	if n := len(l.Addresses); n != 0 && n != len(l.Fds) {
		t.Errorf("%d sockets, addresses %v", len(l.Fds), l.Addresses)
	}
	return l.Fds, l.Port
}

func addresses(list ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, item := range list {
		parsed = append(parsed, netip.MustParseAddr(item))
	}
	return parsed
}

func connects(host string, port int) error {
	conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		conn.Close()
	}
	return err
}

// needIPv6 skips a test on a machine without it.
func needIPv6(t *testing.T) {
	t.Helper()
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	probe.Close()
}

func TestEverywhere(t *testing.T) {
	needIPv6(t)
	fds, port := opened(t, Options{Backlog: 8})
	if len(fds) != 1 || port == 0 {
		t.Fatalf("sockets %v, port %d", fds, port)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		if err := connects(host, port); err != nil {
			t.Error(err)
		}
	}
}

func TestSocketFlags(t *testing.T) {
	fds, _ := opened(t, Options{Backlog: 8})
	onExec, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0)
	if err != nil || onExec&unix.FD_CLOEXEC == 0 {
		t.Errorf("not close-on-exec: %#x, %v", onExec, err)
	}
	flags, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("not non-blocking: %#x, %v", flags, err)
	}
}

func TestEachAddressOnOnePort(t *testing.T) {
	needIPv6(t)
	fds, port := opened(t, Options{Addresses: addresses("127.0.0.1", "::1"), Backlog: 8})
	if len(fds) != 2 {
		t.Fatalf("sockets %v", fds)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		if err := connects(host, port); err != nil {
			t.Error(err)
		}
	}
	if connects("127.0.0.2", port) == nil {
		t.Error("listens on another address, too")
	}
}

func TestExplicitIPv6IsThatAlone(t *testing.T) {
	needIPv6(t)
	_, port := opened(t, Options{Addresses: addresses("::"), Backlog: 8})
	if connects("127.0.0.1", port) == nil {
		t.Error("takes IPv4")
	}
	if err := connects("::1", port); err != nil {
		t.Error(err)
	}
}

func TestMappedAddressIsIPv4(t *testing.T) {
	_, port := opened(t, Options{Addresses: addresses("::ffff:127.0.0.1"), Backlog: 8})
	if err := connects("127.0.0.1", port); err != nil {
		t.Error(err)
	}
}

func TestPortTaken(t *testing.T) {
	_, port := opened(t, Options{Backlog: 8})
	_, err := Listen(Options{Port: port, Backlog: 8})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("got %v", err)
	}
	want := ":" + strconv.Itoa(port) + ": address already in use"
	if !strings.HasPrefix(err.Error(), "can't listen on ") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the message is %q", err)
	}
}

func TestLaterAddressTaken(t *testing.T) {
	_, port := opened(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 8})
	_, err := Listen(Options{
		Addresses: addresses("127.0.0.2", "127.0.0.1"), Port: port, Backlog: 8,
	})
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

// TestAddressesOfOneName listens on what a name may stand for.
func TestAddressesOfOneName(t *testing.T) {
	fds, port := opened(t, Options{
		Addresses: addresses("192.0.2.1", "127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1"), Backlog: 8,
	})
	if len(fds) != 1 {
		t.Errorf("sockets %v", fds)
	}
	if err := connects("127.0.0.1", port); err != nil {
		t.Error(err)
	}
}

func TestEachAddressMustBeHere(t *testing.T) {
	leaktest.Check(t)
	l, err := Listen(Options{
		Addresses: addresses("127.0.0.1", "192.0.2.1"), Each: true, Backlog: 8,
	})
	if !errors.Is(err, unix.EADDRNOTAVAIL) || l.Fds != nil {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestReusePort(t *testing.T) {
	_, port := opened(t, Options{Backlog: 8, ReusePort: true})
	opened(t, Options{Port: port, Backlog: 8, ReusePort: true})
}

func TestErrors(t *testing.T) {
	leaktest.Check(t)
	for _, c := range []struct {
		options Options
		want    unix.Errno
	}{
		{Options{Port: -1}, unix.EINVAL},
		{Options{Port: 65536}, unix.EINVAL},
		{Options{Addresses: addresses("192.0.2.1")}, unix.EADDRNOTAVAIL},
		{Options{Addresses: addresses("192.0.2.1", "203.0.113.1")}, unix.EADDRNOTAVAIL},
		{Options{Addresses: addresses("fe80::1%averylongnosuchinterface")}, unix.EINVAL},
		{Options{Addresses: addresses("fe80::1%nosuchif")}, unix.ENODEV},
	} {
		l, err := Listen(c.options)
		if !errors.Is(err, c.want) || l.Fds != nil {
			t.Errorf("%+v: got %v, %v", c.options, l, err)
		}
	}
}
