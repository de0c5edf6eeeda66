# ours-accept.tcl --
#
#	socketserver, workers that loop over "accept":
#	tclsh ours-accept.tcl JOB WORKERS

source [file join [file dirname [info script]] job.tcl]
package require socketserver

set port [::socketserver::socket server -myaddr 127.0.0.1 0]
startWorkers {
    while 1 {
	lassign [::socketserver::socket accept -port $port] sock
	serve $sock
    }
}
announce $port
vwait forever
