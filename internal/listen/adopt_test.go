package listen

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// passed are sockets as another program opens them: blocking, not close-on-exec.
func passed(t *testing.T, options Options) ([]int, int) {
	t.Helper()
	o, err := Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range o.Fds {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		if err := errors.Join(err, unix.SetNonblock(fd, false)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { descriptor.Close(o.Fds...) })
	return o.Fds, o.Port
}

// adopted expects that sockets can be adopted.
func adopted(t *testing.T, options Options, fds []int) Opened {
	t.Helper()
	o, err := Adopt(options, fds)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Fds, fds) || !o.Shared {
		t.Errorf("%+v of %v", o, fds)
	}
	for _, fd := range fds {
		onExec, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if onExec&unix.FD_CLOEXEC == 0 || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("descriptor %d: %#x, %#x", fd, onExec, flags)
		}
	}
	return o
}

// rejected expects an error, and that the sockets are still there.
func rejected(t *testing.T, options Options, fds []int, want unix.Errno, text string) {
	t.Helper()
	o, err := Adopt(options, fds)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) || o.Fds != nil {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil && want != unix.EBADF {
			t.Errorf("descriptor %d: %v", fd, err)
		}
	}
}

func TestAdoptTCP(t *testing.T) {
	needIPv6(t)
	leaktest.Check(t)
	every, port := passed(t, Options{Backlog: 8})
	for _, options := range []Options{{}, {Port: port}} {
		if o := adopted(t, options, every); o.Port != port || o.Addresses != nil || o.Path != "" {
			t.Errorf("%+v", o)
		}
	}
	two, port := passed(t, Options{Addresses: addresses("127.0.0.1", "::1"), Backlog: 8})
	if o := adopted(t, Options{}, two); o.Port != port || !slices.Equal(o.Addresses, addresses("127.0.0.1", "::1")) {
		t.Errorf("%+v", o)
	}
	for _, wanted := range [][]netip.Addr{addresses("::1", "127.0.0.1"), addresses("::1", "::ffff:127.0.0.1", "192.0.2.1")} {
		if o := adopted(t, Options{Addresses: wanted, Port: port}, two); o.Port != port || len(o.Addresses) != 2 {
			t.Errorf("%+v", o)
		}
	}
	o, _ := Adopt(Options{}, two)
	o.Remove() // Nothing.
	if err := connects("::1", port); err != nil {
		t.Error(err)
	}
	only, port := passed(t, Options{Addresses: addresses("::"), Backlog: 8})
	if o := adopted(t, Options{}, only); !slices.Equal(o.Addresses, addresses("::")) {
		t.Errorf("%+v", o)
	}
	rejected(t, Options{Port: port}, only, unix.EADDRNOTAVAIL, "not on all addresses")
}

func TestAdoptOfSeveralPorts(t *testing.T) {
	name := here(t)
	one, _ := passed(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 8})
	two, port := passed(t, Options{Addresses: addresses("127.0.0.2"), Backlog: 8})
	local, _ := passed(t, path(name))
	for _, fds := range [][]int{{one[0], two[0]}, {one[0], local[0]}} {
		if o := adopted(t, Options{}, fds); o.Port != 0 || o.Addresses != nil {
			t.Errorf("%+v", o)
		}
		rejected(t, Options{Port: port}, fds, unix.EADDRNOTAVAIL, "not on port")
	}
}

func TestAdoptOfOtherAddresses(t *testing.T) {
	leaktest.Check(t)
	fds, port := passed(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 8})
	for _, c := range []struct {
		options Options
		text    string
	}{
		{Options{Addresses: addresses("127.0.0.2")}, "not on 127.0.0.2"},
		{Options{Addresses: addresses("127.0.0.1", "127.0.0.2")}, "not on 127.0.0.1,127.0.0.2"},
		{Options{Addresses: addresses("127.0.0.1", "192.0.2.1"), Each: true}, "192.0.2.1"},
		{Options{Port: port%65535 + 1}, "listens on 127.0.0.1 port"},
		{Options{Port: port}, "not on all addresses"},
		{Options{Path: "/run/a"}, "not on unix:/run/a"},
	} {
		rejected(t, c.options, fds, unix.EADDRNOTAVAIL, c.text)
	}
}

func TestAdoptUnix(t *testing.T) {
	name := here(t)
	fds, _ := passed(t, path(name))
	o := adopted(t, Options{}, fds)
	if o.Path != name || o.Port != 0 || o.Addresses != nil {
		t.Errorf("%+v", o)
	}
	adopted(t, path(name), fds)
	rejected(t, path(name+"b"), fds, unix.EADDRNOTAVAIL, "listens on unix:"+name+", not on unix:"+name+"b")
	rejected(t, Options{Addresses: addresses("::")}, fds, unix.EADDRNOTAVAIL, "not on ::")
	o.Remove()
	if isThere(name) {
		t.Error("it is left")
	}
	unseen, _ := passed(t, path(abstract("adopt")))
	if o := adopted(t, Options{}, unseen); o.Path != abstract("adopt") {
		t.Errorf("%+v", o)
	}
}

