# program.tcl --
#
#	Programs instead of handlers, as inetd has them: -exec.

namespace eval ::socketserver::program {}

# Looks for a program where the system will: in the directories of PATH, unless
# it has a path. An error {POSIX ...} when it can't be run.

proc ::socketserver::program::Check {words} {
    set program [lindex $words 0]
    set problem {ENOENT "no such file or directory"}
    foreach path [Places $program] {
        if {[file isfile $path] && [file executable $path]} {
            return
        }
        if {[file exists $path]} {
            set problem {EACCES "permission denied"}
        }
    }
    return -code error -errorcode [list POSIX {*}$problem] \
            "can't run \"$program\": [string totitle [lindex $problem 1]]"
}

# A ~ is none of Tcl's here.

proc ::socketserver::program::Places {program} {
    if {[string first / $program] >= 0} {
        return [list [regsub {^~} $program ./~]]
    }
    set path /bin:/usr/bin
    if {[info exists ::env(PATH)]} {
        set path $::env(PATH)
    }
    lmap directory [split $path :] {
        string cat [expr {$directory eq {} ? "." :
                [regsub {^~} $directory ./~]}] / $program
    }
}

# UDP has no connection that a program could read to its end.

proc ::socketserver::program::CheckListeners {listeners} {
    foreach listener $listeners {
        if {[string match udp:* [dict get $listener name]]} {
            ::socketserver::socket close -port \
                    [dict get [lindex $listeners 0] name]
            ::socketserver::options::Usage "-exec is for connections:\
                    [dict get $listener name] has none"
        }
    }
}

# A worker's handler: has a program serve a connection.
#
# errors: the descriptor where its stderr goes to.

proc ::socketserver::program::Serve {words errors sock address peerPort} {
    if {[catch {
        ::socketserver::Connection exec $sock $words $errors
    } message]} {
        ::socketserver::worker::Tell error "program \"$words\", serving\
                [::socketserver::log::Peer $address $peerPort]: $message" {} \
                [list $address $peerPort]
    }
}
