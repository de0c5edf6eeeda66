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
    chan configure $sock -buffering line
    while {[chan gets $sock line] >= 0 && $line ne "quit"} {
        chan puts $sock "[pid]: $line"
    }
}

# LogLine -- What the server and its workers have to say.

proc LogLine {level message} {
    chan puts stderr "[clock format [clock seconds]] [pid] $level: $message"
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
    set port [::socketserver::socket server $port]
    chan configure stdout -buffering line
    after 0 [list chan puts "line_server.tcl: $workers workers send lines back\
        on port $port, all addresses (process [pid])"]
    ::socketserver::serve -workers $workers -logcmd LogLine $port handle
} on error {message} {
    chan puts stderr "line_server.tcl: $message"
    exit 1
}
