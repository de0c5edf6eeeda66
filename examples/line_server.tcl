# line_server.tcl --
#
#	Each line comes back with the process id of the worker that read it.
#
#	    tclsh line_server.tcl ?port? ?workers?
#
#	Then, elsewhere, "telnet localhost 8888"; "quit" ends the connection.
#	Signals to the server: TERM or INT ends it, HUP replaces the workers,
#	TTIN and TTOU make one more or fewer.

package require Tcl 8.6-
package require socketserver

proc handle {sock ipaddr port} {
    chan configure $sock -buffering line
    while {[chan gets $sock line] >= 0 && $line ne "quit"} {
        chan puts $sock "[pid]: $line"
    }
}

# log -- What the server and its workers have to say.

proc log {level message} {
    chan puts stderr "[clock format [clock seconds]] [pid] $level: $message"
}

lassign $argv port workers
::socketserver::serve -workers [expr {$workers eq "" ? 4 : $workers}] \
    -logcmd log [expr {$port eq "" ? 8888 : $port}] handle
