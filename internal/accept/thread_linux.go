package accept

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// firstThread is the one that the Go runtime started on; packages are
// initialized there.
var firstThread = unix.Gettid()

// onOwnThread runs a function, as the last thing of the calling goroutine, on
// an operating-system thread that ends with it. That can't be the runtime's
// first: when a goroutine that is locked to it ends, the runtime parks it
// forever, with all that it has.
func onOwnThread(run func()) {
	runtime.LockOSThread()
	if unix.Gettid() != firstThread {
		run()
		return
	}
	elsewhere := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(elsewhere)
		run()
	}()
	<-elsewhere // As long as this goroutine has the first thread, the other can't.
	runtime.UnlockOSThread()
}
