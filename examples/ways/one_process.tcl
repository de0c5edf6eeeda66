# one_process.tcl --
#
#	One process, one event loop. Clients that are slow hold up nobody: a
#	request is read piece by piece, as it comes. But while one is worked on,
#	all others wait. The number of workers means nothing here.

source [file join [file dirname [info script]] job.tcl]

lassign [arguments] port
set listener [socket -server answerLater -myaddr 127.0.0.1 $port]
announce [lindex [chan configure $listener -sockname] 2]
vwait forever
