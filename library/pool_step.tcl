# pool_step.tcl --
#
#	What a pool does when something happens or its time has come: it looks,
#	asks what to do, and does that.

::oo::define ::socketserver::Pool {
    # Ask, Show --
    #
    #	Put a request, or something else, into the next snapshot.

    method Ask {request} {
        my Mine 2
        if {$over || [dict get $standing phase] eq "stopping"
                && [lindex $request 0] ne "stop"} {
            return -level 2 -code error -errorcode {SOCKETSERVER STOPPED} \
                    "the pool of port $port has been stopped"
        }
        my Show "request $request"
        my Soon
        return
    }

    method Show {line} {
        append seen $line \n
    }

    # Soon, Later --
    #
    #	Have Step called.

    method Soon {} {
        my Later 0
    }

    method Later {milliseconds} {
        after cancel $timer
        set timer [after $milliseconds [my Callback Step]]
    }

    # Step --
    #
    #	Looks at everything and does what there is to do. What is called from
    #	here may run the event loop.

    method Step {} {
        if {$over || $stepping} {
            return
        }
        after cancel $timer
        set stepping 1
        set wake 1000
        try {
            my Check
            set workers [my Workers]
            my Sample $workers
            set answer [::socketserver::Supervise step $supervisor \
                    [my Snapshot $workers]]

            # Only now: after an error it is for the next step.
            set seen {}
            foreach line [split $answer \n] {
                if {[lindex $line 0] eq "standing"} {
                    lassign $line - phase generation wanted least most wake
                    set standing [dict create phase $phase \
                            generation $generation wanted $wanted \
                            minworkers $least maxworkers $most]
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
            set stepping 0
            if {!$over} {
                my Later $wake
            }
        }
    }

    # Check --
    #
    #	A pool whose port nobody listens on any more, whoever closed it, has
    #	nothing to do.

    method Check {} {
        if {$asked || $failure ne {}
                || $port in [::socketserver::socket ports]} {
            return
        }
        set failure "port $port was closed: its pool stops"
        my Tell error $failure
        my Show "request stop [::socketserver::options::Milliseconds \
                [dict get $options -grace]]"
    }

    # Snapshot --
    #
    #	What there is to see, as the supervisor reads it.

    method Snapshot {workers} {
        set text "now [::socketserver::Process clock]\n$seen"
        dict for {number length} [my Queued] {
            if {[dict exists $queues $number]} {
                append text "queue [dict get $queues $number] $length\n"
            }
        }
        foreach worker $workers {
            append text "worker"
            foreach key {pid slot generation state age connections served} {
                append text " [dict get $worker $key]"
            }
            append text \n
        }
        return $text
    }

    # DoFork --
    #
    #	One more worker.

    method DoFork {generation slot} {
        my Flush
        if {[catch {::socketserver::fork} pid problem]} {
            my Tell error "no worker: $pid" $problem
            my Show "unforked $generation"
            return
        }
        if {$pid == 0} {
            ::socketserver::worker::Run [dict create options $options \
                    handler $handler port $port queue [my QueueOf $generation] \
                    board $board slot $slot generation $generation \
                    parent $parent report $report]
        }
        dict incr counts forked
        dict set children $pid [dict create slot $slot \
                generation $generation reason {} \
                forked [::socketserver::Process clock]]
        if {[catch {
            ::socketserver::Process watch $pid [my Callback Died $slot]
        } message]} {
            my Died $slot [dict create pid $pid error $message]
        }
    }

    method QueueOf {generation} {
        dict for {number owner} $queues {
            if {$owner == $generation} {
                return $number
            }
        }
        return 0
    }

    # Flush --
    #
    #	Writes what channels hold back, which the child would write again when
    #	it exits.

    method Flush {} {
        foreach chan [chan names] {
            if {![catch {chan pending output $chan} pending]
                    && $pending > 0} {
                catch {chan flush $chan}
            }
        }
    }

    # DoRetire, DoKill, DoRenew, DoSwitch, DoAbandon, DoClose --
    #
    #	What the supervisor may want.

    method DoRetire {n} {
        if {[catch {
            ::socketserver::Queue retire $port $n
        } message problem]} {
            my Tell warning "can't retire $n workers now: $message"
        }
    }

    method DoKill {pid signal reason} {
        if {![dict exists $children $pid]} {
            return
        }
        dict set children $pid reason $reason
        if {$signal eq "TERM" && $reason eq "grace"} {
            my Tell warning "the time to stop is over for\
                    [::socketserver::log::Worker $port [my Entry $pid]]:\
                    SIGTERM"
        }
        if {$signal eq "KILL"} {
            dict incr counts killed
        }
        catch {::socketserver::Process kill $pid $signal}
    }

    method DoRenew {generation} {
        if {[catch {::socketserver::Queue renew $port} number problem]} {
            my Tell error "can't reload: $number" $problem
            my Show "failed renew"
            return
        }
        dict set queues $number $generation
        set whyNot {}
        my Show "did renew"
    }

    method DoSwitch {} {
        if {[catch {::socketserver::Queue switch $port} message problem]} {
            my Tell error "can't reload: $message" $problem
            my Show "failed switch"
            return
        }
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
        my Try "can't close port $port" {
            ::socketserver::socket close -port $port
        }
    }

    method Try {what script} {
        if {[catch {uplevel 1 $script} message problem]} {
            my Tell error "$what: $message" $problem
        }
    }

    # DoLog --
    #
    #	Says what the supervisor has to say.

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
                return "has no queue"
            }
            reload-room {
                return "finds no room beside workers that still serve"
            }
            reload-stop {
                return "is given up, for the pool stops"
            }
        }
        set why "did not come up"
        if {$whyNot ne {}} {
            append why " ($whyNot)"
        }
        return $why
    }

    # DoStopped --
    #
    #	The end. What no worker has taken is closed.

    method DoStopped {} {
        my Discard
        dict set standing phase stopped
        set last [dict merge [my status] {workers {}}]
        my Release
        my Tell info "stopped"
        set over 1
    }

    method Discard {} {
        set count [::socketserver::Queue discard $port]
        if {$count > 0} {
            my Tell error "$count connections were not served in time"
        }
    }

    # Release --
    #
    #	Gives back what the pool has, which is not all when it could not
    #	begin.

    method Release {} {
        after cancel $timer
        foreach {what how} {
            parent {chan close}
            report {chan close}
            board {::socketserver::Board destroy}
            supervisor {::socketserver::Supervise end}
        } {
            if {[set $what] ne {}} {
                {*}$how [set $what]
            }
        }
        dict unset ::socketserver::pool::ports $port
    }

    # Heard --
    #
    #	A worker has something to report.

    method Heard {} {
        while {[chan gets $parent line] >= 0} {
            set text [join [lassign [split $line] what pid]]
            switch -- $what {
                ready {
                    if {[dict get $standing phase] eq "reloading"} {
                        my Soon
                    }
                }
                retired {
                    my Show "retired $pid"
                    my Soon
                }
                failed {
                    # Unless a child of a worker says so.
                    if {[dict exists $children $pid]} {
                        dict set children $pid note $text
                    }
                }
            }
        }
    }

    # Died --
    #
    #	A worker has ended.

    method Died {slot how} {
        set pid [dict get $how pid]
        my Heard
        if {$over || ![dict exists $children $pid]} {
            return
        }
        set entry [my Entry $pid]
        set child [dict get $children $pid]
        dict unset children $pid
        ::socketserver::Board release $board $slot
        dict incr counts died
        dict incr counts served [dict get $entry served]
        set clean [my Clean $entry $how]
        my Show "died $pid $slot [dict get $entry generation]\
                [dict get $entry served] $clean"
        my Soon
        my Obituary $entry $child $how $clean
    }

    # Clean --
    #
    #	Whether a worker ended as it should: with status 0, or, when somebody
    #	else has waited for it, having been asked to and with nothing to do.

    method Clean {entry how} {
        if {[dict exists $how error]} {
            return [expr {[dict get $entry connections] == 0
                    && [dict get $entry state] eq "retiring"}]
        }
        expr {[dict exists $how exit] && [dict get $how exit] == 0}
    }

    # Entry --
    #
    #	What the board shows of a worker.

    method Entry {pid} {
        foreach worker [my Workers] {
            if {[dict get $worker pid] == $pid} {
                return $worker
            }
        }
    }

    # Obituary --
    #
    #	Tells how a worker ended, and what it did then.

    method Obituary {entry child how clean} {
        set reason [dict get $child reason]
        set note {}
        if {[dict exists $child note]} {
            set note [dict get $child note]
            set whyNot $note
        }
        set engaged [dict get $entry connections]
        set level error
        if {$clean && $engaged == 0 || $reason in {reload}} {
            set level info
        }
        set text "[::socketserver::log::Worker $port $entry]:\
                [::socketserver::log::End $how]"
        switch -- $reason {
            timeout {
                append text " for its -timeout\
                        [dict get $options -timeout] s"
            }
            start {
                append text ": it did not become ready"
            }
            grace {
                append text ": the time to stop was over"
            }
        }
        if {$note ne {}} {
            append text ": $note"
        }
        append text " ([dict get $entry served] served[::socketserver::log::Used $how])"
        my Tell $level $text
    }
}
