# pool_operators.tcl --
#
#	What comes to a pool from other processes, by way of the server: what
#	operators ask of it, workers that attach to it, a successor. All of it is
#	forwarded by the server as lists of words, the first of which names a
#	method here.

# Hears of something for the pool of a service. Not at once: the server may
# have told it in the middle of a step. But in order, which timers don't keep.
#
# token: who waits for the answer; 0: nobody.

proc ::socketserver::pool::Commanded {service token words} {
    variable forwarded
    lappend forwarded [list [pid] $service $token $words]
    ::socketserver::Timer start 0 ::socketserver::pool::Next
}

# There is a timer for each; a forked child has none for what it has a copy of.

proc ::socketserver::pool::Next {} {
    variable forwarded
    while {[llength $forwarded] > 0} {
        set forwarded [lassign $forwarded next]
        set words [lassign $next process]
        if {$process == [pid]} {
            return [Forwarded {*}$words]
        }
    }
}

proc ::socketserver::pool::Forwarded {service token words} {
    variable services
    if {![dict exists $services $service]} {
        Answer $service $token STOPPED "the pool has stopped"
    } elseif {![string is list $words]} {
        Answer $service $token USAGE "\"$words\" is not a list of words"
    } else {
        {*}[dict get $services $service] $token $words
    }
}

# reason: {}: done, and the text says what came of it; else why not. Nobody
# misses an answer for which nobody waits any more.

proc ::socketserver::pool::Answer {service token reason text} {
    if {$token != 0} {
        catch {
            ::socketserver::Queue commanded $service $token $reason $text
        }
    }
}

