# ours-pool.tcl --
#
#	socketserver, what a pool serves without a handler's connection:
#	tclsh ours-pool.tcl JOB WORKERS LOOP
#
#	program		starts cat, which sends back what comes
#	datagram	answers the line in a datagram with the pid and that line

package require socketserver

proc answer {sock args} {
    gets $sock line
    puts $sock "[pid] $line"
    close $sock
}

proc announce {pool} {
    regexp {\d+$} [dict get [$pool status] port] port
    puts "port $port"
    flush stdout
}

lassign $argv job workers loop
switch -- $job {
    program {
	set served {-exec cat 127.0.0.1:0}
    }
    datagram {
	set served {udp:127.0.0.1:0 answer}
    }
    default {
	puts stderr "unknown job \"$job\""
	exit 2
    }
}
::socketserver::serve -workers $workers -loop $loop -readycmd announce \
	{*}$served
