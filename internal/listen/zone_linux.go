package listen

import (
	"fmt"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

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
