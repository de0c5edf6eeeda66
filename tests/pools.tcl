# pools.tcl --
#
#	What the files about pools share: a server that has one, what it and
#	its workers log, how its workers are.

source [file join [file dirname [info script]] trouble.tcl]

namespace eval ::pools {
    namespace export pool serveWith logged statusOf workers pids awaitReady
    namespace export awaitStatus occupied
    variable counter 0
    variable log		;# (handle): the file of its log.
    array set log {}
}

# What stands before the script of each server. None needs Tclx.

set ::pools::Prelude {
    recordErrors

    # handle -- A line comes back with the pid; the form that load expects.
    # Some words do more.
    proc handle {sock address port} {
	chan configure $sock -translation lf -buffering line
	if {[chan gets $sock text] >= 0} {
	    switch -glob -- $text {
		spin { while 1 {} }
		hang { while 1 { catch { while 1 {} } } }
		fail { error "boom" }
		sleep* { after [lindex $text 1] }
		wait {
		    chan puts $sock "[pid] waits"
		    chan gets $sock text
		}
		exit* { ::exit [lindex $text 1] }
		eval* { set text [uplevel #0 [lrange $text 1 end]] }
	    }
	    chan puts $sock "[pid] $text"
	}
    }

    # handleEvent -- The same for an event loop; the channel stays open until
    # the client has said what it wants.
    proc handleEvent {sock address port} {
	chan configure $sock -translation lf -buffering line -blocking 0
	chan event $sock readable [list answer $sock]
    }

    proc answer {sock} {
	if {[chan gets $sock text] >= 0} {
	    if {$text eq "spin"} {
		while 1 {}
	    }
	    if {$text eq "hang"} {
		while 1 { catch { while 1 {} } }
	    }
	    chan puts $sock "[pid] $text"
	    chan close $sock
	} elseif {[chan eof $sock]} {
	    chan close $sock
	}
    }

    # log -- What the server and its workers have to say, in one file.
    proc log {level message} {
	set chan [open $::logFile a]
	chan configure $chan -buffering full -encoding utf-8
	puts $chan [list $level [pid] $message]
	close $chan
    }

    # workerErrors -- Background errors of workers go there, too.
    proc workerErrors {} {
	interp bgerror {} WorkerError
    }
    proc WorkerError {message options} {
	log background "$message\n[dict get $options -errorinfo]"
    }
}

# ::pools::pool --
#
#	Starts a server with a pool on a free port.
#
# Arguments:
#	args	?option value ...? ?script?: the pool's options, and
#		-handler cmd	default: handle
#		-listeners list	default: 0 and the handler
#		-log bool	whether to give -logcmd; default: 1
#		-wrap prefix	as start has it
#		script		evaluated before the pool starts
#
# Results:
#	{handle port}; the pool is the variable "pool" there. A listener that
#	has no port has its name instead.

proc ::pools::pool {args} {
    Launch $args {
	set pool [::socketserver::pool start {*}$poolOptions {*}$listeners]
	say [dict get [$pool status] port]
    }
}

# ::pools::serveWith --
#
#	The same with "serve", which ends the process with status 0.

proc ::pools::serveWith {args} {
    Launch $args {
	set server [::socket -server {apply {{sock args} {close $sock}}} 0]
	set port [lindex [chan configure $server -sockname] 2]
	close $server
	after 0 [list say $port]
	::socketserver::serve {*}$poolOptions $port \
		{*}[expr {[dict exists $poolOptions -exec] ? "" : [list $handler]}]
	say returned
	exit 0
    }
}

proc ::pools::Launch {args program} {
    variable Prelude
    variable counter
    variable log

    set script {}
    if {[llength $args] % 2} {
	set script [lindex $args end]
	set args [lrange $args 0 end-1]
    }
    set handler handle
    set listeners {}
    set wrap {}
    set logs 1
    set options {}
    foreach {name value} $args {
	switch -- $name {
	    -handler {set handler $value}
	    -listeners {set listeners $value}
	    -wrap {set wrap $value}
	    -log {set logs $value}
	    default {lappend options $name $value}
	}
    }
    set path [file join $::support::directory log[incr counter]]
    if {$logs} {
	lappend options -logcmd log
    }
    if {$listeners eq {}} {
	set listeners [list 0 $handler]
    }
    set handle [start -packages socketserver -wrap $wrap "$Prelude
	[list set logFile $path]
	set poolOptions [word $options]
	set listeners [word $listeners]
	[list set handler $handler]
	$script
	$program"]
    set log($handle) $path
    list $handle [line $handle]
}

# ::pools::logged --
#
#	What was logged: a list of {level pid message}, those that match.

proc ::pools::logged {handle {levels *} {pattern *}} {
    variable log
    set result {}
    set all {}
    if {[file exists $log($handle)]} {
	foreach entry [::support::ReadFile $log($handle)] {
	    # Entries are lists of three, one after the other.
	    lappend all $entry
	}
	foreach {level pid message} $all {
	    if {[string match $levels $level]
		    && [string match $pattern $message]} {
		lappend result [list $level $pid $message]
	    }
	}
    }
    return $result
}

# ::pools::statusOf, ::pools::workers, ::pools::pids --
#
#	What a pool tells; its workers; their pids.

proc ::pools::statusOf {handle {key {}}} {
    set status [ask $handle {$pool status}]
    if {$key eq {}} {
	return $status
    }
    dict get $status $key
}

proc ::pools::workers {handle} {
    statusOf $handle workers
}

proc ::pools::pids {handle} {
    lsort -integer [lmap worker [workers $handle] {dict get $worker pid}]
}

# ::pools::awaitReady --
#
#	Waits until a pool has so many workers, all of them ready, and no
#	others.

proc ::pools::awaitReady {handle count {milliseconds {}}} {
    await {[::pools::Ready $handle] == $count} $milliseconds \
	    "$count workers of $handle"
}

proc ::pools::Ready {handle} {
    set status [statusOf $handle]
    if {[dict get $status starting] > 0 || [dict get $status retiring] > 0} {
	return -1
    }
    llength [dict get $status workers]
}

# ::pools::awaitStatus --
#
#	Waits until a key of the status has a value.

proc ::pools::awaitStatus {handle key value {milliseconds {}}} {
    await {[::pools::statusOf $handle $key] eq $value} $milliseconds \
	    "$key $value of $handle"
}

# ::pools::occupied --
#
#	What a process has written to, in KiB, shared or not since it forked: how
#	many others map the same files is not its doing. AddressSanitizer keeps
#	what is freed, so nothing is told there.

proc ::pools::occupied {pid} {
    if {[info exists ::env(ASAN_OPTIONS)]} {
	return 0
    }
    regexp -line {^Anonymous:\s+(\d+)} \
	    [::support::ReadFile /proc/$pid/smaps_rollup] -> size
    return $size
}

namespace import -force ::trouble::*
namespace import -force ::pools::*
