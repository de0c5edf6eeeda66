# life.tcl --
#
#	The server of the acceptance runs:
#	tclsh life.tcl HANDLER LISTENER,... ?option value ...?
#
#	The options are those of ::socketserver::serve. HANDLER is what becomes
#	of a connection:
#
#	once	a line is answered, the connection closed
#	park	a line is answered, the connection parked
#
#	A line that begins with sleepN is answered after N ms. "port N" is
#	printed when the first workers are ready. While the file that the
#	variable LIFE_STALL of the environment names exists, Tcl computes.

package require socketserver

proc once {sock args} {
    Answer $sock
    close $sock
}

proc park {sock args} {
    if {[Answer $sock]} {
	::socketserver::socket park $sock
    } else {
	close $sock
    }
}

proc Answer {sock} {
    fconfigure $sock -translation lf -buffering line
    if {[gets $sock line] < 0} {
	return 0
    }
    if {[scan $line sleep%d milliseconds] == 1} {
	after $milliseconds
    }
    puts $sock "[pid] $line"
    return 1
}

proc Announce {pool} {
    set port [dict get [$pool status] port]
    puts "port [expr {[string is integer -strict $port] ? $port : 0}]"
    flush stdout
    Watch
}

proc Watch {} {
    if {[info exists ::env(LIFE_STALL)]} {
	while {[file exists $::env(LIFE_STALL)]} {}
	after 20 Watch
    }
}

proc Log {level message} {
    if {$level ne "info"} {
	puts stderr "$level: $message"
    }
}

set handler [lindex $argv 0]
foreach listener [split [lindex $argv 1] ,] {
    lappend served $listener $handler
}
::socketserver::serve -logcmd Log -readycmd Announce -workers 4 \
	{*}[lrange $argv 2 end] {*}$served
