# job.tcl --
#
#	What every Tcl contestant does with a connection. Sourced after
#	"job" and "workers" have been taken from the command line.
#
#	line	reads one line, answers it with the pid, closes
#	lines	answers line after line until the client has no more, closes
#	lengthy	like line, but the answer takes five seconds
#	events	like line, but reads from the event loop; it returns at once
#	talk	like lines, but reads from the event loop; it returns at once

package require Tclx

lassign $argv job workers

switch -- $job {
    line {
	proc serve {sock} {
	    gets $sock line
	    puts $sock "[pid] $line"
	    close $sock
	}
    }
    lines {
	proc serve {sock} {
	    while {[gets $sock line] >= 0} {
		puts $sock "[pid] $line"
		flush $sock
	    }
	    close $sock
	}
    }
    lengthy {
	proc serve {sock} {
	    gets $sock line
	    after 5000
	    puts $sock "[pid] $line"
	    close $sock
	}
    }
    events {
	proc serve {sock} {
	    fconfigure $sock -blocking 0
	    fileevent $sock readable [list Readable $sock]
	}
	proc Readable {sock} {
	    if {[gets $sock line] >= 0} {
		puts $sock "[pid] $line"
	    } elseif {![eof $sock]} {
		return
	    }
	    close $sock
	}
    }
    talk {
	proc serve {sock} {
	    fconfigure $sock -blocking 0 -buffering line
	    fileevent $sock readable [list Readable $sock]
	}
	proc Readable {sock} {
	    if {[gets $sock line] >= 0} {
		puts $sock "[pid] $line"
	    } elseif {[eof $sock]} {
		close $sock
	    }
	}
    }
    default {
	puts stderr "unknown job \"$job\""
	exit 2
    }
}

# startWorkers --
#
#	Forks the workers. Each runs the script at global level and then the
#	event loop.

proc startWorkers {script} {
    for {set i 0} {$i < $::workers} {incr i} {
	if {[fork] == 0} {
	    uplevel #0 $script
	    vwait forever
	}
    }
}

# announce --
#
#	Tells the runner which port listens. Comes after the last fork: what
#	stdout holds would be written by every child.

proc announce {port} {
    puts "port $port"
    flush stdout
}
