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
//	listener.c    listeners as a user writes them, and their options
//	serve.c       what the commands ask of the server, and what it tells
//	control.c     the control socket that a thread asks through
//	start.c       the only C that enters Go: its start, once for each thread
//	copy.c        a fresh copy of this library for a forked process
//	boundary.h    what crosses: the one export, and messages
//	exports.go    the one export
//	supervise.go  what pools ask
//	passed.go     the sockets that the process was started with
//	main.go       this map, and what the build is told
//
// Dependencies run one way: *_command.c, serve.c, control.c, start.c; behind the
// sockets internal/reactor, and on from there. What runs in workers is in
// package worker, what runs in any process in package process; both are C and
// never call Go.
//
// Tcl's flags come from the environment: CGO_CFLAGS and CGO_LDFLAGS, which the
// Makefile sets.
package main

// #cgo CFLAGS: -D_GNU_SOURCE -I${SRCDIR} -I${SRCDIR}/../worker -I${SRCDIR}/../process
import "C"

import _ "socketserver/worker"

// main is never called: a c-shared library must have one.
func main() {}
