package listen

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// udp are the options of datagrams to some addresses.
func udp(list ...string) Options {
	return Options{Addresses: addresses(list...), Datagrams: true}
}

// sends sends datagrams and returns from where.
func sends(t *testing.T, host string, port int, datagrams ...string) netip.AddrPort {
	t.Helper()
	conn, err := net.Dial("udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, datagram := range datagrams {
		if _, err := conn.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// receives takes the next datagram, and the address that it was sent to.
func receives(t *testing.T, fd int) (datagram string, to netip.Addr) {
	t.Helper()
	var buffer, control [512]byte
	n, size, _, _, err := unix.Recvmsg(fd, buffer[:], control[:], unix.MSG_DONTWAIT)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO:
			to = netip.AddrFrom4([4]byte(m.Data[8:12]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO:
			to = netip.AddrFrom16([16]byte(m.Data[:16]))
		}
	}
	return string(buffer[:n]), to
}

// reached expects that a datagram to a host comes, with the address.
func reached(t *testing.T, fd int, host string, port int, want string) {
	t.Helper()
	sends(t, host, port, "hello")
	if datagram, to := receives(t, fd); datagram != "hello" || to.String() != want {
		t.Errorf("%q to %s instead of %s", datagram, to, want)
	}
}

func TestDatagramsEverywhere(t *testing.T) {
	needIPv6(t)
	fds, port := opened(t, udp())
	if len(fds) != 1 || port == 0 {
		t.Fatalf("sockets %v, port %d", fds, port)
	}
	reached(t, fds[0], "::1", port, "::1")
	reached(t, fds[0], "127.0.0.3", port, "::ffff:127.0.0.3")
}

func TestDatagramsToEachAddress(t *testing.T) {
	needIPv6(t)
	fds, port := opened(t, udp("0.0.0.0", "::"))
	reached(t, fds[0], "127.0.0.3", port, "127.0.0.3")
	reached(t, fds[1], "::1", port, "::1")
}

func TestDatagramSocketFlags(t *testing.T) {
	fds, _ := opened(t, udp())
	onExec, _ := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0)
	flags, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFL, 0)
	if err != nil || onExec&unix.FD_CLOEXEC == 0 || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("%#x, %#x, %v", onExec, flags, err)
	}
}

func TestDatagramPortTaken(t *testing.T) {
	fds, port := opened(t, udp("127.0.0.1"))
	// Who lets others share the port is let by nobody who doesn't.
	fd := socket(t, unix.AF_INET, unix.SOCK_DGRAM)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	name := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, name); err != unix.EADDRINUSE {
		t.Errorf("shared: %v", err)
	}
	for _, options := range []Options{udp("127.0.0.1"), udp("0.0.0.0"), udp()} {
		options.Port = port
		l, err := Listen(options)
		if !errors.Is(err, unix.EADDRINUSE) || l.Fds != nil {
			t.Fatalf("got %v, %v", l, err)
		}
		want := ":" + strconv.Itoa(port) + ": address already in use"
		if text := err.Error(); !strings.HasPrefix(text, "can't listen on udp:") || !strings.HasSuffix(text, want) {
			t.Errorf("the message is %q", text)
		}
	}
	reached(t, fds[0], "127.0.0.1", port, "127.0.0.1")
}

func TestDatagramsReusePort(t *testing.T) {
	options := udp("127.0.0.1")
	options.ReusePort = true
	_, options.Port = opened(t, options)
	opened(t, options)
}

// TestDatagramsBesideTCP: a port of UDP is another than that of TCP.
func TestDatagramsBesideTCP(t *testing.T) {
	_, port := opened(t, Options{Addresses: addresses("127.0.0.4"), Backlog: 8})
	options := udp("127.0.0.4")
	options.Port = port
	opened(t, options)
}

