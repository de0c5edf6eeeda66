# pool.tcl --
#
#	A pool of workers, in the process that serves: its commands. How it
#	watches the workers, asks Go what to do about what it sees
#	("Supervise") and does it, stands in pool_step.tcl; what it tells of
#	them in pool_status.tcl; its options in pool_options.tcl; what comes to
#	it from other processes in pool_operators.tcl; its status page in
#	pool_exporter.tcl.

namespace eval ::socketserver::pool {
    namespace export names of start
    namespace ensemble create -unknown ::socketserver::pool::Unknown
    variable counter 0	;# Names pools.
    # What a pool's status repeats of "socket status".
    variable fronts {
        parked resumed holding oldest firstByte shed gone refused expired
        malformed probes backlog datagrams
    }
    # ...and what is left of that when the port is closed.
    variable nobody {
        parked 0 holding {queue 0 proxy 0 firstbyte 0 head 0 closing 0}
        oldest 0 backlog 0
    }
    variable ports {}	;# First ports of those that have one: the pool's
			;# command, process and listeners.
    variable services {};# What operators ask of a service: who hears it.
    variable forwarded {} ;# What came of that and is still to be heard.
    variable spare 64	;# Slots for attached workers.
}

# ?option value ...? listener handlerProc ?listener handlerProc ...?: listens
# and starts workers; with -exec listeners alone. The pool, a command.

proc ::socketserver::pool::start {args} {
    variable counter

    ::socketserver::options::Plainly {
        lassign [Words "::socketserver::pool start" $args] pairs served
        set options [::socketserver::options::Read \
                [::socketserver::options::Default] $pairs]
        if {[dict get $options -exec] ne {}} {
            ::socketserver::program::Check [dict get $options -exec]
        } else {
            foreach {listener handler} $served {
                CheckHandler $handler $options
            }
        }
        set options [::socketserver::exporter::Prepare $options]
        if {[dict get $options -user] ne {}} {
            ::socketserver::Process account [dict get $options -user] \
                    [dict get $options -group]
        }
        lassign [Listen $served $options] listeners tellers
        if {[dict get $options -exec] ne {}} {
            ::socketserver::program::CheckListeners $listeners
        }
        ::socketserver::Pool create ::socketserver::pool[incr counter] \
                $listeners $tellers $options
    }
}

# The options, and the listeners with their handlers, among a command's words.
# Where there is a program, it is the handler of all.

proc ::socketserver::pool::Words {command words} {
    set last [expr {[llength $words] - 2}]
    for {set i 0} {$i < $last} {incr i 2} {
        if {![string match {-[a-z]*} [lindex $words $i]]} break
        if {[lindex $words $i] in {-exe -exec}
                && [lindex $words $i+1] ne {}} {
            set program [lindex $words $i+1]
            set last [expr {[llength $words] - 1}]
        }
    }
    set served [lrange $words $i end]
    if {[info exists program]} {
        set expected "-exec {program ?arg ...?} ?option value ...?\
                listener ?listener ...?"
        set served [concat {*}[lmap listener $served {
            list $listener $program
        }]]
    } else {
        set expected "?option value ...? listener handlerProc\
                ?listener handlerProc ...?"
    }
    if {[llength $served] % 2 || [llength $served] == 0} {
        ::socketserver::options::Usage \
                "wrong # args: should be \"$command $expected\""
    }
    list [lrange $words 0 $i-1] $served
}

# The pools of this process; the one of a listener.

proc ::socketserver::pool::names {} {
    variable ports
    lmap entry [dict values $ports] {
        lassign $entry pool process
        if {$process != [pid]} continue
        set pool
    }
}

proc ::socketserver::pool::of {listener} {
    if {[string is integer -strict $listener]} {
        set listener [expr {$listener + 0}]
    }
    foreach key {name port} {
        set found [Find $key $listener]
        if {[dict size $found] == 1} {
            return [lindex [dict values $found] 0]
        }
    }
    if {[dict size $found] > 1} {
        ::socketserver::options::Usage "port $listener has several listeners:\
                give the name of one of [dict keys $found]"
    }
    return -code error -errorcode {SOCKETSERVER NOPOOL} "listener\
            \"$listener\" has no pool in this process:\
            \"::socketserver::pool names\" tells which there are"
}

# The pools of this process by the names of their listeners, of those whose name
# or port this is.

