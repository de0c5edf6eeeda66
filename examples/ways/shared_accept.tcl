# shared_accept.tcl --
#
#	Workers that are forked beforehand, all of which accept from the one
#	listening socket that they inherit. A client wakes all that are idle,
#	and the first takes it. Nobody counts, replaces or reloads workers:
#	hand_over_accept.tcl has all that. Only the fork is our package's.

package require socketserver
source [file join [file dirname [info script]] job.tcl]

# StartWorker -- The pipe's other end is the parent's alone: when that is gone,
# a worker reads the end of file.

proc StartWorker {alive parent} {
    if {[::socketserver::fork] == 0} {
        chan close $parent
        chan event $alive readable exit
        vwait forever
    }
}

lassign [arguments] port workers
set listener [socket -server answer -myaddr 127.0.0.1 $port]
# Whoever comes too late goes back to its event loop.
chan configure $listener -blocking 0
set port [lindex [chan configure $listener -sockname] 2]
lassign [chan pipe] alive parent
for {set i 0} {$i < $workers} {incr i} {
    StartWorker $alive $parent
}
chan close $listener
announce $port
vwait forever
