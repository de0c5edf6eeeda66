# lives.tcl --
#
#	What the files about the life of a server share: clients of Unix
#	sockets, an operator on the control path, servers that serve until they
#	are told otherwise, who hears what a service manager is told.

source [file join [file dirname [info script]] fronts.tcl]

namespace eval ::lives {
    namespace export place connectTo exchangeWith refusedBy
    namespace export operator pose reply hungUp asked ctl ctlFails
    namespace export serving logOf awaitLog awaitEntry children endServer endProcess
    namespace export successorOf hearing heard awaitHeard deaf
    namespace export openPackage shutPackage acceptorOf
    namespace export newcomer httpOf healthOf awaitHealth socketOf asNobody json

    variable counter 0
    variable program [file join $::env(SOCKETSERVER_BUILD) socketserverctl]
    variable replies	;# (channel): bytes that came from a control path.
    array set replies {}
    variable told	;# (channel): what a service manager heard, as it came.
    array set told {}
}

::tcltest::testConstraint ctl [file executable $::lives::program]
foreach {constraint command} {
    unshare {unshare -m true}
    setpriv {setpriv --reuid=65534 --regid=65534 --clear-groups true}
    activate {systemd-socket-activate --version}
    analyze {systemd-analyze --version}
    python {python3 -c pass}
} {
    ::tcltest::testConstraint $constraint \
	    [expr {![catch {exec {*}$command}]}]
}

# A path for a socket, or another file, that is free.

proc ::lives::place {{name s}} {
    variable counter
    file join $::support::directory $name-[incr counter]
}

#
# Clients of Unix sockets, step by step as those of ports are: receive, send,
# awaitFin and drop are the same. That a connection was reset they don't see.
#

proc ::lives::connectTo {listener} {
    set chan [open [list | socat -t 0 - [socketOf $listener] 2>/dev/null] r+]
    chan configure $chan -blocking 0 -buffering line -translation {auto lf}
    lappend ::support::clients $chan
    set ::support::client($chan,lines) {}
    set ::support::client($chan,outcome) {}
    chan event $chan readable [list ::support::ClientRead $chan]
    return $chan
}

# What socat calls a listener: unix:/path or unix:@name.

proc ::lives::socketOf {listener} {
    set path [regsub {^unix:} $listener {}]
    if {[string index $path 0] eq "@"} {
	return ABSTRACT-CONNECT:[string range $path 1 end]
    }
    return UNIX-CONNECT:$path
}

proc ::lives::exchangeWith {listener texts} {
    set chan [connectTo $listener]
    try {
	send $chan {*}$texts
    } trap {POSIX} {} {
	# It has been closed; the reading tells.
    }
    awaitFin $chan
}

# Why nobody can connect there; {} when somebody can.

proc ::lives::refusedBy {listener args} {
    if {[catch {exec {*}$args socat -u OPEN:/dev/null [socketOf $listener]} \
	    message]} {
	return [regsub {.*: } [lindex [split $message \n] 0] {}]
    }
}

proc ::lives::asNobody {} {
    list setpriv --reuid=65534 --regid=65534 --clear-groups
}

# Has processes find the package where other users may read it; as before again.

proc ::lives::openPackage {} {
    variable before $::env(TCLLIBPATH)
    set package [place package]
    file mkdir $package
    file copy {*}[glob -directory $::env(SOCKETSERVER_BUILD) *.so *.tcl] $package
    set ::env(TCLLIBPATH) [linsert $before 0 $package]
}

proc ::lives::shutPackage {} {
    variable before
    set ::env(TCLLIBPATH) $before
}

#
# An operator: packets on the control path, made by hand.
#

proc ::lives::operator {path args} {
    variable replies
    set chan [open [list | {*}$args socat -t 0 - \
	    UNIX-CONNECT:$path,socktype=5 2>/dev/null] r+]
    chan configure $chan -blocking 0 -buffering none -translation binary
    lappend ::support::clients $chan
    set replies($chan) {}
    return $chan
}

proc ::lives::pose {chan id name {numbers {0 0}} {text {}}} {
    chan puts -nonewline $chan \
	    [binary format nnna20mma* $id 0 0 $name {*}$numbers $text]
}

# An answer that is one packet, as {id errno name number number text}; {} when
# the connection has ended instead.

