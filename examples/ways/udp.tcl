# udp.tcl --
#
#	The same handler for datagrams: the channel has one, then the end of
#	file, and what is written goes back as another. Workers take them from
#	the socket that they share; each wakes one.
#
#	    echo "echo hello" | nc -u -w1 127.0.0.1 8888

package require socketserver
source [file join [file dirname [info script]] job.tcl]

lassign [arguments] port workers
::socketserver::serve -workers $workers -readycmd announcePool \
    udp:127.0.0.1:$port answer
