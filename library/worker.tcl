# worker.tcl --
#
#	What a worker of a pool does from the fork to its end. All of this runs
#	in forked processes only. How it serves from an event loop stands in
#	worker_event.tcl.

namespace eval ::socketserver::worker {
    variable options	;# Of the pool.
    variable settings	;# What else Run was given.
    variable handlers	;# Of each listener: command prefix, and how many words
			;# it takes: 1 or 3.
    variable left	;# Connections still to take; -1: no bound.
    variable clients {}	;# Connections open in the event loop: channel ->
			;# address and port of the peer.
    variable bounds {}	;# Those that -timeout bounds, oldest first: channel ->
			;# when it is over, and the handler.
    variable timer {}	;# For the first of them, or one before it; or {}.
    variable asked 0	;# Whether the event loop has asked for one more.
    variable leaving 0	;# Whether it takes no more...
    variable told 0	;# ...and -leavecmd has been told so.
    variable done	;# Set when it is over.
    variable turned	;# Set to end a turn of the event loop.
    variable patience 100	;# How often to try to accept, 50 ms apart.
}

# Serves until the queue ends or something asks the worker to stop. The exit
# status; where it is called from, nothing comes after it.
#
# given: a dict:
#	options			those of the pool
#	handlers		command prefixes, in the order of the listeners
#	port listener queue	where connections come from: the first listener's
#				port, if it has one, and name
#	board slot generation	where to show what it does
#	errors			where programs write errors to, a descriptor; or
#				{}

proc ::socketserver::worker::Run {given} {
    variable options [dict get $given options]
    variable handlers [dict get $given handlers]
    variable settings [dict remove $given options handlers]

    try {
        if {![Begin]} {
            return 0
        }
        if {![Prepare]} {
            return 1
        }
        Serve
        Evaluate -exitcmd
        return 0
    } on error {message problem} {
        Tell error "worker [pid] ends: $message" $problem
        return 1
    }
}

# Makes a process of its own of what was forked from the server. Whether there
# is anything to do: the queue of an old generation may have ended meanwhile.

proc ::socketserver::worker::Begin {} {
    variable settings
    variable handlers

    Forget
    CatchSignals
    HearErrors
    # What the server has drawn, all its workers would draw again.
    expr {srand(([clock microseconds] ^ ([pid] << 12)) & 0x7fffffff)}
    dict with settings {
        ::socketserver::Process title \
                worker:[::socketserver::log::Title $port]
        ::socketserver::Board take $board $slot $generation \
                [lindex $handlers 0]
        try {
            ::socketserver::Queue use $port $queue
        } trap {SOCKETSERVER NOQUEUE} {} {
            Show retiring
            return 0
        }
        try {
            ::socketserver::Queue heed $port $queue
        } on error {message} {
            Tell warning $message
        }
    }
    return 1
}

# Background errors are told as all else is, unless the application has a
# handler of its own; those of the telling itself are Tcl's to show. That a
# client went away is no error; its channel is closed.

proc ::socketserver::worker::HearErrors {} {
    variable options
    if {[dict get $options -logcmd] ne {}
            && [interp bgerror {}] eq "::tcl::Bgerror"} {
        interp bgerror {} ::socketserver::worker::Background
    }
}

proc ::socketserver::worker::Background {message problem} {
    if {[::socketserver::options::IsCommand ::bgerror]} {
        return [::tcl::Bgerror $message $problem]
    }
    interp bgerror {} ::tcl::Bgerror
    try {
        if {![WentAway $message [dict get $problem -errorcode]]} {
            Tell error "worker [pid]: $message" $problem
        }
    } finally {
        interp bgerror {} ::socketserver::worker::Background
    }
}

# Whether a background error only says that a client is gone; its connection is
# closed then. Package tls has two ways to say so, the first without a code.

