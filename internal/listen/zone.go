package listen

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

// zoneNumber is the number of the interface that a link-local address names
// after its percent sign; without one it is 0.
func zoneNumber(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if number, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(number), nil
	}
	return interfaceNumber(zone)
}

// interfaceNumber asks the kernel rather than package net, whose resolver
// would come along with it.
func interfaceNumber(name string) (uint32, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	defer descriptor.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	return request.Uint32(), nil
}
