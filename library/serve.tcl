# serve.tcl --
#
#	A server in one command.

namespace eval ::socketserver::server {}

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
    set pool [::socketserver::pool start {*}$args]
    try {
        ::socketserver::Signals catch {TERM INT HUP TTIN TTOU USR1} \
                [list ::socketserver::server::Obey $pool]
        try {
            $pool wait
        } finally {
            ::socketserver::Signals restore
        }
    } finally {
        if {[info commands $pool] ne {}} {
            rename $pool {}
        }
    }
    return
}

# ::socketserver::server::Obey --
#
#	Does what a signal says.

proc ::socketserver::server::Obey {pool signal} {
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