proc ::lives::reply {chan {milliseconds {}}} {
    variable replies
    await {
	[append ::lives::replies($chan) [chan read $chan]; string length \
		$::lives::replies($chan)] >= 48 || [chan eof $chan]
    } $milliseconds "an answer on the control path"
    set bytes $replies($chan)
    set replies($chan) {}
    if {$bytes eq {}} {
	return {}
    }
    binary scan $bytes nnnA20mma* id errno more name first second text
    list $id $errno [lindex [split $name \0] 0] $first $second $text
}

# Waits until the server has closed a connection.

proc ::lives::hungUp {chan {milliseconds {}}} {
    await {[chan read $chan; chan eof $chan]} $milliseconds \
	    "the end of a control connection"
    drop $chan
    return gone
}

# One question, one answer: {reason text}; reason {}: it is done.

proc ::lives::asked {path name {text {}} {numbers {0 0}}} {
    set chan [operator $path]
    pose $chan 1 $name $numbers $text
    set answer [reply $chan]
    drop $chan
    list [lindex $answer 2] [lindex $answer 5]
}

# The program for operators: what it prints; {status stderr} of one that fails.

proc ::lives::ctl {path args} {
    variable program
    exec $program -s $path {*}$args
}

proc ::lives::ctlFails {path args} {
    variable program
    if {![catch {exec $program -s $path {*}$args} message options]} {
	return [list 0 $message]
    }
    regsub {\nchild process exited abnormally$} $message {} message
    list [lindex [dict get $options -errorcode] end] $message
}

# JSON as d in an expression of Python's.

proc ::lives::json {text expression} {
    exec python3 -c "import json, sys\nd = json.load(sys.stdin)\nprint($expression)" << $text
}

#
# Servers that serve until they are told otherwise: in the test's own words, a
# program that is started again as it was.
#

