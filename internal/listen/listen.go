// Package listen opens listening sockets, and takes over open ones. It runs on a
// thread with a descriptor table of its own and waits for nobody.
package listen

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// freePortTries is how often another free port is tried when the one that the
// first address got is taken on a later address.
const freePortTries = 16

// MostAddresses is how many addresses a listener may have.
const MostAddresses = 8

// Options says where to listen, and how.
type Options struct {
	Addresses []netip.Addr // Each that this machine has; none: [::], IPv4 included.
	Each      bool         // It must have all of them.
	Port      int          // 0: a free one, the same for each address.
	Backlog   int          // Of each socket.
	ReusePort bool         // SO_REUSEPORT.
	Datagrams bool         // UDP instead of TCP.
	RcvBuf    int          // SO_RCVBUF in bytes, for TCP of each connection; 0: the system's.

	// Of accepted connections; Unix sockets and UDP have none of it.
	Defer       bool   // TCP_DEFER_ACCEPT.
	NoDelay     bool   // TCP_NODELAY.
	KeepAlive   [3]int // Seconds idle, seconds between probes, how many; idle 0: SO_KEEPALIVE is off.
	UserTimeout int    // TCP_USER_TIMEOUT in milliseconds; 0: the system's.

	Path     string // A Unix socket instead: an absolute path, or @name, an abstract one.
	Packets  bool   // SOCK_SEQPACKET there.
	Mode     int    // Of a path; -1: by the umask.
	UID, GID int    // Who is to own a path; -1: unchanged.
}

// Opened is what listens.
type Opened struct {
	Fds       []int        // Close-on-exec, non-blocking but for UDP, and the caller's.
	Port      int          // Of all of them; 0: they have none, or not the same.
	Addresses []netip.Addr // Of each; none: [::], or all of IPv4, or there is no port.
	Path      string       // Of the first Unix socket.
	Shared    bool         // Others may have them: not to be shut down, nor removed without being told.

	files []file // That the paths stand for.
}

// problem is an error in words of its own, with the system's number.
type problem struct {
	text  string
	errno unix.Errno
}

func (p problem) Error() string { return p.text }
func (p problem) Unwrap() error { return p.errno }

// Listen opens listening sockets; after an error none is left open. An error
// names the address and the port, or the path, and wraps a unix.Errno.
func Listen(options Options) (opened Opened, err error) {
	if options.Path != "" {
		return listenUnix(options)
	}
	if options.Port < 0 || options.Port > 65535 {
		return Opened{}, fmt.Errorf("can't listen on port %d: it must be 0 to 65535: %w",
			options.Port, unix.EINVAL)
	}
	if len(options.Addresses) == 0 {
		return listenEverywhere(options)
	}
	for try := 1; ; try++ {
		opened, err = listenOnEach(options)
		again := options.Port == 0 && len(options.Addresses) > 1 && try < freePortTries
		if err == nil || !again || !errors.Is(err, unix.EADDRINUSE) {
			return opened, err
		}
	}
}

// listenEverywhere opens one socket for both families, or an IPv4 socket
// where the system has no IPv6.
func listenEverywhere(options Options) (Opened, error) {
	everywhere := endpoint{address: netip.IPv6Unspecified(), port: options.Port, dual: true}
	fd, port, err := everywhere.open(options)
	if isNotHere(err) {
		everywhere = endpoint{address: netip.IPv4Unspecified(), port: options.Port}
		fd, port, err = everywhere.open(options)
	}
	if err != nil {
		return Opened{}, err
	}
	return Opened{Fds: []int{fd}, Port: port}, nil
}

// isNotHere tells whether an error says that this machine doesn't have the
// address, or has no addresses of that family.
func isNotHere(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) ||
		errors.Is(err, unix.EADDRNOTAVAIL)
}

// listenOnEach opens a socket for each address. When the port is 0 the first
// takes a free one and the others follow. An address that this machine doesn't
// have is left out when there is another: a name like localhost often has an
// IPv6 address where IPv6 is off.
func listenOnEach(options Options) (Opened, error) {
	var err error
	opened := Opened{Port: options.Port}
	for _, address := range distinct(options.Addresses) {
		one := endpoint{address: address, port: opened.Port}
		fd, port, failed := one.open(options)
		switch {
		case failed == nil:
			opened.Fds, opened.Port = append(opened.Fds, fd), port
			opened.Addresses = append(opened.Addresses, address)
		case isNotHere(failed) && !options.Each:
			err = cmp.Or(err, failed)
		default:
			descriptor.Close(opened.Fds...)
			return Opened{}, failed
		}
	}
	if len(opened.Fds) == 0 {
		return Opened{}, err
	}
	return opened, nil
}

// distinct returns the addresses, each once, IPv4 as such.
func distinct(addresses []netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, address := range addresses {
		if address = address.Unmap(); !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}
