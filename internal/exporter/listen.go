package exporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/listen"
)

const (
	waitingClients = 64 // The listen backlog.
	nameTime       = 5 * time.Second
)

// listeners are where clients come.
type listeners struct {
	all    []net.Listener
	opened listen.Opened // Their sockets, which stay open for as long: a path is removed before.
}

// open opens what the options say, or takes what the server has opened. The source
// must be run after that, if only to close it.
func open(ctx context.Context, source *Source, o *Options) (*listeners, error) {
	if o.Kept {
		fds, err := source.adopt(ctx)
		if err != nil {
			return nil, err
		}
		return adopted(listen.Opened{Fds: fds}, o)
	}
	options, err := parseListen(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w on %q: %w", ErrListen, o.Listen, err)
	}
	if err := mayListen(options.Addresses, options.Path, o); err != nil {
		return nil, err
	}
	opened, err := listen.Listen(options)
	if err != nil {
		return nil, err
	}
	return adopted(opened, o)
}

// parseListen reads where to listen.
func parseListen(text string) (listen.Options, error) {
	options := listen.Options{Backlog: waitingClients, Mode: 0o600, UID: -1, GID: -1}
	if path, isPath := strings.CutPrefix(text, "unix:"); isPath {
		if path == "" {
			return options, errors.New("there is no path behind unix:; give one")
		}
		options.Path = path
		return options, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return options, errors.New("give host:port, [address]:port or unix:path")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return options, errors.New("a port is a number from 0 to 65535")
	}
	options.Port = int(number)
	if host == "" {
		return options, nil
	}
	if address, err := netip.ParseAddr(host); err == nil {
		options.Addresses = []netip.Addr{address}
		return options, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), nameTime)
	defer cancel()
	options.Addresses, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return options, err
}

// mayListen refuses what others could reach without a password. Abstract Unix
// sockets have no permissions.
func mayListen(addresses []netip.Addr, path string, o *Options) error {
	if o.PasswordFile != "" {
		return nil
	}
	if strings.HasPrefix(path, "@") {
		return fmt.Errorf("%w on unix:%s: any user can reach that: use a path, or give --status-password-file", ErrListen, path)
	}
	if len(addresses) == 0 && path == "" {
		addresses = []netip.Addr{netip.IPv6Unspecified()}
	}
	for _, address := range addresses {
		if !address.Unmap().IsLoopback() {
			return fmt.Errorf("%w on %s: others can reach that: use 127.0.0.1, [::1] or unix:path, or give --status-password-file",
				ErrListen, address)
		}
	}
	return nil
}

// adopted makes listeners of sockets.
func adopted(opened listen.Opened, o *Options) (*listeners, error) {
	l := &listeners{opened: opened}
	room := make(chan struct{}, mostConnections)
	for _, fd := range opened.Fds {
		one, err := adopt(fd, o)
		if err != nil {
			l.close()
			return nil, err
		}
		l.all = append(l.all, &bounded{Listener: one, room: room, closed: make(chan struct{})})
	}
	return l, nil
}

// adopt makes a listener of a socket, which stays the caller's.
func adopt(fd int, o *Options) (net.Listener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(own), "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("can't listen on a socket of the server's: %w", err)
	}
	err = nil
	switch address := l.Addr().(type) {
	case *net.TCPAddr:
		err = mayListen([]netip.Addr{address.AddrPort().Addr()}, "", o)
	case *net.UnixAddr:
		err = mayListen(nil, address.Name, o)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// close closes all, and removes a path that was made here.
func (l *listeners) close() {
	for _, one := range l.all {
		_ = one.Close()
	}
	l.opened.Remove()
	descriptor.Close(l.opened.Fds...)
}

// bounded is a listener that gives away no more connections than there is room for:
// who comes then waits.
type bounded struct {
	net.Listener
	room   chan struct{} // Of all listeners together.
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a connection, then for room.
func (b *bounded) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case b.room <- struct{}{}:
		return &roomy{Conn: conn, room: b.room}, nil
	case <-b.closed:
		conn.Close()
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// roomy is a connection that gives its room back.
type roomy struct {
	net.Conn
	once sync.Once
	room chan struct{}
}

// Close closes the connection.
func (r *roomy) Close() error {
	r.once.Do(func() { <-r.room })
	return r.Conn.Close()
}
