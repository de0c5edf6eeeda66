# A server of one kind: prints its port and the pids of its workers.
#
#   lines	each connection stays open, lines come back, from the event loop
#   event	one line for each connection, from the event loop
#   accept	the same, in a loop around accept
#   self	as event, in the process that listens

package require socketserver

lassign $argv kind workers

proc client {handler} {
    ::socketserver::socket client $handler
}

proc lines {sock args} {
    client lines
    chan configure $sock -blocking 0 -buffering line -translation lf
    chan event $sock readable [list line $sock]
}

proc line {sock} {
    if {[chan gets $sock text] >= 0} {
	chan puts $sock $text
    } elseif {[chan eof $sock]} {
	chan close $sock
    }
}

proc event {sock args} {
    client event
    echo $sock
}

proc echo {sock} {
    chan configure $sock -buffering line -translation lf
    catch {
	chan gets $sock text
	chan puts $sock $text
    }
    catch {chan close $sock}
}

proc work {kind} {
    while {$kind eq "accept"} {
	echo [lindex [::socketserver::socket accept] 0]
    }
    client [expr {$kind eq "self" ? "event" : $kind}]
    vwait forever
}

set port [::socketserver::socket server 0]
set pids {}
for {set i 0} {$i < $workers} {incr i} {
    set pid [::socketserver::fork]
    if {$pid == 0} {
	work $kind
    }
    lappend pids $pid
}
puts [list $port {*}$pids]
flush stdout
if {$kind eq "self"} {
    work $kind
}
vwait forever
