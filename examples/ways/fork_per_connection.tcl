# fork_per_connection.tcl --
#
#	A process for each connection: accept, fork, serve, exit. The handler
#	may block and crash as it likes. Each connection costs a fork, and
#	nothing bounds how many processes there are: the number of workers
#	means nothing here. Tcl has no fork of its own, so it is our package's.

package require socketserver
source [file join [file dirname [info script]] job.tcl]

# Serve -- The child has its own copy of the channel, and the listener's too.

proc Serve {sock ipaddr port} {
    if {[::socketserver::fork] == 0} {
        chan close $::listener
        answer $sock $ipaddr $port
        exit
    }
    chan close $sock
}

# With Tclx, children that have ended disappear by themselves. Without it they
# are zombies until the server ends.
if {![catch {package require Tclx}]} {
    signal ignore CHLD
}

lassign [arguments] port
set listener [socket -server Serve -myaddr 127.0.0.1 $port]
announce [lindex [chan configure $listener -sockname] 2]
vwait forever