proc ::socketserver::pool::Find {key value} {
    variable ports
    set found {}
    foreach entry [dict values $ports] {
        lassign $entry pool process listeners
        foreach listener $listeners {
            if {$process == [pid] && [dict get $listener $key] eq $value} {
                dict set found [dict get $listener name] $pool
            }
        }
    }
    return $found
}

# An ensemble's handler for what it doesn't know answers with what to call
# instead.

proc ::socketserver::pool::Unknown {ensemble name args} {
    list ::socketserver::pool::Refuse $name
}

proc ::socketserver::pool::Refuse {name args} {
    return -code error -errorcode {SOCKETSERVER USAGE} "unknown or ambiguous\
            subcommand \"$name\": must be names, of, or start"
}

# A handler must be a list, and a command unless -initcmd may make it one.

proc ::socketserver::pool::CheckHandler {handler options} {
    if {![string is list $handler] || [llength $handler] == 0} {
        return -code error -errorcode {SOCKETSERVER HANDLER} \
                "handler \"$handler\" is not a list: give a command prefix"
    }
    if {[dict get $options -initcmd] eq {}} {
        ::socketserver::worker::Words $handler
    }
}

# Listens, where there is no pool yet. To serve again what is served changes
# nothing. A list of dicts: name, port, addresses, handler; and a dict of those
# that tell of the pool's health and status: their names, or {}.

proc ::socketserver::pool::Listen {served options} {
    variable ports

    set before [::socketserver::socket ports]
    set listeners {}
    set tellers {health {} status {}}
    foreach listener [::socketserver::Queue serve \
            [::socketserver::options::Listening $options] \
            [lmap {listener -} $served {set listener}] \
            [::socketserver::options::Extras $options]] {
        if {[dict exists $listener use]} {
            dict set tellers [dict get $listener use] [dict get $listener name]
        } else {
            lappend listeners $listener
        }
    }
    set port [dict get [lindex $listeners 0] port]
    if {[dict exists $ports $port]
            && ([lindex [dict get $ports $port] 1] eq [pid]
            || ![dict get [::socketserver::socket status -port \
                    [dict get [lindex $listeners 0] name]] serving])} {
        if {$port ni $before} {
            # One that hasn't noticed yet that its port was closed.
            ::socketserver::socket close -port \
                    [dict get [lindex $listeners 0] name]
        }
        return -code error -errorcode {SOCKETSERVER USAGE}\
                "[::socketserver::log::Called $port] has a pool already: stop\
                it, or add workers to it"
    }
    list [lmap listener $listeners {- handler} $served {
        dict set listener handler $handler
    }] $tellers
}

# The server has something to tell of a port. Whether the port has a pool here
# with a -logcmd, which tells it, as soon as the event loop runs: it may be in a
# step.

proc ::socketserver::pool::Hear {port message} {
    variable ports
    if {![dict exists $ports $port]} {
        return 0
    }
    lassign [dict get $ports $port] pool process
    if {$process != [pid] || [info commands $pool] eq {}
            || [$pool cget -logcmd] eq {}} {
        return 0
    }
    ::socketserver::Timer start 0 [list ::socketserver::pool::Call \
            [info object namespace $pool]::my Here Heard $message]
    return 1
}

# What a step leaves to be done when it is over, because the application's
# commands are called, and these may do away with the pool.

proc ::socketserver::pool::Perform {commands} {
    foreach command $commands {
        {*}$command
    }
}

proc ::socketserver::pool::Call {method args} {
    if {[info commands $method] ne {}} {
        tailcall $method {*}$args
    }
}

