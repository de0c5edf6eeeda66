# pool_status.tcl --
#
#	What a pool tells of itself and its workers.

::oo::define ::socketserver::Pool {
    # What the pool and each of its workers do now.

    method status {} {
        my Mine 1
        if {$over} {
            return $last
        }
        set workers [my Workers]
        set states {starting 0 idle 0 busy 0 retiring 0}
        foreach key {served taken waited} {
            set $key [dict get $counts $key]
            foreach worker $workers {
                incr $key [dict get $worker $key]
            }
        }
        foreach worker $workers {
            dict incr states [dict get $worker state]
        }
        set counted [my Counted $served]
        dict create port $port \
                listeners $listeners \
                health [dict get $tellers health] \
                statusListener [dict get $tellers status] \
                control [dict get $options -control] \
                state [dict get $standing phase] \
                generation [dict get $standing generation] \
                wanted [dict get $standing wanted] \
                {*}$states \
                attached [llength [my Attached]] \
                {*}$counted \
                served $served \
                {*}[my Rates $served [dict get $counted accepted]] \
                {*}[dict remove $counts served taken waited attached] \
                limitReached [dict get $standing limitReached] \
                {*}$front \
                meanWait [format %.6f [expr {$waited / 1e9 / max($taken, 1)}]] \
                {*}[::socketserver::Process limit] \
                lastError $lastError \
                counters [my Counters] \
                workers [lmap worker $workers {
                    dict remove $worker taken waited
                }]
    }

    # What a worker does now: its stack, innermost first, or the system call
    # that it is blocked in. It has 2.5 s to answer.

    method stack {pid} {
        my Mine 1
        ::socketserver::options::Plainly {
            ::socketserver::options::Number "process" $pid 1 2147483647
        }
        if {$over} {
            return -code error -errorcode {SOCKETSERVER NOWORKER} \
                    "process $pid is no worker of [my Called]: the pool has\
                    stopped"
        }
        ::socketserver::Queue stack $service $pid wait
    }

    # How many connections were accepted, and how many are queued. When the
    # port is closed already, the former is at least what was served.

    method Counted {served} {
        set queued 0
        dict for {number length} [my Queued] {
            incr queued $length
        }
        if {![catch {
            ::socketserver::socket status -port [my Name]
        } socket] && [dict exists $socket accepted]} {
            set accepted [dict get $socket accepted]
            set front [dict filter $socket script {key -} {
                expr {$key in $::socketserver::pool::fronts}
            }]
            incr queued [dict get $socket holding queue]
        } else {
            set accepted [expr {max($accepted, $served)}]
            set front [dict merge $front $::socketserver::pool::nobody]
        }
        list accepted $accepted queued $queued
    }

    # What the application counts in all of its processes, by name.

    method Counters {} {
        set all {}
        foreach name [::socketserver::counter names] {
            dict set all $name [::socketserver::counter get $name]
        }
        return $all
    }

    # What has happened so far, as the supervisor reads it.

    method Counts {} {
        list {*}[dict remove $counts taken waited exits] \
                exits {*}[dict values [dict get $counts exits]]
    }

    method Queued {} {
        if {[catch {::socketserver::Queue list $port} lengths]} {
            return {}
        }
        return $lengths
    }

    # A dict of each worker, for users: times in seconds. By slot, which stands
    # first in what is known of each.

    method Workers {} {
        lmap child [lsort -integer -index 1 [dict values $children]] {
            set entry [my Entry [dict get $child slot]]
            dict set entry attached [dict get $child attached]
            foreach key {started since age} {
                dict set entry $key [expr {[dict get $entry $key] / 1000.0}]
            }
            dict remove $entry dismissed trouble
        }
    }

    # Connections a second, over the last ten.

    method Rates {served accepted} {
        set now [::socketserver::Process clock]
        lassign [lindex $samples 0] then servedThen acceptedThen
        if {$then eq {} || $now <= $then} {
            return {acceptRate 0.0 serveRate 0.0}
        }
        set seconds [expr {($now - $then) / 1000.0}]
        list acceptRate [format %.1f \
                [expr {max(0, $accepted - $acceptedThen) / $seconds}]] \
                serveRate [format %.1f \
                [expr {max(0, $served - $servedThen) / $seconds}]]
    }

    method Sample {served} {
        set now [::socketserver::Process clock]
        if {[llength $samples] > 0
                && $now - [lindex $samples end 0] < 1000} {
            return
        }
        incr served [dict get $counts served]
        lappend samples [list $now $served \
                [dict get [my Counted $served] accepted]]
        set samples [lrange $samples end-10 end]
    }

    # What the board says of a slot, with the handler of the listener by which
    # the oldest connection came; an attached worker has its own.

    method Entry {slot} {
        set entry [::socketserver::Board read $board $slot]
        if {![dict exists $entry listener]} {
            return $entry
        }
        set listener [lindex $listeners [dict get $entry listener]]
        if {$listener ne {} && $slot < $slots} {
            dict set entry handler \
                    [string range [dict get $listener handler] 0 63]
        }
        dict remove $entry listener
    }
}
