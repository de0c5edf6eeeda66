package listen

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// endpoint is one address and port to listen on.
type endpoint struct {
	address netip.Addr
	port    int
	dual    bool // An IPv6 socket takes IPv4 too.
}

// open returns a listening socket, the caller's, and its port.
func (e endpoint) open(options Options) (fd, port int, err error) {
	fd, port, err = e.listen(options)
	if err != nil {
		where := netip.AddrPortFrom(e.address, uint16(e.port)).String()
		if options.Datagrams {
			where = "udp:" + where
		}
		return -1, 0, fmt.Errorf("can't listen on %s: %w", where, err)
	}
	return fd, port, nil
}

// listen does what open promises; its errors don't say where.
func (e endpoint) listen(options Options) (fd, port int, err error) {
	name, err := e.name()
	if err != nil {
		return -1, 0, err
	}
	family := unix.AF_INET
	if e.address.Is6() {
		family = unix.AF_INET6
	}
	kind, protocol := unix.SOCK_STREAM, unix.IPPROTO_TCP
	if options.Datagrams {
		kind, protocol = unix.SOCK_DGRAM, unix.IPPROTO_UDP
	}
	fd, err = newSocket(family, kind, protocol)
	if err != nil {
		return -1, 0, err
	}
	port, err = e.prepare(fd, name, options)
	if err != nil {
		descriptor.Close(fd)
		return -1, 0, err
	}
	return fd, port, nil
}

// newSocket makes one as all are here: close-on-exec and, but for datagrams,
// non-blocking.
func newSocket(family, kind, protocol int) (int, error) {
	flags := unix.SOCK_CLOEXEC
	if kind != unix.SOCK_DGRAM {
		flags |= unix.SOCK_NONBLOCK
	}
	fd, err := unix.Socket(family, kind|flags, protocol)
	if err != nil {
		return -1, err
	}
	return descriptor.AboveStandard(fd)
}

// prepare makes a new socket listen and returns its port.
func (e endpoint) prepare(fd int, name unix.Sockaddr, options Options) (int, error) {
	if err := e.setOptions(fd, options); err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, name); err != nil {
		return 0, err
	}
	if !options.Datagrams {
		if err := unix.Listen(fd, options.Backlog); err != nil {
			return 0, err
		}
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		return bound.Port, nil
	case *unix.SockaddrInet6:
		return bound.Port, nil
	}
	return 0, unix.EAFNOSUPPORT
}

// isHere tells whether this machine has the address.
func (e endpoint) isHere() bool {
	name, err := endpoint{address: e.address}.name()
	if err != nil {
		return false
	}
	family := unix.AF_INET
	if e.address.Is6() {
		family = unix.AF_INET6
	}
	fd, err := newSocket(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return !isNotHere(err)
	}
	defer descriptor.Close(fd)
	return !isNotHere(unix.Bind(fd, name))
}

// setOptions says how the port may be shared: by IPv4, by what is left of an
// earlier server (SO_REUSEADDR, which of UDP would let a running one share it), by
// other servers (SO_REUSEPORT); and how its connections or datagrams are to be.
func (e endpoint) setOptions(fd int, options Options) error {
	if e.address.Is6() {
		only := 1
		if e.dual {
			only = 0
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return err
		}
	}
	if !options.Datagrams {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
	}
	if options.ReusePort {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	if options.Datagrams {
		return prepareDatagrams(options, fd, e.address.Is6())
	}
	return tuneTCP(options, fd, true)
}

// name is the endpoint as bind wants it.
func (e endpoint) name() (unix.Sockaddr, error) {
	if e.address.Is4() {
		return &unix.SockaddrInet4{Port: e.port, Addr: e.address.As4()}, nil
	}
	zone, err := zoneNumber(e.address.Zone())
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet6{Port: e.port, Addr: e.address.As16(), ZoneId: zone}, nil
}
