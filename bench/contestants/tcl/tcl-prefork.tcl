# tcl-prefork.tcl --
#
#	Tcl's own "socket -server", opened before forking: every worker
#	inherits the listening socket and accepts from it in its event loop.
#	tclsh tcl-prefork.tcl JOB WORKERS

source [file join [file dirname [info script]] job.tcl]

proc handle {sock ip port} {
    serve $sock
}

set listener [socket -server handle -myaddr 127.0.0.1 0]
set port [lindex [fconfigure $listener -sockname] 2]
startWorkers {}
close $listener
announce $port
vwait forever
