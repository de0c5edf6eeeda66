# pool_exporter.tcl --
#
#	A pool's status for people and for Prometheus: -status. A process of
#	its own shows it (socketserverctl exporter), which gets what it needs
#	through the control path, and ends with it.

namespace eval ::socketserver::exporter {
    variable directory [file dirname [file normalize [info script]]]
    variable soonest 100	;# Milliseconds before one that died is replaced...
    variable latest 10000	;# ...and when that has happened often.
}

# Options with what an exporter needs: a control path, of which nobody else has
# to know. An error where it could not begin.

proc ::socketserver::exporter::Prepare {options} {
    if {[dict get $options -status] eq {}} {
        return $options
    }
    Program
    CheckPasswords [dict get $options -status-password-file]
    if {[dict get $options -control] eq {}} {
        dict set options -control [format "@socketserver-%d-%08x%08x" [pid] \
                [Random] [Random]]
    }
    return $options
}

# What the exporter would refuse, each time that it is started.

proc ::socketserver::exporter::CheckPasswords {path} {
    if {$path eq {}} {
        return
    }
    chan close [open $path {RDONLY NONBLOCK}]
    if {[file attributes $path -permissions] & 7} {
        ::socketserver::options::Usage "-status-password-file $path: others may\
                use it: chmod o= $path"
    }
}

proc ::socketserver::exporter::Random {} {
    set chan [open /dev/urandom rb]
    try {
        binary scan [chan read $chan 4] iu number
    } finally {
        chan close $chan
    }
    return $number
}

# The program, beside the package or in a bin above it, or where the system
# finds programs.

proc ::socketserver::exporter::Program {} {
    variable directory

    set name socketserverctl
    set places [list [file join $directory $name]]
    for {set above $directory} {$above ne [file dirname $above]} {
        set above [file dirname $above]
    } {
        lappend places [file join $above bin $name]
    }
    foreach place $places {
        if {[file isfile $place] && [file executable $place]} {
            return $place
        }
    }
    try {
        ::socketserver::program::Check $name
    } on error {} {
        return -code error -errorcode {SOCKETSERVER NOPROGRAM} "-status needs\
                the program $name, which is neither beside the package nor in\
                a directory of PATH: install it"
    }
    return $name
}

::oo::define ::socketserver::Pool {
    # Starts the exporter, unless it runs or isn't wanted.

    method Export {} {
        if {$over || $exporter ne {} || $successor ne {}
                || [dict get $options -status] eq {}} {
            return
        }
        set words [list exporter -s [dict get $options -control] --kept]
        if {[dict get $options -status-password-file] ne {}} {
            lappend words --status-password-file \
                    [dict get $options -status-password-file]
        }
        lset exported 0 [::socketserver::Process clock]
        try {
            # The program may be exchanged for another at any time.
            set exporter [::socketserver::Process run \
                    [list [::socketserver::exporter::Program] {*}$words] \
                    $errors]
            ::socketserver::Process watch $exporter [my Callback Unexported]
        } on error {message problem} {
            my Tell error "can't show the status: $message" $problem
            my ExportAgain
        }
    }

    # It has ended. One that did so soon after its start is replaced later each
    # time.

    method Unexported {how} {
        if {[dict get $how pid] ne $exporter} {
            return
        }
        set exporter {}
        if {$over || $asked} {
            return
        }
        my Tell warning "the exporter, process [dict get $how pid],\
                [::socketserver::log::End $how]: another one is started"
        my ExportAgain
    }

    method ExportAgain {} {
        lassign $exported began pause
        set soonest $::socketserver::exporter::soonest
        set latest $::socketserver::exporter::latest
        if {[::socketserver::Process clock] - $began > $latest} {
            set pause 0
        }
        set pause [expr {min(max(2 * $pause, $soonest), $latest)}]
        lset exported 1 $pause
        ::socketserver::Timer start $pause [my Callback Export]
    }

    # Ends it, since another server shows its status there, or nobody does.

    method Unexport {} {
        if {$exporter ne {}} {
            catch {::socketserver::Process signal $exporter TERM}
            set exporter {}
        }
    }
}
