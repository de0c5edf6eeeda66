# twoports.tcl --
#
#	Two ports, each with workers of its own. A line comes back with the
#	name of the service and the process id of the worker.
#
#	    tclsh twoports.tcl ?port1? ?port2? ?workers?
#
#	SIGUSR1 to the server forks one more worker for the first port, SIGUSR2
#	one for the second; SIGTERM or SIGINT ends it, and its workers with it.

package require Tcl 8.6-
package require Tclx
package require socketserver

# handle --
#
#	Serves one connection of a port, then asks for the next. The first two
#	words stand in the command prefix that a worker asks with.

proc handle {service port sock ipaddr peerPort} {
    chan configure $sock -buffering line -encoding iso8859-1
    try {
        while {[chan gets $sock line] >= 0 && $line ne "quit"} {
            chan puts $sock "$service [pid]: $line"
        }
    } trap POSIX {} {
        # The client went away while we wrote; on to the next one.
    } finally {
        catch {chan close $sock}
        ::socketserver::socket client -port $port [list handle $service $port]
    }
}

# StartWorker --
#
#	Forks one worker for a port. The child never returns from here, and what
#	the server had planned or trapped is not its business.

proc StartWorker {service port} {
    if {[fork] == 0} {
        signal default {SIGUSR1 SIGUSR2 SIGCHLD SIGTERM SIGINT}
        foreach planned [after info] {
            after cancel $planned
        }
        ::socketserver::socket client -port $port [list handle $service $port]
        vwait forever
    }
}

# Reap --
#
#	Takes notice of every worker that has ended.

proc Reap {} {
    while {![catch {wait -nohang} ended] && $ended ne ""} {}
}

lassign $argv port1 port2 workers
set port1 [::socketserver::socket server [expr {$port1 eq "" ? 8888 : $port1}]]
set port2 [::socketserver::socket server [expr {$port2 eq "" ? 8889 : $port2}]]

# A trap runs in the middle of anything; what forks waits for the event loop.
signal trap SIGUSR1 {after 0 {StartWorker first $port1}}
signal trap SIGUSR2 {after 0 {StartWorker second $port2}}
signal trap SIGCHLD Reap
signal trap {SIGTERM SIGINT} exit

for {set i 0} {$i < ($workers eq "" ? 1 : $workers)} {incr i} {
    StartWorker first $port1
    StartWorker second $port2
}
puts "listening on $port1 and $port2 (process [pid])"
chan flush stdout
vwait forever
