# threads.tcl --
#
#	One thread accepts and gives each channel to a thread of a pool; each
#	has an interpreter of its own, which may block. They live in one
#	process: a crash ends all of them, and packages must bear threads.

package require Thread
source [file join [file dirname [info script]] job.tcl]

set waiting {}  ;# Clients that no thread has yet: sock, ipaddr, port.
set idle {}     ;# Threads that have none.

# Accept -- Tcl still holds the channel while this runs, so it is given away
# afterwards.

proc Accept {sock ipaddr port} {
    lappend ::waiting [list $sock $ipaddr $port]
    after 0 Give
}

# Give -- As long as there are clients and threads for them.

proc Give {} {
    global waiting idle
    while {[llength $waiting] > 0 && [llength $idle] > 0} {
        set waiting [lassign $waiting client]
        set idle [lassign $idle thread]
        thread::transfer $thread [lindex $client 0]
        thread::send -async $thread [list Serve {*}$client]
    }
}

proc Done {thread} {
    lappend ::idle $thread
    Give
}

set common [file join [file dirname [file normalize [info script]]] job.tcl]
set script [string map [list COMMON [list $common] MAIN [thread::id]] {
    source COMMON
    proc Serve {sock ipaddr port} {
        answer $sock $ipaddr $port
        thread::send -async MAIN [list Done [thread::id]]
    }
    thread::wait
}]

lassign [arguments] port workers
for {set i 0} {$i < $workers} {incr i} {
    lappend idle [thread::create $script]
}
set listener [socket -server Accept -myaddr 127.0.0.1 $port]
announce [lindex [chan configure $listener -sockname] 2]
vwait forever
