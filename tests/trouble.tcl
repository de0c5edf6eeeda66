# trouble.tcl --
#
#	What the files about faults share: an echo server with workers, the
#	load client (load/client), injected errors (strace), limits (prlimit),
#	and what /proc tells of a process.
#
#	Tests that load or inject have "-cleanup clean" instead of "tidy".

source [file join [file dirname [info script]] support.tcl]

namespace eval ::trouble {
    namespace export serve load startLoad endLoad verdict inject hinder follow
    namespace export calmDown starve feed ticks field errors settle clean stateOf
    namespace export signals asleep signalAll awaitEnd tables acceptThread

    variable program [file join $::env(SOCKETSERVER_BUILD) load]
    variable loads {}		;# Channel of a load client -> endless.
    variable tracers {}		;# Channels of straces.
    variable counter 0
    variable limit		;# (pid): what it had before it was starved.
    array set limit {}
}

::tcltest::testConstraint load [file executable $::trouble::program]
::tcltest::testConstraint prlimit \
	[expr {![catch {exec prlimit --pid [pid] --nofile}]}]

# What stands before the script of each server.

set ::trouble::Prelude {
    set options {}	;# Of "client".

    # handle -- A line comes back with the pid; the form that load expects.
    proc handle {sock args} {
	try {
	    Echo $sock
	} finally {
	    catch {close $sock}
	    again
	}
    }

    proc Echo {sock} {
	chan configure $sock -translation lf -buffering line
	try {
	    if {[chan gets $sock text] >= 0} {
		chan puts $sock "[pid] $text"
	    }
	} trap POSIX {} {
	    # The client is gone.
	}
    }

    proc again {} {
	::socketserver::socket client {*}$::options handle
    }

    # acceptLoop -- The same without an event loop, until the server's end.
    proc acceptLoop {} {
	while true {
	    set sock [lindex [::socketserver::socket accept {*}$::options] 0]
	    Echo $sock
	    catch {close $sock}
	}
    }

    # addWorker -- A worker whose background errors are printed.
    proc addWorker {{script again}} {
	worker [list SpeakThen $script]
    }

    proc SpeakThen {script} {
	interp bgerror {} Spoken
	uplevel #0 $script
    }

    proc Spoken {message options} {
	say error [pid] [lrange [dict get $options -errorcode] 0 1]
    }

    # addWorkers -- Several; the list of their pids.
    proc addWorkers {count {script again}} {
	set pids {}
	for {set i 0} {$i < $count} {incr i} {
	    lappend pids [addWorker $script]
	}
	return $pids
    }

    # reapAll -- Takes notice of the children that have ended.
    proc reapAll {} {
	while {![catch {wait -nohang} ended] && $ended ne ""} {}
    }
}

# ::trouble::serve --
#
#	Starts an echo server on a free port.
#
# Arguments:
#	args	?option value ...? ?script?: options of start, and
#		-workers n	how many; default: 4
#		-worker script	what each evaluates; default: again
#		script		evaluated in the server before it serves
#
# Results:
#	{handle port pid workers}: the server's process id, and those of the
#	workers.

proc ::trouble::serve {args} {
    variable Prelude

    set count 4
    set worker again
    set options {}
    set script {}
    if {[llength $args] % 2} {
	set script [lindex $args end]
	set args [lrange $args 0 end-1]
    }
    foreach {name value} $args {
	switch -- $name {
	    -workers {set count $value}
	    -worker {set worker $value}
	    default {lappend options $name $value}
	}
    }
    append program recordErrors \n $Prelude \n $script \n \
	    [list set count $count] \n \
	    [list set worker "say ready\n$worker"] {
	set port [::socketserver::socket server 0]
	set pids [addWorkers $count $worker]
	say serving $port [pid] {*}$pids
    }
    set server [start {*}$options $program]

    # A child may be seen before it has taken its first steps, in which it
    # closes what it shall not keep.
    set ready 0
    set others {}
    while {$ready < $count || ![info exists port]} {
	set text [line $server]
	if {$text eq "ready"} {
	    incr ready
	} elseif {[string match "serving *" $text]} {
	    set workers [lassign $text - port pid]
	} else {
	    lappend others $text
	}
    }
    set ::support::process($server,lines) \
	    [concat $others $::support::process($server,lines)]
    return [list $server $port $pid $workers]
}

