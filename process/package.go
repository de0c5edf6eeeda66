// Package process is C for any process, the server and its workers: fork and
// what it leaves behind, signals, children, identity, the scoreboard, errors and
// callbacks. Nothing here calls Go, for it runs in forked processes, too.
//
// It is a Go package only so that go build compiles it; see package worker.
package process

// #cgo CFLAGS: -D_GNU_SOURCE -I${SRCDIR}
import "C"
