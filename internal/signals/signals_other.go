//go:build !linux

package signals

// BlockAsynchronous does nothing: only Linux lets pure Go set the mask of a
// thread. Elsewhere the mask that the thread was started with has to do.
func BlockAsynchronous() {}
