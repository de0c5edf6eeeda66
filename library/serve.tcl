# serve.tcl --
#
#	A server in one command.

namespace eval ::socketserver::server {
    variable pool {}	;# The pool that signals steer; {}: not started yet.
    variable early {}	;# Signals that came before it.
    variable process {}	;# Which one serves; children have a copy.
}

# ?option value ...? listener handlerProc ?listener handlerProc ...?: listens,
# keeps workers, obeys signals and runs the event loop. Returns when the server
# has been stopped.

proc ::socketserver::serve {args} {
    if {$server::process eq [pid]} {
        return -code error -errorcode {SOCKETSERVER USAGE} "this process\
                serves already: start a pool for another port, with\
                ::socketserver::pool start"
    }
    ::socketserver::options::Plainly {
        pool::Words ::socketserver::serve $args
        server::Serve -logcmd ::socketserver::log::Print -notify 1 \
                -takeover [upgrade::Told] {*}$args
    }
    return
}

proc ::socketserver::server::Serve {args} {
    variable pool
    variable early
    variable process [pid]

    # Signals first: as soon as the first worker serves, somebody may send one.
    ::socketserver::Signals catch ::socketserver::server::Obey
    set title [::socketserver::Process title server]
    try {
        set pool [::socketserver::pool start {*}$args]
        try {
            ::socketserver::Process title server:[::socketserver::log::Title \
                    [dict get [$pool status] port]]
            CloseUnclaimed
            foreach signal $early {
                Obey $signal
            }
            $pool wait
        } finally {
            if {[info commands $pool] ne {}} {
                rename $pool {}
            }
        }
    } finally {
        ::socketserver::Process title $title
        ::socketserver::Signals restore
        set pool {}
        set early {}
        set process {}
        set ::socketserver::upgrade::successor {}
    }
}

# Sockets that were passed to this process and no listener has claimed: they
# would never be served.

proc ::socketserver::server::CloseUnclaimed {} {
    variable pool

    set names [::socketserver::Queue passed close]
    if {[llength $names] > 0} {
        ::socketserver::log::Tell \
                [::socketserver::log::Command [$pool configure]] warning \
                "no listener has claimed these sockets that were passed, so\
                they are closed: [join $names {, }]"
    }
}

# Does what a signal says, or keeps it until there is a pool.

proc ::socketserver::server::Obey {signal} {
    variable pool
    variable early

    if {$pool eq {}} {
        lappend early $signal
        return
    }
    set state [dict get [$pool status] state]
    switch -- $signal {
        TERM - INT {
            End $signal $state
            return
        }
        USR1 {
            if {[$pool cget -reopencmd] ne {}} {
                Reopen
                return
            }
            set signal TTIN
        }
        USR2 {
            ::socketserver::upgrade::Begin $pool
            return
        }
    }
    if {$state ni {running reloading}} {
        return
    }
    $pool [dict get {HUP reload TTIN add TTOU retire} $signal]
}

# Each time it is said it ends sooner.

proc ::socketserver::server::End {signal state} {
    variable pool

    if {$state in {running reloading draining}} {
        ::socketserver::upgrade::GiveUp
    }
    if {$state in {running reloading} && $signal eq "TERM"
            && [$pool cget -drain] > 0} {
        $pool drain
        return
    }
    $pool stop
    if {$state ni {running reloading draining}} {
        # At once: the first ends the grace time, the second kills.
        $pool stop -grace 0
        $pool stop -grace 0
    }
}

# Has the server and then all workers reopen their log files, and the like. The
# script may do away with the pool.

proc ::socketserver::server::Reopen {} {
    variable pool

    set script [$pool cget -reopencmd]
    set logCmd [::socketserver::log::Command [$pool configure]]
    set method [info object namespace $pool]::my
    if {[catch {uplevel #0 $script} message problem] == 1} {
        ::socketserver::log::Tell $logCmd error \
                "-reopencmd failed: $message" $problem
    }
    ::socketserver::pool::Call $method Here Reopen
}
