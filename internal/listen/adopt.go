package listen

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Adopt makes a listener of sockets that somebody else opened, which must be what
// the options ask for as far as they ask. After an error they stay the caller's.
func Adopt(options Options, fds []int) (Opened, error) {
	if len(fds) == 0 {
		return Opened{}, problem{"no socket was passed", unix.EBADF}
	}
	opened := Opened{Fds: slices.Clone(fds), Shared: true}
	names := make([]unix.Sockaddr, len(fds))
	for i, fd := range fds {
		name, err := check(options, fd)
		if err != nil {
			return Opened{}, err
		}
		names[i] = name
	}
	opened.noteNames(names)
	if err := opened.match(options); err != nil {
		return Opened{}, err
	}
	if len(options.Addresses) == 0 && opened.isEverywhere(options) {
		opened.Addresses = nil
	}
	if options.Datagrams {
		if err := adoptDatagrams(options, fds, names); err != nil {
			return Opened{}, err
		}
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, !options.Datagrams); err != nil {
			return Opened{}, err
		}
	}
	return opened, nil
}

// kinds are what else may be passed.
var kinds = map[int]string{
	unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "datagram", unix.SOCK_SEQPACKET: "packet", unix.SOCK_RAW: "raw",
}

// check returns the name of a socket that listens, or that datagrams come in by.
func check(options Options, fd int) (unix.Sockaddr, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == unix.ENOTSOCK {
		return nil, problem{"what was passed is no socket", err.(unix.Errno)}
	}
	if err != nil {
		return nil, fmt.Errorf("can't look at what was passed: %w", err)
	}
	if kind != options.kind() {
		return nil, problem{fmt.Sprintf("what was passed is a %s socket, not a %s socket",
			kinds[kind], kinds[options.kind()]), unix.EPROTOTYPE}
	}
	if options.Datagrams {
		return checkDatagrams(fd)
	}
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return nil, problem{"the socket that was passed doesn't listen", unix.EINVAL}
	}
	name, err := unix.Getsockname(fd)
	switch name.(type) {
	case *unix.SockaddrInet4, *unix.SockaddrInet6, *unix.SockaddrUnix:
		return name, nil
	}
	if err == nil {
		err = unix.EAFNOSUPPORT
	}
	return nil, fmt.Errorf("the socket that was passed is neither TCP's nor a Unix socket: %w", err)
}

// noteNames notes what they have in common, and the paths.
func (o *Opened) noteNames(names []unix.Sockaddr) {
	var ports []int
	for _, name := range names {
		switch name := name.(type) {
		case *unix.SockaddrUnix:
			o.notePath(name.Name)
		case *unix.SockaddrInet4:
			ports = append(ports, name.Port)
			o.Addresses = append(o.Addresses, netip.AddrFrom4(name.Addr))
		case *unix.SockaddrInet6:
			ports = append(ports, name.Port)
			o.Addresses = append(o.Addresses, address6(name))
		}
	}
	if len(ports) == len(names) && len(slices.Compact(ports)) == 1 {
		o.Port = ports[0]
	} else {
		o.Addresses = nil
	}
}

func address6(name *unix.SockaddrInet6) netip.Addr {
	address := netip.AddrFrom16(name.Addr).Unmap()
	if name.ZoneId != 0 {
		address = address.WithZone(strconv.FormatUint(uint64(name.ZoneId), 10))
	}
	return address
}

func (o *Opened) notePath(path string) {
	if o.Path == "" {
		o.Path = path
	}
	var status unix.Stat_t
	if strings.HasPrefix(path, "/") && unix.Lstat(path, &status) == nil &&
		status.Mode&unix.S_IFMT == unix.S_IFSOCK {
		o.files = append(o.files, file{path, identity(&status)})
	}
}

// match checks that the sockets listen where the options say.
func (o *Opened) match(options Options) error {
	switch {
	case len(o.Addresses) > MostAddresses:
		return problem{fmt.Sprintf("%d addresses were passed, the limit is %d", len(o.Addresses), MostAddresses), unix.E2BIG}
	case options.Path != "" && options.Path != o.Path:
		return o.differs("unix:" + options.Path)
	case options.Port != 0 && options.Port != o.Port:
		return o.differs("port " + strconv.Itoa(options.Port))
	case len(options.Addresses) > 0:
		return o.matchAddresses(options)
	case options.Port != 0 && !o.isEverywhere(options):
		return o.differs("all addresses")
	}
	return nil
}

// isEverywhere tells whether it is what Listen opens without addresses.
func (o *Opened) isEverywhere(options Options) bool {
	if len(o.Addresses) != 1 || !o.Addresses[0].IsUnspecified() {
		return false
	}
	if o.Addresses[0].Is4() {
		return options.Port != 0
	}
	only, err := unix.GetsockoptInt(o.Fds[0], unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return err == nil && only == 0
}

// matchAddresses: each is one of those that are wanted, and none of them is
// missing but what this machine hasn't got.
func (o *Opened) matchAddresses(options Options) error {
	wanted := distinct(options.Addresses)
	there := make([]bool, len(wanted))
	for i, address := range o.Addresses {
		at := slices.IndexFunc(wanted, func(w netip.Addr) bool { return isSame(w, address) })
		if at < 0 {
			return o.differs(join(wanted))
		}
		there[at] = true
		o.Addresses[i] = wanted[at]
	}
	for i, address := range wanted {
		if !there[i] && (options.Each || endpoint{address: address}.isHere()) {
			return o.differs(join(wanted))
		}
	}
	if len(o.Addresses) == 0 {
		return o.differs(join(wanted))
	}
	return nil
}

// isSame compares interfaces by their numbers.
func isSame(one, other netip.Addr) bool {
	if one.WithZone("") != other.WithZone("") {
		return false
	}
	first, err := zoneNumber(one.Zone())
	second, failed := zoneNumber(other.Zone())
	return err == nil && failed == nil && first == second
}

// differs says where the sockets listen instead.
func (o *Opened) differs(wanted string) error {
	where := "several ports"
	switch {
	case o.Path != "":
		where = "unix:" + o.Path
	case o.Port != 0:
		where = join(o.Addresses) + " port " + strconv.Itoa(o.Port)
	}
	return problem{fmt.Sprintf("what was passed listens on %s, not on %s", where, wanted), unix.EADDRNOTAVAIL}
}

func join(addresses []netip.Addr) string {
	var all []string
	for _, address := range addresses {
		all = append(all, address.String())
	}
	return strings.Join(all, ",")
}
