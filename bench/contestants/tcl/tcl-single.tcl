# tcl-single.tcl --
#
#	Tcl's own "socket -server", one process: tclsh tcl-single.tcl JOB

source [file join [file dirname [info script]] job.tcl]

proc handle {sock ip port} {
    serve $sock
}

set listener [socket -server handle -myaddr 127.0.0.1 0]
announce [lindex [fconfigure $listener -sockname] 2]
vwait forever
