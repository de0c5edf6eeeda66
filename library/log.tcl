# log.tcl --
#
#	What pools and their workers have to say, and to whom.

namespace eval ::socketserver::log {}

# Says something in the process where it happens. Without a command for it,
# errors go to the handler of background errors, and the rest is not shown.
#
# logCmd: command prefix, called with level and message; {}: none.
# level: error, warning or info.
# options: those of the Tcl error behind it, if there is one; its stack is told,
# too.
# about: a dict of what the log of "serve" has in fields: pid and generation of
# the worker that this is about, and its peer. A command of the user's doesn't
# get it.

proc ::socketserver::log::Tell {
    logCmd level message {options {}} {about {}}
} {
    if {[dict exists $options -errorinfo]} {
        dict set options -errorinfo \
                [Stack $message [dict get $options -errorinfo]]
    }
    if {[llength $logCmd] == 0} {
        if {$level eq "error"} {
            Background $message $options
        }
        return
    }
    if {[dict exists $options -errorinfo]} {
        set message [dict get $options -errorinfo]
    }
    set call [list {*}$logCmd $level $message]
    if {[lindex $logCmd 0] eq "::socketserver::log::Write"} {
        lappend call $about
    }
    set code [catch {uplevel #0 $call} problem options]
    if {$code == 1} {
        Background $problem $options
        if {$level eq "error"} {
            Background $message {}
        }
    }
}

# What Tell calls, by a pool's options.

proc ::socketserver::log::Command {options} {
    set logCmd [dict get $options -logcmd]
    if {$logCmd eq "::socketserver::log::Print"} {
        set logCmd [list ::socketserver::log::Write \
                [dict get $options -logformat]]
    }
    return $logCmd
}

# A stack that begins with what we say of an error instead of with the error's
# own message, at whose end that stands.

proc ::socketserver::log::Stack {message stack} {
    set own $message
    while {![string equal -length [string length $own] $own $stack]} {
        set colon [string first ": " $own]
        if {$colon < 0} {
            return $message\n$stack
        }
        set own [string range $own $colon+2 end]
    }
    return $message[string range $stack [string length $own] end]
}

# Calls the handler of background errors here and now: a worker may have no
# event loop.

proc ::socketserver::log::Background {message options} {
    set options [dict merge [list -code 1 -level 0 -errorline 0 \
            -errorcode {SOCKETSERVER POOL} -errorinfo $message] $options]
    set code [catch {
        uplevel #0 [list {*}[interp bgerror {}] $message $options]
    } problem]
    if {$code == 1} {
        # Tcl knows what to do about a handler that fails.
        after 0 [list return -code error $problem]
    }
}

# Milliseconds and bytes as people read them.

proc ::socketserver::log::Seconds {milliseconds} {
    return "[format %.3g [expr {$milliseconds / 1000.0}]] s"
}

proc ::socketserver::log::Megabytes {bytes} {
    return "[format %.1f [expr {$bytes / 1048576.0}]] MB"
}

# A pool as people call it, and as "ps" shows it, by its first listener: a port,
# or the name of one that has none. There is room for "udp" and a port, not for an
# address.

proc ::socketserver::log::Called {port} {
    expr {[string is integer -strict $port] ? "port $port" : $port}
}

proc ::socketserver::log::Title {port} {
    if {[regexp {^unix:(@?)(.+)} $port -> abstract path]} {
        return [expr {$abstract eq {} ? [file tail $path] : "@$path"}]
    }
    if {[regexp {^udp:(?:.*:)?(\d+)$} $port -> number]} {
        return udp$number
    }
    return $port
}

# Who is at the other end of a connection: of a Unix socket the port is the
# process, or 0.

proc ::socketserver::log::Peer {address port} {
    if {$address ne "unix"} {
        return "$address port $port"
    }
    expr {$port > 0 ? "process $port" : "a process of this machine"}
}

# The same for programs; {} where there is nothing to tell.

proc ::socketserver::log::Address {address port} {
    if {$address eq "unix"} {
        return [expr {$port > 0 ? "process $port" : {}}]
    }
    return [string cat [expr {[string first : $address] < 0
            ? $address : "\[$address]"}] : $port]
}

# A handler as a message names it, on a line, for it may be a whole lambda.

proc ::socketserver::log::Brief {handler} {
    set text [string trim [regsub -all {\s+} $handler { }]]
    if {[string length $text] > 64} {
        set text [string range $text 0 60]...
    }
    return $text
}

# What is known of a worker, for Tell: from its entry on the board.

proc ::socketserver::log::About {entry} {
    dict with entry {
        set about [dict create pid $pid generation $generation]
        if {$connections > 0} {
            set about [WithPeer $about $peer $peerPort]
        }
    }
    return $about
}

proc ::socketserver::log::WithPeer {about address port} {
    set peer [Address $address $port]
    if {$peer ne {}} {
        dict set about peer $peer
    }
    return $about
}

# Which worker of a port it is, and what it does, from its entry on the board.

proc ::socketserver::log::Worker {port entry} {
    dict with entry {
        set text "worker $pid of [Called $port]"
        set for [Seconds $age]
        set doing [expr {$note eq {} ? {} : ", \"$note\""}]
        if {$connections > 0} {
            append text ", busy with [Peer $peer $peerPort]$doing, handler\
                    \"[Brief $handler]\", for $for"
        } elseif {$state eq "starting"} {
            append text "$doing, not ready after $for"
        }
    }
    return $text
}

# How a process ended, and what it took, from what "Process watch" tells.

proc ::socketserver::log::End {how} {
    if {[dict exists $how signal]} {
        return "killed by SIG[dict get $how signal]"
    }
    if {[dict exists $how exit]} {
        return "ended with status [dict get $how exit]"
    }
    return "ended, and somebody else has waited for it"
}

proc ::socketserver::log::Used {how} {
    if {![dict exists $how cpu]} {
        return {}
    }
    return ", [Seconds [dict get $how cpu]] of CPU, [Megabytes \
            [dict get $how maxrss]]"
}
