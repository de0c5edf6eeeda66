# pool_options.tcl --
#
#	A pool's options while it runs, and what follows from them: how many
#	workers there is room for, and what the supervisor has to know.

::oo::define ::socketserver::Pool {
    # Options, of a pool that runs.

    method configure args {
        my Mine 1
        if {[llength $args] == 0} {
            return [::socketserver::options::Shown [my Current]]
        }
        if {[llength $args] == 1} {
            return [my cget [lindex $args 0]]
        }
        ::socketserver::options::Plainly {
            set changed [::socketserver::options::Read [my Current] $args 1]
        }
        lassign [::socketserver::options::Bounds $changed] least most
        if {4 * $most > $slots
                && $most > [dict get $standing maxworkers]} {
            my Usage "this pool has room for [expr {$slots / 4}] workers:\
                    start it with a higher -maxworkers"
        }
        set options $changed
        my Room $most
        dict set standing minworkers $least
        dict set standing maxworkers $most
        my Show "config [my Config]"
        my Soon
        return
    }

    method cget {name} {
        ::socketserver::options::Plainly {
            lassign [::socketserver::options::Find $name] name
        }
        dict get [::socketserver::options::Shown [my Current]] $name
    }

    # Makes the system give this process as many descriptors as so many
    # workers want, twice while a generation replaces another; all there are
    # where connections are kept.

    method Room {workers} {
        set open [dict get [::socketserver::Process limit] open]
        set wanted [expr {$open + 2 * $workers + 64}]
        if {[dict get $options -keep]} {
            set wanted 2147483647
        }
        ::socketserver::Process raise $wanted
    }

    # Room for a generation, the one that replaces it, and older ones that
    # still serve.

    method Slots {} {
        lassign [::socketserver::options::Bounds $options] - most
        expr {min(4096, max(256, 4 * $most))}
    }

    # What the supervisor has to know of the options. A worker with an event
    # loop closes what takes too long itself, if it can.

    method Config {} {
        lassign [::socketserver::options::Bounds $options] least most
        foreach name {idletime timeout slowlog killtime firststart} {
            set $name [::socketserver::options::Milliseconds \
                    [dict get $options -$name]]
        }
        if {$timeout > 0 && [dict get $options -loop] eq "event"} {
            incr timeout 1000
        }
        set config [list min $least max $most slots $slots idle $idletime \
                timeout $timeout slow $slowlog killtime $killtime \
                start 60000 first $firststart]
        if {$notify ne {}} {
            lappend config notify 1 watchdog [lindex $notify 1]
        }
        return $config
    }

    # The options, with the numbers of workers as they are now.

    method Current {} {
        set current $options
        if {[dict get $current -minworkers] eq {}
                && [dict get $current -maxworkers] eq {}} {
            dict set current -workers [dict get $standing maxworkers]
        } else {
            dict set current -minworkers [dict get $standing minworkers]
            dict set current -maxworkers [dict get $standing maxworkers]
        }
        return $current
    }

    # Where systemd wants to hear of this pool, as the options say, and within
    # how many milliseconds each time, or 0.

    method Notify {} {
        if {![dict get $options -notify]} {
            return {}
        }
        lassign [::socketserver::notify::Take] address milliseconds problems
        foreach problem $problems {
            my Tell warning $problem
        }
        expr {$address eq {} ? {} : [list $address $milliseconds]}
    }
}
