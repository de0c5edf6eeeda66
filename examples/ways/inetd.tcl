# inetd.tcl --
#
#	A program for each connection, which is its stdin and stdout; it may be
#	written in any language, and knows of no network. At most as many run
#	as there are workers.

package require socketserver
source [file join [file dirname [info script]] job.tcl]

set program [list [info nameofexecutable] \
    [file join [file dirname [file normalize [info script]]] job.tcl]]

lassign [arguments] port workers
::socketserver::serve -exec $program -workers $workers \
    -readycmd announcePool 127.0.0.1:$port
