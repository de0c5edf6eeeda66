# attached.tcl --
#
#	A worker that nobody forked: tclsh attached.tcl CONTROL
#
#	It answers as life.tcl does.

package require socketserver

proc serve {sock args} {
    try {
	fconfigure $sock -translation lf -buffering line
	if {[gets $sock line] >= 0} {
	    if {[scan $line sleep%d milliseconds] == 1} {
		after $milliseconds
	    }
	    puts $sock "[pid] $line"
	}
    } finally {
	close $sock
	::socketserver::socket client serve
    }
}

set port [::socketserver::attach [lindex $argv 0]]
::socketserver::socket client serve
puts "port $port"
flush stdout
vwait forever
