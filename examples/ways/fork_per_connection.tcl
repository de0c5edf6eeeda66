# fork_per_connection.tcl --
#
#	A process for each connection: accept, fork, serve, exit. The handler
#	may block and crash as it likes. Each connection costs a fork, and
#	nothing bounds how many processes there are: the number of workers
#	means nothing here.

package require Tclx
source [file join [file dirname [info script]] job.tcl]

# Serve -- The child has its own copy of the channel, and the listener's too.

proc Serve {sock ipaddr port} {
    if {[fork] == 0} {
        chan close $::listener
        answer $sock $ipaddr $port
        exit
    }
    chan close $sock
}

# Children that have ended disappear by themselves.
signal ignore CHLD

lassign [arguments] port
set listener [socket -server Serve -myaddr 127.0.0.1 $port]
announce [lindex [chan configure $listener -sockname] 2]
vwait forever
