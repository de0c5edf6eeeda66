//go:build !linux

package listen

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// interfaceNumber looks an interface up by name.
func interfaceNumber(name string) (uint32, error) {
	found, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, unix.ENODEV)
	}
	return uint32(found.Index), nil
}
