# echo_server.tcl --
#
#	A pre-forked echo server: workers serve, each line comes back with the
#	process id of the worker that read it.
#
#	    tclsh echo_server.tcl ?port? ?workers?
#
#	Then, elsewhere, "telnet localhost 8888"; "quit" ends the connection.
#	SIGUSR1 to the server forks one more worker; SIGTERM or SIGINT ends it,
#	and its workers with it.

package require Tcl 8.6-
package require Tclx
package require socketserver

# handle --
#
#	Serves one connection, then asks for the next.

proc handle {sock ipaddr peerPort} {
    chan configure $sock -buffering line -encoding iso8859-1
    try {
        while {[chan gets $sock line] >= 0 && $line ne "quit"} {
            chan puts $sock "[pid]: $line"
        }
    } trap POSIX {} {
        # The client went away while we wrote; on to the next one.
    } finally {
        catch {chan close $sock}
        ::socketserver::socket client -port $::port handle
    }
}

# StartWorker --
#
#	Forks one worker. The child never returns from here, and what the server
#	had planned or trapped is not its business.

proc StartWorker {} {
    if {[fork] == 0} {
        signal default {SIGUSR1 SIGCHLD SIGTERM SIGINT}
        foreach planned [after info] {
            after cancel $planned
        }
        ::socketserver::socket client -port $::port handle
        vwait forever
    }
}

# Reap --
#
#	Takes notice of every worker that has ended.

proc Reap {} {
    while {![catch {wait -nohang} ended] && $ended ne ""} {}
}

lassign $argv port workers
set port [::socketserver::socket server [expr {$port eq "" ? 8888 : $port}]]

# A trap runs in the middle of anything; what forks waits for the event loop.
signal trap SIGUSR1 {after 0 StartWorker}
signal trap SIGCHLD Reap
signal trap {SIGTERM SIGINT} exit

for {set i 0} {$i < ($workers eq "" ? 2 : $workers)} {incr i} {
    StartWorker
}
puts "listening on $port (process [pid])"
chan flush stdout
vwait forever
