// Package listen opens listening sockets.
package listen

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// freePortTries is how often another free port is tried when the one that the
// first address got is taken on a later address.
const freePortTries = 16

// Options says where to listen.
type Options struct {
	Addresses []netip.Addr // Each by itself; none: [::], IPv4 included.
	Port      int          // 0: a free one, the same for each address.
	Backlog   int          // Of each socket.
	ReusePort bool         // SO_REUSEPORT.
}

// Listen returns listening sockets and their port. They are close-on-exec,
// non-blocking and the caller's; after an error none is left open. An error
// names the address and the port and wraps a unix.Errno.
func Listen(options Options) (fds []int, port int, err error) {
	if options.Port < 0 || options.Port > 65535 {
		return nil, 0, fmt.Errorf("can't listen on port %d: it must be 0 to 65535: %w",
			options.Port, unix.EINVAL)
	}
	if len(options.Addresses) == 0 {
		return listenEverywhere(options)
	}
	for try := 1; ; try++ {
		fds, port, err = listenOnEach(options)
		again := options.Port == 0 && len(options.Addresses) > 1 && try < freePortTries
		if err == nil || !again || !errors.Is(err, unix.EADDRINUSE) {
			return fds, port, err
		}
	}
}

// listenEverywhere opens one socket for both families, or an IPv4 socket
// where the system has no IPv6.
func listenEverywhere(options Options) ([]int, int, error) {
	everywhere := endpoint{address: netip.IPv6Unspecified(), port: options.Port, dual: true}
	fd, port, err := everywhere.open(options)
	if lacksIPv6(err) {
		everywhere = endpoint{address: netip.IPv4Unspecified(), port: options.Port}
		fd, port, err = everywhere.open(options)
	}
	if err != nil {
		return nil, 0, err
	}
	return []int{fd}, port, nil
}

// lacksIPv6 tells whether an error of [::] says that there is no IPv6.
func lacksIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) ||
		errors.Is(err, unix.EADDRNOTAVAIL)
}

// listenOnEach opens a socket for each address. When the port is 0 the first
// takes a free one and the others follow.
func listenOnEach(options Options) ([]int, int, error) {
	port := options.Port
	fds := make([]int, 0, len(options.Addresses))
	for _, address := range options.Addresses {
		one := endpoint{address: address.Unmap(), port: port}
		fd, bound, err := one.open(options)
		if err != nil {
			descriptor.Close(fds...)
			return nil, 0, err
		}
		fds = append(fds, fd)
		port = bound
	}
	return fds, port, nil
}