proc ::socketserver::pool::Ready {pool readyCmd logCmd} {
    if {[info commands $pool] eq {}} {
        return
    }
    if {[catch {uplevel #0 [list {*}$readyCmd $pool]} message problem] == 1} {
        ::socketserver::log::Tell $logCmd error "-readycmd failed: $message" \
                $problem
    }
}

proc ::socketserver::pool::Reloading {script callback logCmd} {
    set code [catch {uplevel #0 $script} message problem]
    if {$code == 1} {
        ::socketserver::log::Tell $logCmd error "-reloadcmd failed: $message" \
                $problem
    } else {
        set message {}
    }
    {*}$callback $message
}

::oo::class create ::socketserver::Pool {
    # options	a dict of all of them
    # listeners	dicts: name, port, addresses, handler
    # port	the first one's, or its name, if it has none
    # tellers	dict: health, status: the names of the listeners that tell of
    #		them, or {}
    # exporter	the process that shows the status; {}: none
    # exported	when it was started, and after how many ms the next one is
    # service	what the server calls the pool; {}: it doesn't know of it
    # notify	where systemd hears, and within how many us it wants to; or {}
    # owner	this process; forked children have a copy that is dead
    # supervisor board
    #		what Supervise and Board returned
    # slots	how many the board has
    # children	pid -> dict: slot, reason of a kill, whether it is attached
    # stuck	pid and whether an error is raised there -> which worker its
    #		stack was asked of: in words, and for Tell
    # reopening	those that shall still be told to reopen their files
    # queues	queue number -> generation; the last but one is fed while a
    #		reload goes on
    # fed	the generation of the one that is
    # seen	lines for the next snapshot
    # afterwards	what to do when the step is over
    # standing	dict: phase generation wanted minworkers maxworkers limitReached
    # errors		where programs write errors to, a descriptor; or {}
    # timer		calls Step again
    # soon		whether it does so at once
    # counts	dict: forked ended died killed reloads failed attached; of the
    #		workers that have ended: served, taken, waited ns; exits: of
    #		the forked ones, by why
    # accepted	connections, as far as known
    # front	dict: what the server last told of those that no worker has
    # samples	list of {ms served accepted}, for rates
    # whyNot	what the latest worker that could not begin said
    # lastError	the latest error told
    # last	the status when the pool ended
    # over	set then
    # asked	whether it has been asked to stop
    # successor	the process that has taken over; {}: none
    # failure	why it ended without that: {reason message}
    variable options listeners port tellers exporter exported service notify \
            owner supervisor board slots children stuck reopening queues fed \
            seen afterwards standing \
            timer soon counts accepted front samples whyNot lastError last over \
            asked successor failure errors

    constructor {givenListeners givenTellers givenOptions} {
        set listeners $givenListeners
        set port [dict get [lindex $listeners 0] port]
        set tellers $givenTellers
        set exporter {}
        set exported {0 0}
        set options $givenOptions
        set owner [pid]
        set over 0
        set board {}
        set supervisor {}
        set service {}
        set successor {}
        set stuck {}
        set reopening {}
        set last {}
        set lastError {}
        set asked 0
        set failure {}
        set timer {}
        set soon 0
        set seen {}
        set afterwards {}
        set errors {}
        set children {}
        set whyNot {}
        set samples {}
        set accepted 0
        set front {}
        set counts {
            forked 0 ended 0 died 0 killed 0 reloads 0 failed 0
            served 0 taken 0 waited 0 attached 0
            exits {ended 0 died 0 timeout 0 start 0 end 0 grace 0 reload 0}
        }
        set slots [my Slots]
        set notify [my Notify]
        if {[dict get $options -exec] ne {}
                || [dict get $options -status] ne {}} {
            set errors [::socketserver::Process hear [my Callback Say]]
        }
        set board [::socketserver::Board create \
                [expr {$slots + $::socketserver::pool::spare}]]
        set supervisor [::socketserver::Supervise new [my Config]]
        my Serve
        my Later 1000
        set queues [dict create [lindex [dict keys [my Queued]] end] 1]
        set fed 1
        lassign [::socketserver::options::Bounds $options] least most
        my Room $most
        set standing [dict create phase running generation 1 \
                wanted $least minworkers $least maxworkers $most \
                limitReached 0]
        dict set ::socketserver::pool::ports $port \
                [list [self] $owner $listeners]
        my Tell info "[my Where], $least workers start"
        if {[dict get $options -takeover] eq {}} {
            my Export
        }

        # What this leaves to be done is for the event loop: none of the
        # application's commands meets a pool that is being made.
        my Step
        my Soon
    }

    destructor {
        if {[info exists over] && !$over && [pid] == $owner} {
            catch {::socketserver::socket close -port [my Name]}
            my Release
            # Who waits goes on: its own call keeps the variable alive.
            set over 1
        }
    }

    # More workers, or fewer; one that is busy finishes first.

    method add {{n 1}} {
        ::socketserver::options::Plainly {
            set n [my Count $n]
        }
        set room [expr {$slots / 4}]
        if {[dict get $standing wanted] + $n > $room} {
            my Usage "this pool has room for $room workers: start it with a\
                    higher -maxworkers"
        }
        my Room [expr {[dict get $standing wanted] + $n}]
        my Ask [list add $n]
        dict incr standing wanted $n
        return
    }

    method retire {{n 1}} {
        ::socketserver::options::Plainly {
            set n [my Count $n]
        }
        my Ask [list retire $n]
    }

    # A new generation of workers takes over when all of it is ready.

    method reload {} {
        my Ask reload
    }

    # No more connections; those that were accepted are served.

    method stop args {
        set changed $options
        if {[llength $args] > 0} {
            if {[llength $args] != 2 || [lindex $args 0] ne "-grace"} {
                my Usage "wrong # args: should be \"[self] stop ?-grace seconds?\""
            }
            ::socketserver::options::Plainly {
                set changed [::socketserver::options::Read $options $args 1]
            }
        }
        if {!$over} {
            my Ask [list stop [::socketserver::options::Milliseconds \
                    [dict get $changed -grace]]]
            my Asked stopping
        }
    }

    # As stop, after some time in which only those that ask for the pool's
    # health see that it will.

    method drain {{seconds {}}} {
        set changed $options
        if {$seconds ne {}} {
            ::socketserver::options::Plainly {
                set changed [::socketserver::options::Read $options \
                        [list -drain $seconds] 1]
            }
        }
        my Ask [list drain {*}[lmap name {-drain -grace} {
            ::socketserver::options::Milliseconds [dict get $changed $name]
        }]]
        my Asked draining
    }

    # Runs the event loop until the pool has stopped. An error when nobody had
    # asked it to.

    method wait {} {
        my Mine 1
        if {!$over} {
            vwait [my varname over]
        }
        if {$failure ne {}} {
            lassign $failure reason message
            return -code error -errorcode [list SOCKETSERVER $reason] $message
        }
        return
    }

    # A method that there isn't.

    method unknown {{name {}} args} {
        my Usage "unknown or ambiguous subcommand \"$name\": must be add, cget,\
                configure, destroy, drain, reload, retire, stack, status,\
                stop, or wait"
    }

    # A command prefix that calls a method of this pool, if it still exists, in
    # the process that it belongs to. A child has a copy of it, whose event loop
    # must leave alone what comes for the server.

    method Callback args {
        list ::socketserver::pool::Call [namespace current]::my Here {*}$args
    }

    method Here args {
        if {[pid] == $owner} {
            my {*}$args
            set commands $afterwards
            set afterwards {}
            tailcall ::socketserver::pool::Perform $commands
        }
    }

    method Afterwards args {
        lappend afterwards $args
    }

    # In another process than its own a method ends with an error: the one so
    # many levels up from here.

    method Mine {level} {
        if {[pid] != $owner} {
            return -level [expr {$level + 1}] -code error \
                    -errorcode {SOCKETSERVER NOTSERVER} \
                    "the pool of [my Called] is one of process $owner"
        }
    }

    method Count {n} {
        ::socketserver::options::Number "number of workers" $n 1 \
                [expr {$slots / 4}]
    }

    method Usage {message} {
        return -level 2 -code error -errorcode {SOCKETSERVER USAGE} $message
    }

    # Where it listens, for people.

    method Where {} {
        set all [lmap listener $listeners {
            set itsPort [dict get $listener port]
            set text "[::socketserver::log::Called $itsPort] is served"
            set addresses [join [dict get $listener addresses] {, }]
            if {$addresses ne {}} {
                append text " on $addresses"
            } elseif {[regexp {^(?:udp:)?\d+$} $itsPort]} {
                append text " on all addresses"
            }
            set text
        }]
        join $all {, }
    }

    method Called {} {
        ::socketserver::log::Called $port
    }

    # A name that finds its queue.

    method Name {} {
        dict get [lindex $listeners 0] name
    }

    # The server has told something of the port.

    method Heard {message} {
        my Tell warning $message
    }

    # Programs have said something on stderr.

    method Say {lines} {
        foreach line $lines {
            my Tell warning [::socketserver::log::Plain $line]
        }
    }

    # Says something as the options want it, when the step is over.

    method Tell {level message {problem {}} {about {}}} {
        if {$level eq "error"} {
            set lastError $message
        }
        my Afterwards ::socketserver::log::Tell \
                [::socketserver::log::Command $options] $level $message \
                $problem $about
    }
}
