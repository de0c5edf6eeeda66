package listen

import "strconv"

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