set ::lives::Prelude {
    proc handle {sock address port} {
	chan configure $sock -translation lf -buffering line
	if {[chan gets $sock text] >= 0} {
	    switch -glob -- $text {
		sleep* {after [lindex $text 1]}
		wait {
		    chan puts $sock "[pid] waits"
		    chan gets $sock text
		}
		version {set text $::version}
		eval* {set text [uplevel #0 [string range $text 5 end]]}
	    }
	    chan puts $sock "[pid] $text"
	}
    }
    proc log {level message} {
	set chan [open $::logFile a]
	chan configure $chan -buffering full -encoding utf-8
	puts $chan [list $level [pid] $message]
	close $chan
    }
}

# ::lives::serving --
#
#	Starts a program that is "serve" and nothing else, and waits until its
#	first workers are ready.
#
# Arguments:
#	args	?option value ...? ?script?: options of serve, and
#		-listeners list	what to serve
#		-version text	what "version" is answered with; default: 1
#		-wrap prefix	as start has it
#		-logs path	the file of the log; default: a new one
#		-await bool	whether to wait; default: 1
#
# Results:
#	A handle.

proc ::lives::serving {args} {
    variable Prelude
    set script {}
    if {[llength $args] % 2} {
	set script [lindex $args end]
	set args [lrange $args 0 end-1]
    }
    array set own {-version 1 -wrap {} -await 1}
    set own(-logs) [place served]
    set options {}
    foreach {name value} $args {
	if {$name in {-listeners -version -wrap -logs -await}} {
	    set own($name) $value
	} else {
	    lappend options $name $value
	}
    }
    set handle [start -plain 1 -packages socketserver -wrap $own(-wrap) "
	$Prelude
	[list set logFile $own(-logs)]
	set version [word $own(-version)]
	$script
	::socketserver::serve -logcmd log {*}[word $options] \
		{*}[word $own(-listeners)]
    "]
    set ::pools::log($handle) $own(-logs)
    if {$own(-await)} {
	awaitLog $handle "ready: *" [pidOf $handle]
    }
    return $handle
}

# What a server logged, the texts alone; waits for one, of one process.

proc ::lives::logOf {handle {pattern *} {pid *} {levels *}} {
    lmap entry [logged $handle $levels $pattern] {
	if {![string match $pid [lindex $entry 1]]} {
	    continue
	}
	lindex $entry 2
    }
}

proc ::lives::awaitLog {handle pattern {pid *}} {
    await {
	[::lives::logOf $handle $pattern $pid] ne {}
	|| ![running [pidOf $handle]]
    } {} "\"$pattern\" in the log: [logged $handle]"
    if {[logOf $handle $pattern $pid] eq {}} {
	error "no \"$pattern\", the server has ended: [logged $handle]\
		[stderrOf $handle]"
    }
    lindex [logOf $handle $pattern $pid] 0
}

# A process's children.

proc ::lives::children {pid} {
    lmap one [descendants $pid] {
	if {[lindex [::support::Stat $one] 1] != $pid} {
	    continue
	}
	set one
    }
}

# What the thread that accepts has open: descriptors that are its alone, which
# watch doesn't see.

proc ::lives::acceptorOf {handle} {
    set pid [pidOf $handle]
    descriptors $pid/task/[acceptThread $pid]
}

# Stops a server, or a process that no handle is for, and waits for its end.

proc ::lives::endServer {handle {signal INT}} {
    if {[running [pidOf $handle]]} {
	kill $signal $handle
    }
    status $handle
}

proc ::lives::endProcess {pid {signal INT}} {
    kill $signal $pid
    awaitEnd $pid
}

# The process that took over from a server, once the server has ended: the one
# of its session that no other of it has forked.

proc ::lives::successorOf {handle} {
    await {![running [pidOf $handle]]} {} "the end of the predecessor"
    regexp {process (\d+)} [awaitEntry $handle "*has taken over*"] -> pid
    return $pid
}

# The last that was logged of what matches, by whatever process; waited for.

proc ::lives::awaitEntry {handle pattern} {
    await {[::lives::logOf $handle $pattern] ne {}} {} \
	    "\"$pattern\" in the log: [logged $handle]"
    lindex [logOf $handle $pattern] end
}

# A process that has asked the server's part of itself for something before, so
# that what it opens for good is open; watched.

proc ::lives::newcomer {} {
    set handle [start -packages socketserver $::pools::Prelude]
    ask $handle {
	catch {::socketserver::pool start unix:/nonexistent/s handle}
    }
    watch $handle
    return $handle
}

#
# What a service manager is told: socat prints each datagram after a line with
# its time and length.
#

proc ::lives::hearing {path} {
    variable told
    set chan [open [list | socat -u -v UNIX-RECV:$path OPEN:/dev/null 2>@1] r]
    chan configure $chan -blocking 0 -translation binary
    set told($chan) {}
    await {[file exists $path]}
    return $chan
}

# The datagrams that match, in order.

proc ::lives::heard {chan {pattern *}} {
    variable told
    append told($chan) [chan read $chan]
    set text "\n$told($chan)"
    set result {}
    set before {\n?> \d{4}/\d\d/\d\d \S+ +length=\d+ from=\d+ to=\d+\n}
    foreach one [lrange [split [regsub -all $before $text \0] \0] 1 end] {
	if {[string match $pattern $one]} {
	    lappend result $one
	}
    }
    return $result
}

proc ::lives::awaitHeard {chan pattern {count 1}} {
    await {[llength [::lives::heard $chan $pattern]] >= $count} {} \
	    "$pattern $count times: [heard $chan]"
    lindex [heard $chan $pattern] $count-1
}

proc ::lives::deaf {chan} {
    variable told
    exec kill -s TERM [pid $chan]
    chan configure $chan -blocking 1
    catch {close $chan}
    unset told($chan)
}

#
# The health listener: an exchange of HTTP as {status body}.
#

proc ::lives::httpOf {port {head "GET / HTTP/1.1\r\nHost: x\r\n\r\n"}} {
    set client [connect $port]
    chan configure $client -translation {auto binary}
    chan puts -nonewline $client $head
    chan flush $client
    lassign [awaitFin $client] outcome lines
    set at [lsearch $lines {}]
    list $outcome [lindex $lines 0 1] [join [lrange $lines $at+1 end]]
}

proc ::lives::healthOf {port} {
    lindex [httpOf $port] 2
}

proc ::lives::awaitHealth {port state} {
    await {[::lives::healthOf $port] eq $state} {} \
	    "health $state; it is [healthOf $port]"
}

namespace import -force ::lives::*
