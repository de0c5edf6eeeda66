# inside.tcl --
#
#	The server of the acceptance runs:
#	tclsh inside.tcl HANDLER ?option value ...?
#
#	The options are those of ::socketserver::serve. HANDLER is what becomes
#	of a connection, of which a line is answered:
#
#	once	nothing else
#	counted	it is noted, and counted as "requests"
#	nested	the same as once, in procs within procs
#
#	A line "sleepN ..." is answered after N ms, "incr NAME N" when the
#	counter has been incremented N times. While the file that the variable
#	INSIDE_STALL of the environment names exists, Tcl computes.

package require socketserver

proc once {sock args} {
    Answer $sock
    close $sock
}

proc counted {sock args} {
    ::socketserver::note "a line of $sock"
    ::socketserver::counter incr requests
    once $sock
}

proc nested {sock args} {
    Deeper 10 $sock
}

proc Deeper {levels sock} {
    if {$levels > 0} {
	return [Deeper [expr {$levels - 1}] $sock]
    }
    for {set i 0} {$i < 2000} {incr i} {}
    once $sock
}

proc Answer {sock} {
    fconfigure $sock -translation lf -buffering line
    if {[gets $sock line] < 0} {
	return
    }
    if {[scan $line sleep%d milliseconds] == 1} {
	after $milliseconds
    } elseif {[scan $line "incr %s %d" name count] == 2} {
	while {[incr count -1] >= 0} {
	    ::socketserver::counter incr $name
	}
    }
    puts $sock "[pid] $line"
}

proc Announce {pool} {
    regexp {\d+$} [dict get [$pool status] port] port
    puts "port $port"
    flush stdout
    Watch
}

proc Watch {} {
    while {[file exists $::env(INSIDE_STALL)]} {}
    after 20 Watch
}

proc Log {level message} {
    if {$level ne "info"} {
	puts stderr "$level: $message"
    }
}

::socketserver::serve -logcmd Log -readycmd Announce {*}[lrange $argv 1 end] \
	127.0.0.1:0 [lindex $argv 0]
