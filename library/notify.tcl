# notify.tcl --
#
#	What systemd says in the environment about being notified.

namespace eval ::socketserver::notify {
    variable names {NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID}
    variable given {}	;# What was there under these names.
}

# Takes it out of the environment, which workers and programs inherit. Three
# words: a socket's path or abstract name, or {}; milliseconds within which each
# sign of life is wanted, or 0; and what was wrong, a list.

proc ::socketserver::notify::Take {} {
    variable names
    variable given

    foreach name $names {
        if {[info exists ::env($name)]} {
            dict set given $name $::env($name)
            unset ::env($name)
        }
    }
    set problems {}
    set address [Value NOTIFY_SOCKET]
    if {$address ne {} && ![regexp {^[/@][^\n]+$} $address]} {
        lappend problems "NOTIFY_SOCKET \"$address\" is neither a path nor\
                @NAME: systemd isn't notified"
        set address {}
    }
    set interval [Value WATCHDOG_USEC]
    if {$interval eq {} || [Value WATCHDOG_PID] ni [list {} [pid]]} {
        return [list $address 0 $problems]
    }
    if {![regexp {^[1-9]\d{0,15}$} $interval]} {
        lappend problems "WATCHDOG_USEC \"$interval\" is no number of\
                microseconds: the watchdog gets no sign of life"
        return [list $address 0 $problems]
    }
    list $address [expr {max($interval / 1000, 1)}] $problems
}

proc ::socketserver::notify::Value {name} {
    variable given
    expr {[dict exists $given $name] ? [dict get $given $name] : {}}
}

# What was taken, for a successor, whose process number is another.

proc ::socketserver::notify::Given {} {
    variable given
    dict remove $given WATCHDOG_PID
}

# Nobody but the server is to notify anybody.

proc ::socketserver::notify::Forget {} {
    variable names
    foreach name $names {
        unset -nocomplain ::env($name)
    }
}
