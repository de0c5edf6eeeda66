package listen

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Hush lets nothing more into a UDP socket, whoever has it; what it has already can
// still be received. What it keeps out counts as dropped.
func Hush(fd int) error {
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	filter := unix.SockFprog{Len: 1, Filter: &nothing}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter); err != nil {
		return fmt.Errorf("can't set SO_ATTACH_FILTER: %w", err)
	}
	return nil
}

// Drops is how many datagrams didn't get into a UDP socket since it was opened, most
// often for want of room. The system counts with 32 bits.
func Drops(fd int) (uint64, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("can't read SO_MEMINFO: %w", errno)
	}
	return uint64(info[unix.SK_MEMINFO_DROPS]), nil
}

// Waiting tells, without receiving, whether a datagram is there, maybe an empty one.
// A socket that was shut down has none.
func Waiting(fd int) bool {
	looked := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(looked, 0)
		if err != unix.EINTR {
			return n > 0 && looked[0].Revents&(unix.POLLIN|unix.POLLRDHUP) == unix.POLLIN
		}
	}
}
