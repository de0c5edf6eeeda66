// Package worker is C: what runs in the processes that serve connections. A
// worker was forked from a process with a Go runtime, and that runtime doesn't
// live on in it, so nothing here calls Go.
//
// It is a Go package only so that go build compiles it: C in a mere subfolder
// of a cgo package would be left out. Package main imports it for that effect.
package worker

// #cgo CFLAGS: -D_GNU_SOURCE -I${SRCDIR} -I${SRCDIR}/../process
import "C"

import _ "socketserver/process"
