# serve.tcl --
#
#	A server in one command.

namespace eval ::socketserver::server {
    variable pool {}	;# The pool that signals steer; {}: not started yet.
    variable early {}	;# Signals that came before it.
    variable process {}	;# Which one serves; children have a copy.
}

# ::socketserver::serve --
#
#	Listens, keeps workers, obeys signals and runs the event loop.
#
# Arguments:
#	args	?option value ...? port handlerProc
#
# Results:
#	None; returns when the server has been stopped.

proc ::socketserver::serve {args} {
    if {[llength $args] < 2} {
        return -code error -errorcode {SOCKETSERVER USAGE} "wrong # args:\
                should be \"::socketserver::serve ?option value ...? port\
                handlerProc\""
    }
    if {$server::process eq [pid]} {
        return -code error -errorcode {SOCKETSERVER USAGE} "this process\
                serves already: start a pool for another port, with\
                ::socketserver::pool start"
    }
    # Signals first: as soon as the first worker serves, somebody may send one.
    ::socketserver::Signals catch {TERM INT HUP TTIN TTOU USR1} \
            ::socketserver::server::Obey
    try {
        set server::process [pid]
        set server::pool [::socketserver::pool start {*}$args]
        try {
            foreach signal $server::early {
                server::Obey $signal
            }
            $server::pool wait
        } finally {
            if {[info commands $server::pool] ne {}} {
                rename $server::pool {}
            }
        }
    } finally {
        ::socketserver::Signals restore
        set server::pool {}
        set server::early {}
        set server::process {}
    }
    return
}

# ::socketserver::server::Obey --
#
#	Does what a signal says, or keeps it until there is a pool.

proc ::socketserver::server::Obey {signal} {
    variable pool
    variable early

    if {$pool eq {}} {
        lappend early $signal
        return
    }
    set stopping [expr {[dict get [$pool status] state] ni
            {running reloading}}]
    switch -- $signal {
        TERM - INT {
            $pool stop
            if {$stopping} {
                # Said twice: at once.
                $pool stop -grace 0
                $pool stop -grace 0
            }
        }
        HUP {
            if {!$stopping} {
                $pool reload
            }
        }
        TTIN - USR1 {
            if {!$stopping} {
                $pool add
            }
        }
        TTOU {
            if {!$stopping} {
                $pool retire
            }
        }
    }
}