::oo::define ::socketserver::Pool {
    # Makes the pool known to the server.

    method Serve {} {
        set service [::socketserver::Queue pool $port $supervisor $board \
                [lindex $notify 0]]
        dict set ::socketserver::pool::services $service \
                [my Callback Forwarded]
    }

    method Forwarded {token words} {
        set args [lassign $words what]
        if {[catch {
            my Heed[string totitle $what] $token {*}$args
        } message problem] != 1} {
            return
        }
        if {$token == 0} {
            my Tell error "can't heed \"$words\": $message" $problem
            return
        }
        lassign [dict get $problem -errorcode] class reason
        if {$class ni {SOCKETSERVER POSIX}} {
            set reason [expr {$class eq "TCL" ? "USAGE" : "FAILED"}]
        }
        # An operator doesn't know the pool by its command.
        ::socketserver::pool::Answer $service $token $reason \
                [string map [list "[self] " {}] $message]
    }

    method Refuse {reason message} {
        return -level 2 -code error \
                -errorcode [list SOCKETSERVER $reason] $message
    }

    # An operator wants something of the pool that its commands can do: words,
    # or all of them as one.

    method HeedRun {token args} {
        set command $args
        if {[llength $args] == 1} {
            set command [lindex $args 0]
        }
        if {![string is list $command]} {
            my Usage "\"$command\" is not a list of words"
        }
        set name [lindex $command 0]
        if {$name ni {add configure drain reload retire stop}} {
            my Usage "an operator can't ask for \"$name\": must be add,\
                    configure, drain, reload, retire, or stop"
        }
        set answer [[self] {*}$command]
        my Tell info "an operator has asked: $command"
        ::socketserver::pool::Answer $service $token {} $answer
    }

    # A worker wants to know what the command "status" says.

    method HeedStatus {token} {
        ::socketserver::pool::Answer $service $token {} [my status]
    }

    # A process wants to be a worker, of the queue that is fed.

    method HeedAttach {token pid listener} {
        if {[dict get $standing phase] eq "stopping"} {
            my Refuse STOPPED "the pool of [my Called] has been stopped"
        }
        if {$listener ne {} && ![my Has $listener]} {
            my Refuse NOPORT "the pool of [my Called] has no listener\
                    \"$listener\""
        }
        if {$pid < 1} {
            my Refuse USAGE "a process of another PID namespace can't attach:\
                    its server has no number for it"
        }
        if {[dict exists $children $pid]} {
            my Refuse ATTACHED "process $pid is a worker of [my Called] already"
        }
        set slot [my Spare]
        ::socketserver::Board assign $board $slot $pid $fed
        try {
            ::socketserver::Queue admit $service $token $port $board $slot \
                    $fed $pid
        } on error {message problem} {
            ::socketserver::Board release $board $slot
            return -options $problem $message
        }
        dict set children $pid [dict create slot $slot reason {} attached 1]
        dict incr counts attached
        my Tell info "process $pid has attached: a worker of [my Called]" {} \
                [dict create pid $pid generation $fed]
        my Soon
    }

    method Has {listener} {
        foreach one $listeners {
            if {$listener in [list [dict get $one name] [dict get $one port]]} {
                return 1
            }
        }
        return 0
    }

    # A slot for an attached worker.

    method Spare {} {
        set used [lmap pid [my Attached] {dict get $children $pid slot}]
        set spare $::socketserver::pool::spare
        for {set slot $slots} {$slot < $slots + $spare} {incr slot} {
            if {$slot ni $used} {
                return $slot
            }
        }
        my Refuse LIMIT "$spare processes have attached to [my Called], and\
                no more can"
    }

    method Attached {} {
        lmap pid [dict keys $children] {
            if {![dict get $children $pid attached]} continue
            set pid
        }
    }

    # An attached worker has gone, however it did.

    method HeedDetached {token pid} {
        if {$pid ni [my Attached]} {
            return
        }
        set reason [dict get $children $pid reason]
        set entry [my Bury $pid]
        set clean [expr {[dict get $entry connections] == 0}]
        my Show "died [my Line $entry] $clean"
        my Soon
        my Tell [expr {$clean ? "info" : "error"}] \
                "attached [::socketserver::log::Worker $port $entry]: has\
                gone[my Because $reason] ([dict get $entry served] served)" {} \
                [::socketserver::log::About $entry]
    }

    # Kills an attached worker, or has it go; it gets no signal before. Whether
    # it was to be: one that is late may be done by now.

    method Detach {pid slot signal limit} {
        if {$signal ne "KILL"} {
            return 0
        }
        set entry [my Entry $slot]
        if {$limit > 0 && ([dict get $entry age] < $limit
                || [dict get $entry connections] == 0)} {
            dict set children $pid reason {}
            my Show "spared $pid"
            return 0
        }
        ::socketserver::Queue detach $service $pid
        return 1
    }

    # What a worker does that was asked for its stack: one that is late, where
    # an error is raised with that, or one that is slow.

    method HeedStack {token pid raise text} {
        set key [list $pid $raise]
        if {![dict exists $stuck $key]} {
            return
        }
        lassign [dict get $stuck $key] message about
        dict unset stuck $key
        if {$raise} {
            append message ": its -timeout [dict get $options -timeout] s is\
                    over"
        } else {
            append message ": slow"
        }
        my Tell [expr {$raise ? "error" : "warning"}] $message \
                [dict create -errorinfo $message\n$text \
                -errorcode [list SOCKETSERVER [expr {$raise ? "TIMEOUT"
                : "SLOW"}]]] $about
    }

    # Another process has the listeners now, and gets what is left on the queue
    # in the end.

    method HeedHandedover {token pid} {
        set successor $pid
        my Tell info "process $pid accepts connections from now on"
        my Unexport
        [self] stop
    }

    # The server has something to tell that is no trouble of a port's.

    method HeedLog {token level text} {
        my Tell [expr {$level in {error info} ? $level : "warning"}] $text
    }

    # The workers are ready: only now has a predecessor to go. Whether the pool
    # may go on.

    method TakeOver {} {
        try {
            set predecessor [::socketserver::Queue ready $service]
        } on error {message} {
            my Fail START "the workers of [my Called] are ready, but the server\
                    is not: $message" 0
            return 0
        }
        if {$predecessor ne {}} {
            my Tell info "took over from process $predecessor"
        }
        return 1
    }

    # Has all workers that were forked evaluate -reopencmd. One that has just
    # been forked might not catch the signal yet, so it waits for it to be
    # ready.

    method Reopen {} {
        set attached [my Attached]
        set reopening [lmap pid [dict keys $children] {
            if {$pid in $attached} continue
            set pid
        }]
        my Reopening
    }

    method Reopening {} {
        set reopening [lmap pid $reopening {
            if {![dict exists $children $pid]} continue
            set entry [my Entry [dict get $children $pid slot]]
            if {[dict get $entry state] ne "starting"} {
                my Try "can't have worker $pid reopen its files" {
                    ::socketserver::Process signal $pid USR1
                }
                continue
            }
            set pid
        }]
    }
}