# ::trouble::load, ::trouble::startLoad, ::trouble::endLoad --
#
#	Loads a port: waits for the end and returns what was counted (see
#	load/client/main.go); goes on in the background; ends that. Options are
#	those of the load client; without -count and -seconds it goes on until
#	endLoad. A load that has -count or -seconds endLoad only waits for.

proc ::trouble::load {port args} {
    endLoad [startLoad $port {*}$args]
}

proc ::trouble::startLoad {port args} {
    variable program
    variable loads

    set endless [expr {"-count" ni $args && "-seconds" ni $args}]
    if {$endless} {
	lappend args -seconds 600
    }
    set chan [open [list | $program -port $port {*}$args 2>@1] r]
    chan configure $chan -blocking 0
    dict set loads $chan $endless
    return $chan
}

proc ::trouble::endLoad {chan} {
    variable loads

    if {[dict get $loads $chan]} {
	exec kill -s TERM [pid $chan]
    }
    set text {}
    await {[append text [chan read $chan]; chan eof $chan]} \
	    [scale 60000 600000] "the end of a load"
    dict unset loads $chan
    chan configure $chan -blocking 1
    close $chan
    return [string trim $text]
}

# ::trouble::verdict --
#
#	"all served" when each connection that was started was, with its end
#	of file in time; what was counted otherwise.

proc ::trouble::verdict {counts} {
    set started [dict get $counts started]
    if {$started > 0 && [dict get $counts served] == $started
	    && [dict get $counts late] == 0} {
	return "all served"
    }
    return $counts
}

# ::trouble::inject, ::trouble::hinder, ::trouble::follow, ::trouble::calmDown --
#
#	Makes a system call of a process fail, as strace's "when" says; or wait
#	before it begins; follows one of its first thread; ends that and returns
#	how often it failed or was made.

proc ::trouble::inject {pid call errno when} {
    Trace $pid {\(INJECTED\)} -f -e trace=$call \
	-e inject=$call:error=$errno:when=$when
}

proc ::trouble::hinder {pid call microseconds} {
    Trace $pid "$call\\(" -f -e trace=$call \
	-e inject=$call:delay_enter=$microseconds
}

proc ::trouble::follow {pid call} {
    Trace $pid "$call\\(" -e trace=$call
}

proc ::trouble::Trace {pid pattern args} {
    variable tracers
    variable counter

    set path [file join $::support::directory trace[incr counter]]
    set chan [open [list | strace -qq -o $path {*}$args -p $pid 2>@1] r]
    lappend tracers [list $chan $path $pid $pattern]
    await {
	[Traced $pid] eq ("-f" in $args ? [threads $pid] : $pid)
    } {} "strace of $pid"
    return [lindex $tracers end]
}

proc ::trouble::calmDown {tracer} {
    variable tracers

    set tracers [lsearch -all -inline -not -exact $tracers $tracer]
    lassign $tracer chan path pid pattern
    exec kill -s TERM [pid $chan]
    catch {close $chan}
    await {[Traced $pid] eq {}} {} "the end of strace of $pid"
    regexp -all $pattern [::support::ReadFile $path]
}

# The threads of a process that somebody traces.

proc ::trouble::Traced {pid} {
    set result {}
    foreach thread [threads $pid] {
	if {![catch {stateOf $pid/task/$thread TracerPid} tracer]
		&& $tracer != 0} {
	    lappend result $thread
	}
    }
    return $result
}

# ::trouble::starve, ::trouble::feed --
#
#	Lowers the limit of a process for open files; puts it back.

proc ::trouble::starve {pid count} {
    variable limit
    if {![info exists limit($pid)]} {
	set limit($pid) [string trim [exec prlimit --pid $pid --nofile \
		--output SOFT --noheadings]]
    }
    exec prlimit --pid $pid --nofile=$count:
}

proc ::trouble::feed {pid} {
    variable limit
    exec prlimit --pid $pid --nofile=$limit($pid):
    unset limit($pid)
}

# ::trouble::field, ::trouble::errors --
#
#	A number of "socket status" in a process; the errorCodes of its
#	background errors, two words of each.

proc ::trouble::field {handle name} {
    dict get [ask $handle {::socketserver::socket status}] $name
}

proc ::trouble::errors {handle} {
    lmap error [ask $handle {set ::support::errors}] {
	lrange [lindex $error 1] 0 1
    }
}

# ::trouble::settle --
#
#	Waits until the server has handed over all, and the workers have taken
#	all. Returns "nothing lost" or its status.