func TestAdoptPackets(t *testing.T) {
	options := path(here(t))
	options.Packets = true
	fds, _ := passed(t, options)
	adopted(t, options, fds)
	rejected(t, path(options.Path), fds, unix.EPROTOTYPE, "is a packet socket, not a stream socket")
}

// socket makes one that doesn't listen.
func socket(t *testing.T, domain, kind int) int {
	t.Helper()
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(fd) })
	return fd
}

func TestAdoptRejects(t *testing.T) {
	leaktest.Check(t)
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	good, _ := passed(t, Options{Backlog: 8})
	for _, c := range []struct {
		fd   int
		want unix.Errno
		text string
	}{
		{socket(t, unix.AF_INET, unix.SOCK_DGRAM), unix.EPROTOTYPE, "is a datagram socket, not a stream socket"},
		{socket(t, unix.AF_UNIX, unix.SOCK_DGRAM), unix.EPROTOTYPE, "is a datagram socket"},
		{socket(t, unix.AF_INET, unix.SOCK_STREAM), unix.EINVAL, "doesn't listen"},
		{socket(t, unix.AF_UNIX, unix.SOCK_STREAM), unix.EINVAL, "doesn't listen"},
		{int(file.Fd()), unix.ENOTSOCK, "is no socket"},
		{1 << 20, unix.EBADF, "can't look"},
	} {
		rejected(t, Options{}, []int{c.fd}, c.want, c.text)
		rejected(t, Options{}, []int{good[0], c.fd}, c.want, c.text)
	}
	local, _ := passed(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 8})
	rejected(t, Options{}, slices.Repeat(local, 9), unix.E2BIG, "9 addresses were passed, the limit is 8")
	rejected(t, Options{}, nil, unix.EBADF, "no socket was passed")
}

// values are what Tune sets.
func values(t *testing.T, fd int) (all [7]int) {
	t.Helper()
	for i, o := range [][2]int{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_NODELAY},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
		{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
	} {
		value, err := unix.GetsockoptInt(fd, o[0], o[1])
		if err != nil {
			t.Fatal(err)
		}
		all[i] = value
	}
	return all
}

func TestTune(t *testing.T) {
	leaktest.Check(t)
	tuned := Options{
		Addresses: addresses("127.0.0.1"), Backlog: 8, NoDelay: true, KeepAlive: [3]int{7, 8, 9}, UserTimeout: 1234, Defer: true,
	}
	want := [7]int{1, 1, 1234, 7, 8, 9, deferTime}
	fds, _ := passed(t, tuned)
	if got := values(t, fds[0]); got != want {
		t.Errorf("opened: %v instead of %v", got, want)
	}
	other, port := passed(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 1})
	plain := values(t, other[0])
	if err := Tune(tuned, other[0], true); err != nil {
		t.Fatal(err)
	}
	if got := values(t, other[0]); got != want {
		t.Errorf("adopted: %v instead of %v", got, want)
	}
	want[6] = 0
	tuned.Defer = false
	if err := Tune(tuned, other[0], true); err != nil {
		t.Fatal(err)
	}
	if err := connects("127.0.0.1", port); err != nil {
		t.Fatal(err)
	}
	connection, _, err := unix.Accept(other[0])
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(connection)
	if got := values(t, connection); got != want {
		t.Errorf("accepted: %v instead of %v", got, want)
	}
	if err := Tune(Options{Backlog: 8}, other[0], true); err != nil {
		t.Fatal(err)
	}
	if got := values(t, other[0]); [3]int(got[:3]) != [3]int(plain[:3]) {
		t.Errorf("off: %v instead of %v", got, plain)
	}
}

func TestTuneErrors(t *testing.T) {
	leaktest.Check(t)
	options := Options{Addresses: addresses("127.0.0.1"), Backlog: 8, KeepAlive: [3]int{1, 1, 32767}}
	_, err := Listen(options)
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "can't set TCP_KEEPCNT to 32767") {
		t.Error(err)
	}
}

func TestTuneUnix(t *testing.T) {
	name := here(t)
	fds, _ := passed(t, path(name))
	if err := Tune(Options{Backlog: 8, NoDelay: true, Defer: true, KeepAlive: [3]int{1, 1, 1}}, fds[0], true); err != nil {
		t.Error(err)
	}
	reaches(t, "unix", name)
}
