package listen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A UDP socket is shared by all who receive from it. It is blocking: who receives
// says that it doesn't wait, who replies does.

// prepareDatagrams has a UDP socket tell to which address a datagram was sent, so
// that the reply comes from there. An IPv6 socket tells it of IPv4, too, as a mapped
// address.
func prepareDatagrams(options Options, fd int, is6 bool) error {
	o := option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1}
	if is6 {
		o = option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1}
	}
	if err := o.set(fd); err != nil {
		return err
	}
	return setReceiveBuffer(fd, options.RcvBuf)
}

// checkDatagrams returns the name of a datagram socket that UDP comes in by.
func checkDatagrams(fd int) (unix.Sockaddr, error) {
	name, err := unix.Getsockname(fd)
	if err != nil && err != unix.EAFNOSUPPORT {
		return nil, fmt.Errorf("can't look at what was passed: %w", err)
	}
	port := 0
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		port = name.Port
	case *unix.SockaddrInet6:
		port = name.Port
	case *unix.SockaddrUnix:
		return nil, problem{"what was passed is a Unix socket, not a UDP socket", unix.EAFNOSUPPORT}
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("can't look at what was passed: %w", err)
	case protocol != unix.IPPROTO_UDP:
		return nil, problem{"what was passed is no UDP socket", unix.EPROTONOSUPPORT}
	case port == 0:
		return nil, problem{"the socket that was passed isn't bound to a port", unix.EINVAL}
	}
	return name, nil
}

// adoptDatagrams has sockets that were checked be as those that Listen opens: what
// waits for datagrams would be woken for ever by errors that nobody reads.
func adoptDatagrams(options Options, fds []int, names []unix.Sockaddr) error {
	for i, fd := range fds {
		_, is6 := names[i].(*unix.SockaddrInet6)
		if err := prepareDatagrams(options, fd, is6); err != nil {
			return err
		}
		if err := (option{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR, 0}).set(fd); err != nil {
			return err
		}
		if !is6 {
			continue
		}
		if err := (option{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 0}).set(fd); err != nil {
			return err
		}
	}
	return nil
}