proc ::socketserver::worker::WentAway {message code} {
    variable clients

    if {![regexp {^SSL channel "([^"]+)": error: $} $message -> sock]
            && (![IsLoss $code] || ![regexp \
            {^error (?:reading|writing|flushing) "([^"]+)"} $message -> sock])
            || ![dict exists $clients $sock]} {
        return 0
    }
    if {$sock in [chan names $sock]} {
        set peer [dict get $clients $sock]
        Tell info "[::socketserver::log::Peer {*}$peer] went away: $message" \
                {} $peer
        catch {chan close $sock}
    }
    return 1
}

# What the application had planned in the server, what it listens to there, and
# what systemd or a predecessor has told it, is the server's business.

proc ::socketserver::worker::Forget {} {
    ::socketserver::notify::Forget
    ::socketserver::upgrade::Told
    foreach planned [after info] {
        after cancel $planned
    }
    foreach chan [chan names] {
        catch {chan event $chan readable {}}
        catch {chan event $chan writable {}}
        if {[Has $chan -sockname] && ![Has $chan -peername]} {
            chan close $chan
        }
    }
}

# Whether a channel has an address of its own or a peer's. Nobody is asked
# for its name.

proc ::socketserver::worker::Has {chan option} {
    set quick ::tcl::unsupported::noReverseDNS
    set before [info exists $quick]
    if {!$before} {
        set $quick 1
    }
    set has [expr {![catch {chan configure $chan $option}]}]
    if {!$before} {
        unset $quick
    }
    return $has
}

# Becomes ready to serve: another user's process, perhaps, and whatever
# -initcmd does. Whether it is ready; what failed is told, here and to the
# supervisor.

proc ::socketserver::worker::Prepare {} {
    variable options
    variable handlers

    try {
        if {[dict get $options -user] ne {}} {
            ::socketserver::Process identity [dict get $options -user] \
                    [dict get $options -group]
        }
        Script -initcmd
        set handlers [lmap handler $handlers {
            Callable $handler
        }]
    } on error {message problem} {
        Tell error "worker [pid] can't begin: $message" $problem
        Show starting $message
        return 0
    }
    Show idle
    return 1
}

# A handler as it is called, and how many words it takes. A program is called by
# a command of ours.

proc ::socketserver::worker::Callable {handler} {
    variable options
    variable settings

    if {[dict get $options -exec] ne {}} {
        return [list [list ::socketserver::program::Serve $handler \
                [dict get $settings errors]] 3]
    }
    list $handler [Words $handler]
}

# Has the supervisor see what this worker is at.

proc ::socketserver::worker::Show {state {trouble {}} {dismissed 0}} {
    variable settings
    ::socketserver::Board set [dict get $settings board] \
            [dict get $settings slot] $state $trouble $dismissed
}

# How many words a handler takes: a procedure that has room for one more
# gets the channel alone.

proc ::socketserver::worker::Words {handler} {
    set command [lindex $handler 0]
    if {![::socketserver::options::IsCommand $command]} {
        return -code error -errorcode {SOCKETSERVER HANDLER} \
                "handler \"$command\" is not a command: define it before\
                the pool starts, or in -initcmd"
    }
    if {[catch {uplevel #0 [list ::info args $command]} parameters]} {
        return 3
    }
    expr {[llength $parameters] == [llength $handler]
            && [lindex $parameters end] ne "args" ? 1 : 3}
}

# Serves connections until there are none to come.

proc ::socketserver::worker::Serve {} {
    variable options
    variable left [Limit [dict get $options -maxrequests]]

    if {[dict get $options -loop] eq "accept"} {
        AcceptLoop
    } else {
        EventLoop
    }
}

# How many connections a worker lives for: up to a tenth fewer than the
# bound, so that not all workers end at the same time.

proc ::socketserver::worker::Limit {bound} {
    expr {$bound == 0 ? -1 : $bound - int(rand() * ($bound / 10 + 1))}
}

# One connection after the other, without event loop. A worker that can't
# accept for long is of no use. What a kept connection has unread nobody else can
# serve.

proc ::socketserver::worker::AcceptLoop {} {
    variable settings
    variable options
    variable left

    variable patience

    set listener [dict get $settings listener]
    set keep [dict get $options -keep]
    set trouble {}
    set failures 0
    while {$left != 0 || [::socketserver::Connection kept]} {
        try {
            set connection [::socketserver::socket accept -port $listener \
                    -closed ::socketserver::worker::Closed]
        } on error {message problem} {
            # Told once; other workers take the connections meanwhile.
            if {$message ne $trouble} {
                Tell error $message $problem
                set trouble $message
            }
            if {[incr failures] >= $patience} {
                return -options $problem "can't accept: $message"
            }
            ::socketserver::Process pause 50
            continue
        }
        if {[llength $connection] == 0} {
            break
        }
        set trouble {}
        set failures 0
        incr left [expr {$left > 0 ? -1 : 0}]
        lassign $connection sock address peerPort
        Handle [HandlerOf $sock] $sock $address $peerPort
        if {$keep} {
            Keep $sock $address $peerPort
        } else {
            Close $sock $address $peerPort
        }
    }
    Retiring
}

# The handler of the listener by which a connection came, and how many words it
# takes.

proc ::socketserver::worker::HandlerOf {sock} {
    variable handlers
    if {[llength $handlers] == 1} {
        return [lindex $handlers 0]
    }
    lindex $handlers [::socketserver::Connection listener $sock]
}

# Calls the handler with a connection. An error is told, and the
# connection closed.

proc ::socketserver::worker::Handle {how sock address peerPort} {
    lassign $how handler words
    set call $handler
    if {$words == 1} {
        lappend call $sock
    } else {
        lappend call $sock $address $peerPort
    }
    if {[catch {uplevel #0 $call} message problem] == 1} {
        Failed $handler $sock $address $peerPort $message $problem
        catch {chan close $sock}
    }
}

# Tells of an error of the handler. That the client went away in the
# middle of it is no error of anybody's.

proc ::socketserver::worker::Failed {
    handler sock address peerPort message problem
} {
    set peer [::socketserver::log::Peer $address $peerPort]
    if {[Gone $sock $address $message [dict get $problem -errorcode]]} {
        Tell info "$peer went away: $message" {} [list $address $peerPort]
        return
    }
    Tell error "handler \"[::socketserver::log::Brief $handler]\" failed,\
            serving $peer: $message" $problem [list $address $peerPort]
}

# Whether a connection's client is gone, and that is what failed.

proc ::socketserver::worker::Gone {sock address message code} {
    if {![IsLoss $code]} {
        return 0
    }
    # The peer of a Unix socket has a name to its end and after.
    if {$address eq "unix"} {
        return [expr {[string first \"$sock\" $message] >= 0}]
    }
    # The last is what package tls has to say of an end without goodbye.
    expr {![Has $sock -peername]
            || [lindex $code 1] eq "ECONNABORTED" && [chan eof $sock]}
}

proc ::socketserver::worker::IsLoss {code} {
    expr {[lindex $code 0] eq "POSIX"
            && [lindex $code 1] in {EPIPE ECONNRESET ETIMEDOUT ECONNABORTED}}
}

# Keeps a connection that the handler left open: the handler is called again when
# its client has sent more, here or, where this was the last that this worker
# takes, elsewhere.

proc ::socketserver::worker::Keep {sock address peerPort} {
    variable left
    try {
        if {$left == 0} {
            ::socketserver::socket park $sock
        } else {
            ::socketserver::Connection keep $sock
        }
    } trap {SOCKETSERVER USAGE} {} {
        # The handler has closed it, or one of its sides.
        Close $sock $address $peerPort
    } on error {message problem} {
        if {$sock in [chan names $sock]} {
            NotKept $sock $address $peerPort $message $problem
        } else {
            # It has given it to another interpreter or thread.
            Close $sock $address $peerPort
        }
    }
}

# Closes a connection that can't be kept.

proc ::socketserver::worker::NotKept {
    sock address peerPort message problem
} {
    set code [dict get $problem -errorcode]
    set known [expr {$address eq "unix" ? [IsLoss $code]
            : [Gone $sock $address $message $code]}]
    catch {chan close $sock}
    set peer [::socketserver::log::Peer $address $peerPort]
    if {$known} {
        Tell info "$peer went away: $message" {} [list $address $peerPort]
    } else {
        Tell error "can't keep the connection of $peer: $message" $problem \
                [list $address $peerPort]
    }
}

# Closes a connection that the handler left open. Without an event loop
# all must be written now; what the handler has closed may need one for
# that.

proc ::socketserver::worker::Close {sock address peerPort} {
    if {$sock ni [chan names $sock]} {
        while {[::socketserver::Connection lingering] > 0} {
            ::socketserver::Timer start 10 \
                    {set ::socketserver::worker::turned 1}
            vwait ::socketserver::worker::turned
        }
        return
    }
    try {
        chan configure $sock -blocking 1
        chan close $sock
    } trap {POSIX EPIPE} {message} - trap {POSIX ECONNRESET} {message} {
        Tell info "[::socketserver::log::Peer $address $peerPort] went away:\
                $message" {} [list $address $peerPort]
    } on error {message problem} {
        Tell error "can't close the connection of\
                [::socketserver::log::Peer $address $peerPort]: $message" \
                $problem [list $address $peerPort]
    }
}

# The queue has ended, or a message asked this worker to retire: in the
# accept loop, which then returns; in the event loop.

proc ::socketserver::worker::Closed {} {
    Retiring
    Show retiring {} 1
}

proc ::socketserver::worker::Ended {} {
    variable leaving 1
    variable asked 0

    Closed
    Ask
}

# The worker takes no more connections. Those that are open may want to
# know.

proc ::socketserver::worker::Retiring {} {
    variable told
    Show retiring
    if {!$told} {
        set told 1
        Evaluate -leavecmd
    }
}

# TERM, and USR1 where there is something to do about it. Without a command for
# it, it must not be caught.

proc ::socketserver::worker::CatchSignals {} {
    variable options
    set call {::socketserver::Signals worker ::socketserver::worker::Obey}
    if {[dict get $options -reopencmd] ne {}} {
        lappend call {TERM USR1}
    }
    {*}$call
}

proc ::socketserver::worker::Obey {signal} {
    if {$signal eq "USR1"} {
        Evaluate -reopencmd
    } else {
        Leave
    }
}

# SIGTERM came: the event loop takes no more. (The accept loop sees it by
# itself.)

proc ::socketserver::worker::Leave {} {
    variable options
    variable settings
    variable leaving
    variable asked

    if {[dict get $options -loop] eq "event" && !$leaving} {
        set leaving 1
        if {$asked} {
            ::socketserver::Queue withdraw [dict get $settings port]
        }
        Retiring
        Ask
    }
}

# Evaluate the script that an option gives, the former so that an error
# is told and no more. The script may end with "return", as a file may
# that is sourced.

proc ::socketserver::worker::Evaluate {option} {
    if {[catch {Script $option} message problem]} {
        Tell error "$option failed: $message" $problem
    }
}

proc ::socketserver::worker::Script {option} {
    variable options

    set code [catch {uplevel #0 [dict get $options $option]} message problem]
    if {$code == 1} {
        return -options $problem $message
    }
    if {$code ni {0 2}} {
        return -code error "$option ended with code $code, outside of a loop"
    }
}

# Says something as the pool's options want it.
#
# peer: address and port, where it is about a connection.

proc ::socketserver::worker::Tell {level message {problem {}} {peer {}}} {
    variable options
    variable settings

    set about [dict create generation [dict get $settings generation]]
    if {$peer ne {}} {
        set about [::socketserver::log::WithPeer $about {*}$peer]
    }
    ::socketserver::log::Tell [::socketserver::log::Command $options] $level \
            $message $problem $about
}
