# polled.tcl --
#
#	The usual way to hand connections over: all workers poll the shared
#	descriptor in their event loops. tclsh polled.tcl JOB WORKERS

source [file join [file dirname [info script]] job.tcl]
package require polled

proc handle {sock ip port} {
    serve $sock
    ::polled::client handle
}

set port [::polled::open]
startWorkers {
    ::polled::client handle
}
announce $port
::polled::broker
