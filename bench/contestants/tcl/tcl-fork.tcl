# tcl-fork.tcl --
#
#	The classic: accept, then a process forked for each connection.
#	tclsh tcl-fork.tcl JOB

source [file join [file dirname [info script]] job.tcl]

proc handle {sock ip port} {
    if {[fork] == 0} {
	serve $sock
	exit
    }
    close $sock
    while {![catch {wait -nohang} ended] && $ended ne ""} {}
}

set listener [socket -server handle -myaddr 127.0.0.1 0]
announce [lindex [fconfigure $listener -sockname] 2]
vwait forever
