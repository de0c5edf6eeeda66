# pool_step.tcl --
#
#	What a pool does when something happens or its time has come: it looks,
#	asks what to do, and does that.

::oo::define ::socketserver::Pool {
    # Put a request, or something else, into the next snapshot.

    method Ask {request} {
        my Mine 2
        set phase [dict get $standing phase]
        set verb [lindex $request 0]
        if {$over || $phase eq "stopping" && $verb ne "stop"} {
            return -level 2 -code error -errorcode {SOCKETSERVER STOPPED} \
                    "the pool of [my Called] has been stopped"
        }
        if {$phase eq "draining" && $verb eq "reload"} {
            return -level 2 -code error -errorcode {SOCKETSERVER STOPPED} \
                    "the pool of [my Called] is about to stop"
        }
        my Show "request $request"
        my Soon
        return
    }

    # It has been asked to end, and is in this phase of that from now on.

    method Asked {phase} {
        set asked 1
        dict set standing phase $phase
        return
    }

    method Show {line} {
        append seen $line \n
    }

    # Have Step called; at once, however often that is wanted meanwhile: who wants
    # it in each turn of the event loop would put it off for ever.

    method Soon {} {
        if {!$soon} {
            my Later 0
        }
    }

    method Later {milliseconds} {
        set soon [expr {$milliseconds == 0}]
        set before $timer
        set timer [::socketserver::Timer start $milliseconds \
                [my Callback Step]]
        ::socketserver::Timer cancel $before
    }

    # Looks at everything and does what there is to do. None of the
    # application's commands is called from here: see Afterwards.

    method Step {} {
        if {$over} {
            return
        }
        set soon 0
        set wake 1000
        try {
            my Check
            set answer [::socketserver::Supervise step $supervisor \
                    [my Snapshot]]

            # Only now: after an error it is for the next step.
            set seen {}
            if {[regexp -line {^fork } $answer]} {
                my Flush
            }
            my Reopening
            foreach line [split $answer \n] {
                if {[regexp {^problem (.*)} $line -> problem]} {
                    # It is forgotten.
                    my Tell error "this can't be: $problem"
                } elseif {[lindex $line 0] eq "standing"} {
                    lassign $line - phase generation wanted least most \
                            limitReached wake
                    set standing [dict create phase $phase \
                            generation $generation wanted $wanted \
                            minworkers $least maxworkers $most \
                            limitReached $limitReached]
                } elseif {$line ne {}} {
                    my Do[string totitle [lindex $line 0]] \
                            {*}[lrange $line 1 end]
                }
            }
            if {$seen ne {}} {
                set wake 0
            }
        } on error {message problem} {
            my Tell error "can't look after the workers: $message" $problem
        } finally {
            if {!$over} {
                my Later $wake
            }
        }
    }

    # A pool whose port nobody listens on any more, whoever closed it, has
    # nothing to do.

    method Check {} {
        if {$asked || $failure ne {}
                || $port in [::socketserver::socket ports]} {
            return
        }
        my Fail CLOSED "[my Called] was closed: its pool stops" \
                [dict get $options -grace]
    }

    method Fail {reason message grace} {
        set failure [list $reason $message]
        my Tell error $message
        my Show "request stop [::socketserver::options::Milliseconds $grace]"
    }

    # What there is to see, as the supervisor reads it.

    method Snapshot {} {
        lassign [::socketserver::Board lines $board] served workers clock
        my Sample $served
        set text "now $clock\n$seen"
        append text "counts [my Counts]\n"
        set lengths [my Queued]
        dict for {number generation} $queues {
            if {[dict exists $lengths $number]} {
                append text "queue $generation [dict get $lengths $number]\n"
            } elseif {[dict size $lengths] > 0} {
                dict unset queues $number
            }
        }
        return $text$workers
    }

    # One more worker, unless its queue has ended meanwhile.

    method DoFork {generation slot} {
        set queue [my QueueOf $generation]
        if {![dict exists [my Queued] $queue]} {
            return
        }
        if {[catch {
            ::socketserver::Process spawn [list ::socketserver::worker::Run \
                    [dict create options $options \
                    handlers [lmap listener $listeners {
                        dict get $listener handler
                    }] port $port listener [my Name] \
                    queue $queue board $board slot $slot errors $errors \
                    generation $generation]]
        } pid problem]} {
            my Tell error "no worker: $pid" $problem
            my Show "unforked $generation"
            return
        }
        ::socketserver::Board assign $board $slot $pid $generation
        dict incr counts forked
        dict set children $pid [dict create slot $slot reason {} attached 0]
        if {[catch {
            ::socketserver::Process watch $pid [my Callback Died]
        } message]} {
            my Died [dict create pid $pid error $message]
        }
    }

    method QueueOf {generation} {
        dict for {number itsGeneration} $queues {
            if {$itsGeneration == $generation} {
                return $number
            }
        }
        return 0
    }

    # Writes what channels hold back, which a child would write again when it
    # exits.

    method Flush {} {
        foreach chan [chan names] {
            if {![catch {chan pending output $chan} pending]
                    && $pending > 0} {
                catch {chan flush $chan}
            }
        }
    }

    # What the supervisor may want.

    method DoRetire {n} {
        if {[catch {
            ::socketserver::Queue retire $port $n
        } message problem]} {
            my Tell warning "can't retire $n workers now: $message"
        }
    }

    # A connection takes long, or longer than it may: what its worker is at is
    # told, and in the latter case an error ends that, if it can.

    method DoSlow {pid limit} {
        my Examine $pid $limit 0
    }

    method DoLate {pid limit} {
        my Examine $pid $limit 1
    }

    # Asks a worker for its stack, unless it is done by now. HeedStack gets it,
    # when the worker may be at something else, or gone.

    method Examine {pid limit raise} {
        if {![dict exists $children $pid]} {
            return
        }
        set entry [my Entry [dict get $children $pid slot]]
        if {[dict get $entry age] < $limit
                || [dict get $entry connections] == 0} {
            return
        }
        dict set stuck [list $pid $raise] [list \
                [::socketserver::log::Worker $port $entry] \
                [::socketserver::log::About $entry]]
        if {[catch {
            ::socketserver::Queue stack $service $pid $raise
        } message]} {
            my HeedStack 0 $pid $raise "no stack: $message"
        }
    }

    # A worker that is late may be done by now, and at the next connection.

    method DoKill {pid signal reason {limit 0}} {
        if {![dict exists $children $pid]} {
            return
        }
        set slot [dict get $children $pid slot]
        dict set children $pid reason $reason
        try {
            if {[dict get $children $pid attached]} {
                if {![my Detach $pid $slot $signal $limit]} {
                    return
                }
            } elseif {$limit > 0} {
                if {![::socketserver::Board kill $board $slot $limit]} {
                    dict set children $pid reason {}
                    my Show "spared $pid"
                    return
                }
            } else {
                if {$signal eq "TERM" && $reason eq "grace"} {
                    my Tell warning "the time to stop is over for\
                            [my Named $slot]: SIGTERM" {} [my About $slot]
                }
                ::socketserver::Process kill $pid $signal
            }
        } trap {POSIX ESRCH} {} {
            # It has just ended, by itself.
            if {$limit > 0} {
                dict set children $pid reason {}
            }
        } on error {message problem} {
            my Tell error $message $problem
        }
        if {$signal eq "KILL"} {
            dict incr counts killed
        }
    }

    method Named {slot} {
        ::socketserver::log::Worker $port [my Entry $slot]
    }

    method About {slot} {
        ::socketserver::log::About [my Entry $slot]
    }

    # A reload begins: -reloadcmd first.

    method DoRenew {generation} {
        set whyNot {}
        if {[dict get $options -reloadcmd] eq {}} {
            my Renew $generation {}
        } else {
            my Afterwards ::socketserver::pool::Reloading \
                    [dict get $options -reloadcmd] \
                    [my Callback Renew $generation] \
                    [::socketserver::log::Command $options]
        }
    }

    method Renew {generation problem} {
        if {$over} {
            return
        }
        my Soon
        if {$asked || $failure ne {}} {
            my Show "failed renew"
            return
        }
        if {$problem ne {}} {
            set whyNot "-reloadcmd: $problem"
            my Show "failed renew"
            return
        }
        if {[catch {::socketserver::Queue renew $port} number problem]} {
            my Tell error "can't reload: $number" $problem
            my Show "failed renew"
            return
        }
        dict set queues $number $generation
        my Show "did renew"
    }

    method DoSwitch {} {
        if {[catch {::socketserver::Queue switch $port} message problem]} {
            my Tell error "can't reload: $message" $problem
            my Show "failed switch"
            return
        }
        set fed [lindex [dict values $queues] end]
        dict incr counts reloads
        my Show "did switch"
    }

    method DoAbandon {} {
        my Try "can't abandon a reload" {
            ::socketserver::Queue abandon $port
        }
    }

    method DoClose {} {
        my Counted 0
        if {$port ni [::socketserver::socket ports]} {
            return
        }
        my Try "can't close [my Called]" {
            ::socketserver::socket close -port [my Name]
        }
    }

    method Try {what script} {
        if {[catch {uplevel 1 $script} message problem]} {
            my Tell error "$what: $message" $problem
        }
    }

    # How the first workers came up, or not.

    method DoReady {n} {
        if {![my TakeOver]} {
            return
        }
        my Export
        my Tell info "ready: $n workers"
        if {[dict get $options -readycmd] ne {}} {
            my Afterwards ::socketserver::pool::Ready [self] \
                    [dict get $options -readycmd] \
                    [::socketserver::log::Command $options]
        }
    }

    method DoFail {} {
        set message "no worker of [my Called] came up within\
                [dict get $options -firststart] s"
        if {$whyNot ne {}} {
            append message ": $whyNot"
        }
        my Fail START $message 0
    }

    # Says what the supervisor has to say.

    method DoLog {level what args} {
        lassign $args first second
        switch -- $what {
            delay {
                set text "workers end before they have served: the next\
                        one is forked in\
                        [::socketserver::log::Seconds $first]"
            }
            grown - shrunk {
                set text "$second workers instead of $first"
            }
            drain {
                set text "draining: stopping in\
                        [::socketserver::log::Seconds $first]"
            }
            reload {
                set text "reload: generation $first comes up"
            }
            reloaded {
                set text "reload: generation $first serves, generation\
                        $second finishes"
            }
            reload-failed - reload-queue - reload-room - reload-stop {
                dict incr counts failed
                set text "reload: generation $first [my WhyNot $what];\
                        generation $second goes on"
            }
            stop {
                set text "stopping within [::socketserver::log::Seconds \
                        $first]"
            }
            grace {
                set text "the time to stop is over, $first workers still\
                        serve"
            }
        }
        my Tell $level $text
    }

    method WhyNot {what} {
        switch -- $what {
            reload-queue {
                set why "could not begin"
            }
            reload-room {
                return "finds no room beside workers that still serve"
            }
            reload-stop {
                return "is given up, for the pool stops"
            }
            default {
                set why "did not come up"
            }
        }
        if {$whyNot ne {}} {
            append why " ($whyNot)"
        }
        return $why
    }

    # The end. What no worker has taken is closed, or the successor's.

    method DoStopped {} {
        if {$successor eq {}} {
            my Discard
        }
        dict set standing phase stopped
        set last [dict merge [my status] {workers {}}]
        my Release
        my Tell info [expr {$successor eq {} ? "stopped"
                : "stopped: process $successor has taken over"}]
        set over 1
    }

    method Discard {} {
        set count [::socketserver::Queue discard $port]
        if {$count > 0} {
            my Tell error "$count connections were not served in time"
        }
    }

    # Gives back what the pool has, which is not all when it could not begin.

    method Release {} {
        ::socketserver::Timer cancel $timer
        my Unexport
        if {$errors ne {}} {
            my Say [::socketserver::Process unhear $errors]
            set errors {}
        }
        foreach {what how} {
            service {::socketserver::Queue done}
            board {::socketserver::Board destroy}
            supervisor {::socketserver::Supervise end}
        } {
            if {[set $what] ne {}} {
                my Try "can't give back the $what" {{*}$how [set $what]}
            }
        }
        dict unset ::socketserver::pool::services $service
        dict unset ::socketserver::pool::ports $port
    }

    # A worker has ended.

    method Died {how} {
        set pid [dict get $how pid]
        if {$over || ![dict exists $children $pid]} {
            return
        }
        set reason [dict get $children $pid reason]
        set entry [my Bury $pid]
        set clean [my Clean $entry $how]
        dict incr counts \
                [expr {$clean && ![dict get $entry connections]
                ? "ended" : "died"}]
        my Exited [expr {$reason ne {} ? $reason
                : $clean ? "ended" : "died"}]
        my Show "died [my Line $entry] $clean"
        my Soon
        my Obituary $entry $reason $how $clean
    }

    # Counts why a worker has ended.

    method Exited {why} {
        dict set counts exits $why [expr {[dict get $counts exits $why] + 1}]
    }

    # Takes a worker that has gone off the board, and counts what it has done.
    # Its entry.

    method Bury {pid} {
        set slot [dict get $children $pid slot]
        set entry [my Entry $slot]
        dict unset children $pid
        ::socketserver::Board release $board $slot
        foreach key {served taken waited} {
            dict incr counts $key [dict get $entry $key]
        }
        return $entry
    }

    # An entry as the supervisor reads it.

    method Line {entry} {
        lmap key {
            pid slot generation state age connections served dismissed
        } {
            dict get $entry $key
        }
    }

    # Whether a worker ended as it should: with status 0, or, when somebody
    # else has waited for it, having been asked to and with nothing to do.

    method Clean {entry how} {
        if {[dict exists $how error]} {
            return [expr {[dict get $entry connections] == 0
                    && [dict get $entry state] eq "retiring"}]
        }
        expr {[dict exists $how exit] && [dict get $how exit] == 0}
    }

    # Tells how a worker ended, and what it did then.

    method Obituary {entry reason how clean} {
        set trouble [dict get $entry trouble]
        if {$trouble ne {}} {
            set whyNot $trouble
        } elseif {[dict get $entry state] eq "starting"} {
            set whyNot "the latest [::socketserver::log::End $how]"
        }
        set level error
        if {$clean && [dict get $entry connections] == 0
                && [dict get $entry state] ne "starting"
                || $reason eq "reload"} {
            set level info
        }
        set text "[::socketserver::log::Worker $port $entry]:\
                [::socketserver::log::End $how][my Because $reason]"
        if {$trouble ne {}} {
            append text ": $trouble"
        }
        append text " ([dict get $entry served] served[::socketserver::log::Used $how])"
        my Tell $level $text {} [::socketserver::log::About $entry]
    }

    # Why it was killed, if it was.

    method Because {reason} {
        switch -- $reason {
            timeout {
                return " for its -timeout [dict get $options -timeout] s"
            }
            start {
                return ": it did not become ready"
            }
            end {
                return ": it did not end"
            }
            grace {
                return ": the time to stop was over"
            }
        }
    }
}
