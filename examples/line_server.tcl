# line_server.tcl --
#
#	Each line comes back with the process id of the worker that read it.
#
#	    tclsh line_server.tcl ?port? ?workers?
#
#	Then, elsewhere, "telnet localhost 8888"; "quit" ends the connection.
#	Signals to the server: TERM or INT ends it, HUP replaces the workers,
#	TTIN and TTOU make one more or fewer. Port 0 takes a free one.

package require Tcl 8.6-
package require socketserver

proc handle {sock ipaddr port} {
    # Bytes come back as they came, whether they are text or not.
    chan configure $sock -buffering line -encoding iso8859-1
    while {[chan gets $sock line] >= 0 && $line ne "quit"} {
        chan puts $sock "[pid]: $line"
    }
}

# Announce -- Says what is served, once the first workers are ready.

proc Announce {pool} {
    set status [$pool status]
    chan puts "line_server.tcl: [dict get $status wanted] workers send lines\
        back on port [dict get $status port], all addresses (process [pid])"
    chan flush stdout
}

# Refuse -- Ends the program, whose arguments can't be right.

proc Refuse {problem} {
    chan puts stderr "line_server.tcl: $problem;\
        usage: line_server.tcl ?port? ?workers?"
    exit 2
}

proc IsNumber {text least most} {
    expr {[regexp {^(0|[1-9]\d{0,4})$} $text] && $text >= $least && $text <= $most}
}

if {$argc > 2} {
    Refuse "too many arguments"
}
lassign [concat $argv [lrange {8888 4} $argc end]] port workers
if {![IsNumber $port 0 65535]} {
    Refuse "bad port \"$port\""
}
if {![IsNumber $workers 1 1024]} {
    Refuse "bad number of workers \"$workers\""
}
try {
    ::socketserver::serve -workers $workers -readycmd Announce $port handle
} on error {message} {
    chan puts stderr "line_server.tcl: $message"
    exit 1
}
