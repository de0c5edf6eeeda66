# children.tcl --
#
#	A server behind proxies whose process has a trap on SIGCHLD, and
#	children that end all the time: tclsh children.tcl WORKERS PAUSE
#
#	Workers loop over "accept". PAUSE is the time between two children, in
#	milliseconds. A request from an address that isn't of 192.0.2.0/24, as
#	the headers say, is answered wrongly.

package require Tclx
package require socketserver

lassign $argv workers pause

proc serve {sock ip} {
    gets $sock line
    puts $sock "[pid] [expr {[string match 192.0.2.* $ip] ? $line : $ip}]"
    close $sock
}

proc forkOne {pause} {
    after $pause [list forkOne $pause]
    if {[fork] == 0} {
	exit
    }
}

proc reap {} {
    while {![catch {wait -nohang} ended] && $ended ne ""} {}
}

set port [::socketserver::socket server -myaddr 127.0.0.1 \
	-proxyfrom 127.0.0.0/8 0]
for {set i 0} {$i < $workers} {incr i} {
    if {[fork] == 0} {
	while 1 {
	    lassign [::socketserver::socket accept] sock ip
	    serve $sock $ip
	}
    }
}
signal trap SIGCHLD reap
forkOne $pause
puts "port $port"
flush stdout
vwait forever
