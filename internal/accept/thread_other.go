//go:build !linux

package accept

import "runtime"

// onOwnThread runs a function, as the last thing of the calling goroutine, on
// an operating-system thread of its own.
func onOwnThread(run func()) {
	runtime.LockOSThread()
	run()
}
