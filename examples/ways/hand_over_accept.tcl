# hand_over_accept.tcl --
#
#	One process accepts, and hands connections over to workers that are
#	forked beforehand; each asks for one at a time and may block. A client
#	wakes one of them. Workers that die are replaced, HUP exchanges all,
#	TERM ends the server when those that it has accepted are served.

package require socketserver
source [file join [file dirname [info script]] job.tcl]

lassign [arguments] port workers
::socketserver::serve -workers $workers -readycmd announcePool \
    127.0.0.1:$port answer