// foreign is a bound UDP socket as another program opens it.
func foreign(t *testing.T, family int, name unix.Sockaddr) int {
	t.Helper()
	fd := socket(t, family, unix.SOCK_DGRAM)
	if err := errors.Join(unix.Bind(fd, name), unix.SetNonblock(fd, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	return fd
}

func portOf(t *testing.T, fd int) int {
	t.Helper()
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := name.(*unix.SockaddrInet6); ok {
		return name.Port
	}
	return name.(*unix.SockaddrInet4).Port
}

// TestAdoptDatagrams: they become what Listen opens.
func TestAdoptDatagrams(t *testing.T) {
	needIPv6(t)
	leaktest.Check(t)
	only := foreign(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	dual := foreign(t, unix.AF_INET6, &unix.SockaddrInet6{})
	for fd, hosts := range map[int][2]string{only: {"127.0.0.1", "127.0.0.1"}, dual: {"127.0.0.3", "::ffff:127.0.0.3"}} {
		options := Options{Datagrams: true, RcvBuf: 5000}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		o, err := Adopt(options, []int{fd})
		if err != nil || !slices.Equal(o.Fds, []int{fd}) || !o.Shared || o.Port != portOf(t, fd) {
			t.Fatalf("%+v, %v", o, err)
		}
		onExec, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if onExec&unix.FD_CLOEXEC == 0 || flags&unix.O_NONBLOCK != 0 {
			t.Errorf("%#x, %#x", onExec, flags)
		}
		if tells, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR); tells != 0 {
			t.Errorf("errors are queued, %v", err)
		}
		if has, err := receiveBuffer(fd); has != 5000 {
			t.Errorf("a buffer of %d, %v", has, err)
		}
		reached(t, fd, hosts[0], o.Port, hosts[1])
		options.RcvBuf = 6000
		if err := Tune(options, fd, true); err != nil {
			t.Error(err)
		}
		if has, err := receiveBuffer(fd); has != 6000 {
			t.Errorf("tuned: a buffer of %d, %v", has, err)
		}
	}
	if o, err := Adopt(Options{Datagrams: true, Port: portOf(t, dual)}, []int{dual}); err != nil || o.Addresses != nil {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestAdoptRejectsForDatagrams(t *testing.T) {
	leaktest.Check(t)
	good := foreign(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	stream, _ := passed(t, Options{Backlog: 8})
	netlink, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(netlink)
	for _, c := range []struct {
		fd   int
		want unix.Errno
		text string
	}{
		{stream[0], unix.EPROTOTYPE, "is a stream socket, not a datagram socket"},
		{socket(t, unix.AF_UNIX, unix.SOCK_DGRAM), unix.EAFNOSUPPORT, "is a Unix socket, not a UDP socket"},
		{netlink, unix.EPROTONOSUPPORT, "is no UDP socket"},
		{socket(t, unix.AF_INET, unix.SOCK_DGRAM), unix.EINVAL, "isn't bound to a port"},
	} {
		rejected(t, udp(), []int{c.fd}, c.want, c.text)
		rejected(t, udp(), []int{good, c.fd}, c.want, c.text)
	}
	rejected(t, udp("127.0.0.2"), []int{good}, unix.EADDRNOTAVAIL, "listens on 127.0.0.1 port")
}

func TestReceiveBuffer(t *testing.T) {
	options := udp("127.0.0.1")
	options.RcvBuf = 10000
	fds, _ := opened(t, options)
	if has, err := receiveBuffer(fds[0]); has != 10000 {
		t.Errorf("%d, %v", has, err)
	}
}

func TestReceiveBufferOfConnections(t *testing.T) {
	fds, port := opened(t, Options{Addresses: addresses("127.0.0.1"), Backlog: 8, RcvBuf: 10000})
	if err := connects("127.0.0.1", port); err != nil {
		t.Fatal(err)
	}
	connection, _, err := unix.Accept(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(connection)
	if has, err := receiveBuffer(connection); has != 10000 {
		t.Errorf("%d, %v", has, err)
	}
}

const tooMuch = 1 << 29

// TestReceiveBufferTooLarge: who isn't allowed it, is told so.
func TestReceiveBufferTooLarge(t *testing.T) {
	leaktest.Check(t)
	options := udp("127.0.0.1")
	options.RcvBuf = tooMuch
	if l, err := Listen(options); err == nil { // Who is.
		if has, _ := receiveBuffer(l.Fds[0]); has != tooMuch {
			t.Errorf("%d", has)
		}
		defer descriptor.Close(l.Fds...)
		defer func() {
			if err := inferior(t, func() error { return Tune(options, l.Fds[0], true) }); err != nil {
				t.Error("what it has already: ", err)
			}
		}()
	}
	for _, options := range []Options{options, {Backlog: 8, RcvBuf: tooMuch}} {
		err := inferior(t, func() error {
			_, err := Listen(options)
			return err
		})
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "net.core.rmem_max is ") {
			t.Error(err)
		}
	}
}

// inferior runs something on a thread that may not administer the network, and that
// ends with it.
func inferior(t *testing.T, run func() error) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&header, &data[0])
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err = errors.Join(err, unix.Capset(&header, &data[0])); err == nil {
			err = run()
		}
		result <- err
	}()
	return <-result
}
