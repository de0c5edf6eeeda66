# worker_event.tcl --
#
#	A worker's event loop: several connections at a time.

# Several connections at a time, served by file events. Each counts until
# its channel is closed.

proc ::socketserver::worker::EventLoop {} {
    variable done

    Ask
    if {![info exists done]} {
        vwait ::socketserver::worker::done
    }
}

# Asks for one more connection, if it may, or sees that it is over: not before
# those are served that were parked with unread bytes, which only this worker has.

proc ::socketserver::worker::Ask {} {
    variable options
    variable settings
    variable clients
    variable asked
    variable leaving
    variable left
    variable done

    set open [dict size $clients]
    if {$left == 0 && !$leaving} {
        set leaving 1
        Retiring
    }
    set kept [::socketserver::Connection kept]
    if {$leaving && $kept == 0} {
        if {$open == 0} {
            set done 1
        }
        return
    }
    if {!$asked && $open < [::socketserver::options::Concurrency $options]} {
        ::socketserver::socket client -port [dict get $settings listener] \
                -closed ::socketserver::worker::Ended \
                ::socketserver::worker::Take
        set asked 1
    }
}

# Serves a connection that came to the event loop.

proc ::socketserver::worker::Take {sock address peerPort} {
    variable options
    variable asked 0
    variable left
    variable clients
    variable bounds

    set how [HandlerOf $sock]
    incr left [expr {$left > 0 ? -1 : 0}]
    ::socketserver::Connection closing $sock \
            [list ::socketserver::worker::Given $sock]
    set limit [::socketserver::options::Milliseconds \
            [dict get $options -timeout]]
    dict set clients $sock [list $address $peerPort]
    if {$limit > 0} {
        dict set bounds $sock [list \
                [expr {[::socketserver::Process clock] + $limit}] \
                [lindex $how 0]]
        Bound
    }
    Handle $how $sock $address $peerPort
    Ask
}

# A connection of the event loop is closed.

proc ::socketserver::worker::Given {sock} {
    variable clients
    variable bounds

    dict unset clients $sock
    dict unset bounds $sock
    Ask
}

# One timer for all: when the oldest may be late, Look does.

proc ::socketserver::worker::Bound {} {
    variable bounds
    variable timer

    dict for {sock bound} $bounds {
        if {$timer eq {}} {
            set left [expr {[lindex $bound 0]
                    - [::socketserver::Process clock]}]
            set timer [::socketserver::Timer start [expr {max($left, 0)}] \
                    ::socketserver::worker::Look]
        }
        break
    }
}

proc ::socketserver::worker::Look {} {
    variable bounds
    variable timer {}

    set now [::socketserver::Process clock]
    dict for {sock bound} $bounds {
        lassign $bound end handler
        if {$end > $now} {
            break
        }
        # What is told of one may have closed the next.
        if {[dict exists $bounds $sock]} {
            dict unset bounds $sock
            Late $handler $sock
        }
    }
    Bound
}

# A connection has taken too long. Only where the event loop doesn't run
# has the supervisor to kill for that.

proc ::socketserver::worker::Late {handler sock} {
    variable options
    variable clients

    set peer [dict get $clients $sock]
    Tell error "the connection of [::socketserver::log::Peer {*}$peer],\
            handler \"[::socketserver::log::Brief $handler]\", took longer\
            than -timeout [dict get $options -timeout]: closed" {} $peer
    # What Tcl still writes would keep it open, for ever where nobody reads.
    catch {
        chan configure $sock -blocking 0
        chan flush $sock
    }
    ::socketserver::Connection cut $sock
    catch {chan close $sock}
}
