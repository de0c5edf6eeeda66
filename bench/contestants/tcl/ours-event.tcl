# ours-event.tcl --
#
#	socketserver, workers that run the event loop:
#	tclsh ours-event.tcl JOB WORKERS ?FORKS?
#
#	With no workers the server process serves.
#
#	FORKS is how many children a second the server process forks beside
#	its work; each lives for a second.

source [file join [file dirname [info script]] job.tcl]
package require socketserver

proc handle {sock ip port} {
    serve $sock
    ::socketserver::socket client -port $::port handle
}

proc forkOne {pause} {
    after $pause [list forkOne $pause]
    if {[fork] == 0} {
	after 1000
	exit
    }
    while {![catch {wait -nohang} ended] && $ended ne ""} {}
}

set port [::socketserver::socket server -myaddr 127.0.0.1 0]
startWorkers {
    ::socketserver::socket client -port $port handle
}
if {$workers == 0} {
    ::socketserver::socket client -port $port handle
}
announce $port
if {[llength $argv] > 2 && [lindex $argv 2] > 0} {
    forkOne [expr {1000 / [lindex $argv 2]}]
}
vwait forever