proc ::trouble::settle {handle} {
    await {[field $handle queued] == 0 && [field $handle held] == 0}
    set status [ask $handle {::socketserver::socket status}]
    if {[dict get $status lost] == 0
	    && [dict get $status accepted] == [dict get $status handedOver]} {
	return "nothing lost"
    }
    return $status
}

# ::trouble::stateOf, ::trouble::ticks --
#
#	A field of /proc/PID/status, where PID may be PID/task/TID; the
#	processor time that a process has used, in clock ticks (100 a second).

proc ::trouble::stateOf {path name} {
    regexp -line "^$name:\\s*(.*)$" \
	    [::support::ReadFile /proc/$path/status] -> value
    return $value
}

proc ::trouble::ticks {pid} {
    set text [::support::ReadFile /proc/$pid/stat]
    set rest [string range $text [string last ) $text]+2 end]
    expr {[lindex $rest 11] + [lindex $rest 12]}
}

# ::trouble::signals --
#
#	The numbers of the signals in a mask such as SigBlk of /proc.

proc ::trouble::signals {path name} {
    set mask [expr "0x[stateOf $path $name]"]
    set result {}
    for {set number 1} {$number <= 64} {incr number} {
	if {$mask & (1 << ($number - 1))} {
	    lappend result $number
	}
    }
    return $result
}

# ::trouble::tables, ::trouble::acceptThread --
#
#	The threads of a process that have a descriptor table of their own:
#	thread -> what is open there. Whether two threads share one the
#	descriptors in it tell. The only one that has, waited for: a process
#	opens something just while it is looked at.

proc ::trouble::tables {pid} {
    set usual [descriptors $pid]
    set result {}
    foreach thread [threads $pid] {
	set open [descriptors $pid/task/$thread]
	if {$open ne $usual} {
	    dict set result $thread $open
	}
    }
    return $result
}

proc ::trouble::acceptThread {pid} {
    await {[dict size [set tables [tables $pid]]] == 1} {} \
	    "one thread of $pid with a table of its own"
    lindex $tables 0
}

# ::trouble::asleep --
#
#	Whether a worker waits for a connection: it has a place at a queue, on
#	an epoll descriptor (what waits there alone has the highest but three of
#	32 bits), and each of its threads sleeps, one there.

proc ::trouble::asleep {pid} {
    set places 0
    foreach entry [descriptors $pid] {
	lassign $entry fd target
	if {$target eq "anon_inode:\[eventpoll\]"
		&& ![catch {::support::ReadFile /proc/$pid/fdinfo/$fd} waited]} {
	    incr places [regexp {events: 1[0-9a-f]{7} } $waited]
	}
    }
    if {$places == 0} {
	return 0
    }
    set waiting 0
    foreach thread [threads $pid] {
	if {![string match S* [stateOf $pid/task/$thread State]]
		|| [catch {::support::ReadFile /proc/$pid/task/$thread/wchan} where]} {
	    return 0
	}
	incr waiting [string match *ep*_* $where]
    }
    expr {$waiting > 0}
}

# ::trouble::signalAll --
#
#	Sends a signal to processes; with STOP, waits until all their threads
#	have stopped.

proc ::trouble::signalAll {signal pids} {
    foreach pid $pids {
	kill $signal $pid
    }
    if {$signal ne "STOP"} {
	return
    }
    foreach pid $pids {
	foreach thread [threads $pid] {
	    await {[string match T* [stateOf $pid/task/$thread State]]}
	}
    }
}

# ::trouble::awaitEnd --
#
#	Waits until a process has ended, with all its threads: the first may be
#	a zombie while others still hold descriptors.

proc ::trouble::awaitEnd {pid {what {}}} {
    await {![running $pid] && [llength [threads $pid]] <= 1} {} \
	    "the end of process $pid $what"
}

# ::trouble::clean --
#
#	To be each test's -cleanup: tidy, after what this file started.

proc ::trouble::clean {} {
    variable limit
    variable loads
    variable tracers

    set faults {}
    foreach tracer $tracers {
	lappend faults "a strace was still running"
	calmDown $tracer
    }
    foreach chan [dict keys $loads] {
	lappend faults "a load was still running"
	catch {exec kill -s KILL [pid $chan]}
	catch {close $chan}
    }
    set loads {}
    array unset limit
    tidy
    if {[llength $faults] > 0} {
	error [join $faults \n]
    }
}

namespace import -force ::trouble::*
