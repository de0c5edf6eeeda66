// The runtime would look for a changed processor limit every second, on a
// thread that is open to SIGCHLD, and stop the world to follow it; it would keep
// the control group's file open for that, too.

//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Package main is the cgo boundary: the one package where C and Go meet. Built
// as a c-shared library it is the Tcl extension socketserver.
//
//	init.c        Socketserver_Init: what Tcl calls when it loads the library
//	*_command.c   the commands, a file each: arguments, results and error
//	              codes; commands.h lists them
//	arguments.c   what the commands share
//	address.c     the address that a user names, as numbers
//	service.c     the ports that this process serves
//	notice.c      what an accept loop has to say, as a background error
//	threads.c     whether Go could start the threads that it needs
//	gate.c        the only C that calls exports.go, each time on a thread of
//	              its own, and only where the Go runtime is alive
//	copy_linux.c  a fresh copy of this library for a forked process
//	boundary.h    what crosses: integers and character arrays
//	exports.go    what the gate calls...
//	supervise.go  ...and what it calls for pools
//	host.go       what Go calls in the process that loaded it
//	main.go       this map, and what the build is told
//
// Dependencies run one way: *_command.c, service.c, gate.c, exports.go,
// internal/service or internal/supervise, and on from there. What runs in workers is in package
// worker, which is C and never calls Go.
//
// Tcl's flags come from the environment: CGO_CFLAGS and CGO_LDFLAGS, which the
// Makefile sets.
package main

// #cgo CFLAGS: -D_GNU_SOURCE -I${SRCDIR} -I${SRCDIR}/../worker
// #cgo LDFLAGS:
import "C"

import _ "socketserver/worker"

// main is never called: a c-shared library must have one.
func main() {}
