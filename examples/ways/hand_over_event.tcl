# hand_over_event.tcl --
#
#	As hand_over_accept.tcl, but each worker has an event loop, and many
#	clients in it: slow ones cost no worker. Those that have no client yet
#	come first, so 20 workers may still block for 20 clients.

package require socketserver
source [file join [file dirname [info script]] job.tcl]

lassign [arguments] port workers
::socketserver::serve -workers $workers -loop event -readycmd announcePool \
    127.0.0.1:$port answerLater
