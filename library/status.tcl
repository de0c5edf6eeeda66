# status.tcl --
#
#	What a pool does now, told in any of its processes.

# ?-port listener?: what the command "status" of the pool there says; in a worker
# without a listener of its own pool, in the server of the only one.

proc ::socketserver::status {args} {
    if {[llength $args] ni {0 2} || [llength $args] == 2
            && [lindex $args 0] ne "-port"} {
        ::socketserver::options::Usage "wrong # args: should be\
                \"::socketserver::status ?-port listener?\""
    }
    set listener [lindex $args 1]
    ::socketserver::options::Plainly {
        set pools [pool names]
        if {[llength $pools] == 0} {
            return [Queue status {*}[lrange $args 1 1]]
        }
        if {$listener ne {}} {
            return [[pool of $listener] status]
        }
        if {[llength $pools] > 1} {
            ::socketserver::options::Usage "this process has [llength $pools]\
                    pools: say of which with -port"
        }
        [lindex $pools 0] status
    }
}
