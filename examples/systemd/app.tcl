# app.tcl --
#
#	A server that systemd starts and opens the port for; see app.service
#	and app.socket. Each line comes back in capitals.
#
#	    tclsh app.tcl control ?health?
#
#	"control" is the path of the socket on which socketserverctl, and a new
#	process that takes over, find it; "health" a port or a Unix socket that
#	answers whether it is ready, for a load balancer. Without systemd:
#
#	    systemd-socket-activate -E TCLLIBPATH -l 8888 --fdname=app \
#	        tclsh app.tcl /tmp/app.control 8889

package require Tcl 8.6-
package require socketserver

proc answer {sock address port} {
    chan configure $sock -buffering line -encoding iso8859-1
    while {[chan gets $sock text] >= 0} {
        chan puts $sock [string toupper $text]
    }
}

lassign $argv control health
::socketserver::serve -workers 4 -drain 1 -grace 30 -control $control \
    -takeover $control -health $health fd:app answer
