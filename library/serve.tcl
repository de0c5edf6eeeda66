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
        server::Serve -logcmd ::socketserver::log::Print {*}$args
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
            ::socketserver::Process title \
                    server:[dict get [$pool status] port]
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
