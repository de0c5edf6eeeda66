# support.tcl --
#
#	What the test files share: scripts started as processes of their own,
#	clients, waiting with a deadline, a look at processes through /proc,
#	and the check for leftovers that ends every test.
#
#	A test file begins with
#
#	    source [file join [file dirname [info script]] support.tcl]
#
#	and each of its tests has "-cleanup tidy". Deadlines are there so that
#	a fault ends a test instead of hanging it; no test asserts a time.

package require Tcl 8.6-
package require tcltest 2.5
namespace import -force ::tcltest::test

namespace eval ::support {
    namespace export start startFile say line lines ask finish turn stop kill
    namespace export running freeze exchange connect send receive awaitFin drop
    namespace export await tidy watch descriptors kinds threads descendants
    namespace export processes scale allow stderrOf pidOf status repeated word
    namespace export byTcl

    variable deadline 20000	;# Milliseconds that nothing should take.
    variable directory		;# Of the scripts and of their stderr.
    variable counter 0		;# Names processes.
    variable process		;# What is known of them: (handle,property).
    array set process {}
    variable handles {}		;# Those that tidy has not seen.
    variable watched {}		;# pid -> descriptors and threads, see watch.
    variable clients {}		;# Channels that connect opened.
    variable client		;# (channel,property).
    array set client {}
    variable ticks 0		;# Distinguishes deadlines.
    variable expired		;# (tick): set when one is over.
    array set expired {}
}

# The package under test: what "make" left in build/, unless a directory is
# named.

if {![info exists env(SOCKETSERVER_BUILD)]} {
    set env(SOCKETSERVER_BUILD) [file join \
	    [file dirname [file dirname [file normalize [info script]]]] build]
}
if {![info exists env(TCLLIBPATH)]
	|| $env(SOCKETSERVER_BUILD) ni $env(TCLLIBPATH)} {
    set env(TCLLIBPATH) [linsert \
	    [expr {[info exists env(TCLLIBPATH)] ? $env(TCLLIBPATH) : {}}] 0 \
	    $env(SOCKETSERVER_BUILD)]
}

# What stands before each script that start runs. It takes commands from
# stdin ("ask"), and ends when stdin does, so that nothing outlives a test
# file that was killed.

set ::support::Prelude {
    chan configure stdout -buffering line

    namespace eval ::support {
	variable forever
	variable errors {}
    }

    # say -- Prints its arguments as one line for the test to read.
    proc say args {
	puts [join $args " "]
	flush stdout
    }

    # recordErrors -- Background errors go to the list ::support::errors,
    # as {message errorCode} each, instead of stderr.
    proc recordErrors {} {
	interp bgerror {} ::support::Record
    }

    proc ::support::Record {message options} {
	# A break, say, has no errorCode.
	set errorCode "CODE [dict get $options -code]"
	if {[dict exists $options -errorcode]} {
	    set errorCode [dict get $options -errorcode]
	}
	lappend ::support::errors [list $message $errorCode]
    }

    # worker -- Forks (Tclx) and evaluates a script in the child, which runs
    # its event loop afterwards. Returns the child's pid.
    proc worker {script} {
	set pid [fork]
	if {$pid != 0} {
	    return $pid
	}
	close stdin
	open /dev/null
	foreach planned [after info] {
	    after cancel $planned
	}
	if {[catch {uplevel #0 $script} message options]} {
	    puts stderr [dict get $options -errorinfo]
	    exit 1
	}
	vwait ::support::forever
	exit
    }

    # serveLines -- Serves a connection: each line comes back after this
    # process's id, "quit" ends it.
    proc serveLines {sock} {
	chan configure $sock -buffering line
	while {[chan gets $sock text] >= 0 && $text ne "quit"} {
	    chan puts $sock "[pid] $text"
	}
	chan close $sock
    }

    # handleLines -- A handler that does so and asks for the next connection.
    proc handleLines {sock ipaddr port} {
	serveLines $sock
	::socketserver::socket client handleLines
    }

    # library -- The package's shared library for this Tcl.
    proc library {} {
	set name [expr {[package vsatisfies [package provide Tcl] 9-]
		? "libtcl9socketserver.so" : "libsocketserver.so"}]
	file join $::env(SOCKETSERVER_BUILD) $name
    }

    # repeated -- Evaluates a script a number of times; returns the results.
    proc repeated {count script} {
	set results {}
	for {set i 0} {$i < $count} {incr i} {
	    lappend results [uplevel 1 $script]
	}
	return $results
    }

    # closeEntirely -- Closes a port and sees its queue's end, after which
    # nothing of it is open any more.
    proc closeEntirely {port} {
	::socketserver::socket close -port $port
	while {![catch {
	    ::socketserver::socket accept -port $port -timeout 10 -closed {}
	}]} {}
    }

    # attempt -- Evaluates a script that should fail; returns {message
    # errorCode}.
    proc attempt {script} {
	if {[catch {uplevel #0 $script} message options] != 1} {
	    return [list "no error" $message]
	}
	list $message [dict get $options -errorcode]
    }

    # reap -- Waits for a child (Tclx); returns how it ended.
    proc reap {pid} {
	lrange [wait $pid] 1 2
    }

    proc ::support::Command {} {
	variable forever
	if {[chan gets stdin request] < 0} {
	    if {[chan eof stdin]} {
		exit 0
	    }
	    return
	}
	lassign $request answer text
	set script [encoding convertfrom utf-8 [binary decode base64 $text]]
	if {!$answer} {
	    uplevel #0 $script
	    return
	}
	set code [catch {uplevel #0 $script} result options]
	if {![dict exists $options -errorcode]} {
	    dict set options -errorcode NONE
	}
	puts "reply [binary encode base64 [encoding convertto utf-8 \
		[list $code $result [dict get $options -errorcode]]]]"
	flush stdout
    }

    chan configure stdin -blocking 0 -translation lf
    chan event stdin readable ::support::Command
}

# ::support::start --
#
#	Starts a script in a tclsh of its own, in a session of its own.
#
# Arguments:
#	args	?option value ...? script. Options:
#		-args list	the script's arguments
#		-packages list	required before it; default: Tclx, where there
#				is one, and socketserver
#		-plain bool	the script alone: no prelude, no event loop
#				at its end; tidy ends it with SIGTERM
#		-wrap prefix	a program that runs it, with arguments
#
# Results:
#	A handle. The process runs its event loop when the script has ended.

proc ::support::start {args} {
    variable Prelude
    variable directory

    array set options {
	-args {} -packages socketserver -plain 0 -wrap {}
    }
    if {[::tcltest::testConstraint tclx]} {
	set options(-packages) {Tclx socketserver}
    }
    array set options [lrange $args 0 end-1]
    set script {}
    if {!$options(-plain)} {
	append script $Prelude \n
    }
    foreach name $options(-packages) {
	append script "package require $name\n"
    }
    append script [lindex $args end] \n
    if {!$options(-plain)} {
	append script "vwait ::support::forever\n"
    }
    set path [file join $directory script[NextNumber].tcl]
    set chan [open $path w]
    chan configure $chan -encoding utf-8
    puts $chan $script
    close $chan
    Launch [concat $options(-wrap) \
	    [list [info nameofexecutable] -encoding utf-8 $path] \
	    $options(-args)] $options(-plain)
}

# ::support::startFile --
#
#	Starts a Tcl program that exists as a file. The same results.

proc ::support::startFile {path args} {
    Launch [list [info nameofexecutable] $path {*}$args] 1
}

# ::support::word --
#
#	A value as a word of a script that "start" writes: a source file's
#	carriage returns, for one, aren't what Tcl reads.

proc ::support::word {value} {
    string cat \" [join [lmap char [split $value {}] {
	format \\u%04x [scan $char %c]
    }] {}] \"
}

proc ::support::NextNumber {} {
    variable counter
    incr counter
}

proc ::support::Launch {command plain} {
    variable process
    variable handles
    variable directory
    variable deadline

    set handle process[NextNumber]
    set process($handle,errors) [file join $directory $handle.stderr]
    set process($handle,mark) [pid].$handle
    set process($handle,plain) $plain
    set process($handle,lines) {}
    set process($handle,replies) {}
    set process($handle,ended) 0
    set process($handle,status) {}
    set process($handle,allowed) {}
    set ::env(SOCKETSERVER_TEST) $process($handle,mark)
    set chan [open [concat | setsid $command \
	    [list 2> $process($handle,errors)]] r+]
    unset ::env(SOCKETSERVER_TEST)
    set process($handle,chan) $chan
    set process($handle,pid) [pid $chan]
    lappend handles $handle
    chan configure $chan -blocking 0 -buffering line
    chan event $chan readable [list ::support::Read $handle]
    return $handle
}

proc ::support::Read {handle} {
    variable process

    set chan $process($handle,chan)
    while {[chan gets $chan text] >= 0} {
	if {[string match "reply *" $text]} {
	    lappend process($handle,replies) [encoding convertfrom utf-8 \
		    [binary decode base64 [lindex $text 1]]]
	} else {
	    lappend process($handle,lines) $text
	}
    }
    if {[chan eof $chan]} {
	chan event $chan readable {}
	set process($handle,ended) 1
    }
}

# ::support::pidOf, ::support::stderrOf, ::support::allow --
#
#	A process's id; what it and its children have written to stderr so far;
#	a pattern that this may match at the end, where it must be empty
#	otherwise.

proc ::support::pidOf {handle} {
    variable process
    return $process($handle,pid)
}

proc ::support::stderrOf {handle} {
    variable process
    ReadFile $process($handle,errors)
}

proc ::support::allow {handle pattern} {
    variable process
    set process($handle,allowed) $pattern
}

# ::support::line --
#
#	The next line that a process or one of its children prints; an error
#	when none comes.

proc ::support::line {handle {milliseconds {}}} {
    variable process

    await {
	[llength $::support::process($handle,lines)] > 0
	|| $::support::process($handle,ended)
    } $milliseconds "a line of $handle ([Tail $handle])"
    if {[llength $process($handle,lines)] == 0} {
	error "no line, $handle has closed its stdout; stderr:\
		[stderrOf $handle]"
    }
    set process($handle,lines) \
	    [lassign $process($handle,lines) text]
    return $text
}

proc ::support::lines {handle count {milliseconds {}}} {
    set result {}
    while {[llength $result] < $count} {
	lappend result [line $handle $milliseconds]
    }
    return $result
}

proc ::support::Tail {handle} {
    variable process
    return "pid $process($handle,pid), stderr: [stderrOf $handle]"
}

# ::support::turn --
#
#	Lets a process's event loop do what is due. Afterwards it waits for a
#	connection that was asked for. The answer to the first question
#	may come before the timer that is due with it.

proc ::support::turn {handle} {
    ask $handle {}
    ask $handle {}
    return
}

# ::support::say, ::support::ask --
#
#	Evaluates a command in a process, at global level and from its event
#	loop: without or with waiting for the result, which is the result of
#	ask; an error there is an error here, with its errorCode, but with say
#	a background error there.

proc ::support::say {handle script} {
    Request $handle 0 $script
}

proc ::support::Request {handle answer script} {
    variable process
    chan puts $process($handle,chan) [list $answer \
	    [binary encode base64 [encoding convertto utf-8 $script]]]
}

proc ::support::ask {handle script {milliseconds {}}} {
    variable process

    set process($handle,replies) {}
    Request $handle 1 $script
    await {
	[llength $::support::process($handle,replies)] > 0
	|| $::support::process($handle,ended)
	|| ![running $::support::process($handle,pid)]
    } $milliseconds "an answer of $handle ([Tail $handle]) to: $script"
    Read $handle
    if {[llength $process($handle,replies)] == 0} {
	error "no answer, $handle has ended; stderr: [stderrOf $handle]"
    }
    set process($handle,replies) \
	    [lassign $process($handle,replies) reply]
    lassign $reply code result errorCode
    if {$code == 1} {
	return -code error -errorcode $errorCode $result
    }
    return $result
}

# ::support::kill --
#
#	Sends a signal to a process, by handle or by pid.

proc ::support::kill {signal target} {
    variable process
    if {[info exists process($target,pid)]} {
	set target $process($target,pid)
    }
    exec kill -s [string map {SIG {}} $signal] $target
}

# ::support::finish --
#
#	Waits until a process has ended by itself; one that takes commands is
#	told to end. Returns "exited CODE" or "killed SIGNAL".

proc ::support::finish {handle {milliseconds {}}} {
    variable process

    if {!$process($handle,plain) && [running $process($handle,pid)]} {
	catch {chan close $process($handle,chan) write}
    }
    status $handle $milliseconds
}

# ::support::stop --
#
#	Ends a process by a signal. The same results.

proc ::support::stop {handle {signal SIGTERM}} {
    kill $signal $handle
    status $handle
}

# ::support::status --
#
#	Waits for a process's end without causing it. The same results.

proc ::support::status {handle {milliseconds {}}} {
    variable process

    if {$process($handle,status) ne {}} {
	return $process($handle,status)
    }
    set pid $process($handle,pid)
    await {![running $pid]} $milliseconds \
	    "the end of $handle ([Tail $handle])"

    # The system keeps its status until the pipe to it is closed, which has
    # to wait: its children may still print.
    set code [lindex [Stat $pid] 3]
    if {$code & 0x7f} {
	set status "killed SIG[exec kill -l [expr {$code & 0x7f}]]"
    } else {
	set status "exited [expr {$code >> 8}]"
    }
    set process($handle,status) $status
}

# ::support::await --
#
#	Waits until an expression is true in the caller's scope; the event loop
#	runs meanwhile. It is an error when the deadline comes first.

proc ::support::await {condition {milliseconds {}} {what {}}} {
    variable deadline
    variable ticks
    variable expired

    if {$milliseconds eq {}} {
	set milliseconds $deadline
    }
    set end [expr {[clock milliseconds] + $milliseconds}]
    set pause 1
    while {![uplevel 1 [list expr $condition]]} {
	if {[clock milliseconds] > $end} {
	    if {$what eq {}} {
		set what [string trim $condition]
	    }
	    error "waited in vain for $what"
	}
	set tick [incr ticks]
	after $pause [list set ::support::expired($tick) 1]
	set pause [expr {min($pause + 1, 20)}]
	vwait ::support::expired($tick)
	unset expired($tick)
    }
}

# ::support::repeated --
#
#	Evaluates a script a number of times; returns the list of results.

proc ::support::repeated {count script} {
    set results {}
    for {set i 0} {$i < $count} {incr i} {
	lappend results [uplevel 1 $script]
    }
    return $results
}

# ::support::connect, ::support::send, ::support::receive,
# ::support::awaitFin, ::support::drop --
#
#	A client, step by step: a channel to a port; a line; the next line;
#	all lines until the end of the connection; away with it. The outcome
#	of awaitFin is {fin LINES}, {reset LINES} or an error when neither came.
#	A client may have another address of this machine.

proc ::support::connect {port {host 127.0.0.1} {address {}}} {
    variable clients
    variable client

    if {$address eq {}} {
	set chan [socket -async $host $port]
    } else {
	set chan [socket -async -myaddr $address $host $port]
    }
    set client($chan,connected) 0
    chan configure $chan -blocking 0 -buffering line -translation {auto lf}
    chan event $chan writable [list set ::support::client($chan,connected) 1]
    lappend clients $chan
    await {$::support::client($chan,connected)} {} \
	    "a connection to $host port $port"
    chan event $chan writable {}
    set problem [chan configure $chan -error]
    if {$problem ne {}} {
	drop $chan
	error "can't connect to $host port $port: $problem"
    }
    set client($chan,lines) {}
    set client($chan,outcome) {}
    chan event $chan readable [list ::support::ClientRead $chan]
    return $chan
}

proc ::support::ClientRead {chan} {
    variable client

    try {
	while {[chan gets $chan text] >= 0} {
	    lappend client($chan,lines) $text
	}
    } trap {POSIX ECONNRESET} {} {
	set client($chan,outcome) reset
    } trap {POSIX} {message} {
	set client($chan,outcome) $message
    }
    if {$client($chan,outcome) eq {} && [chan eof $chan]} {
	# A last line without its end.
	set text [chan read $chan]
	if {$text ne {}} {
	    lappend client($chan,lines) $text
	}
	set client($chan,outcome) fin
    }
    if {$client($chan,outcome) ne {}} {
	chan event $chan readable {}
    }
}

proc ::support::send {chan args} {
    foreach text $args {
	chan puts $chan $text
    }
}

proc ::support::receive {chan {milliseconds {}}} {
    variable client

    await {
	[llength $::support::client($chan,lines)] > 0
	|| $::support::client($chan,outcome) ne {}
    } $milliseconds "a line from the server"
    if {[llength $client($chan,lines)] == 0} {
	error "no line from the server: $client($chan,outcome)"
    }
    set client($chan,lines) [lassign $client($chan,lines) text]
    return $text
}

proc ::support::awaitFin {chan {milliseconds {}}} {
    variable client

    await {$::support::client($chan,outcome) ne {}} $milliseconds \
	    "the end of a connection; so far: $client($chan,lines)"
    set result [list $client($chan,outcome) $client($chan,lines)]
    drop $chan
    return $result
}

proc ::support::drop {chan} {
    variable client
    variable clients

    catch {chan close $chan}
    array unset client $chan,*
    set clients [lsearch -all -inline -not -exact $clients $chan]
    return
}

# ::support::exchange --
#
#	A whole connection: sends lines, then reads until its end. Returns
#	what awaitFin does, or {refused {}}.

proc ::support::exchange {port texts {host 127.0.0.1}} {
    try {
	set chan [connect $port $host]
    } on error {message} {
	if {[string match "*connection refused*" $message]} {
	    return {refused {}}
	}
	if {[string match "*connection reset*" $message]} {
	    return {reset {}}
	}
	error $message
    }
    try {
	send $chan {*}$texts
    } trap {POSIX} {} {
	# The server has closed before it read; the reading tells.
    }
    awaitFin $chan
}

# ::support::running --
#
#	Whether a process exists and is no zombie. One whose first thread is a
#	zombie exists until its other threads are gone, with all that they have
#	open.

proc ::support::running {pid} {
    set state [lindex [Stat $pid] 0]
    expr {$state ni {{} X} && ($state ne "Z" || [llength [threads $pid]] > 1)}
}

# ::support::freeze --
#
#	Stops a process, and waits until each of its threads has stopped.

proc ::support::freeze {pid} {
    kill SIGSTOP $pid
    await {[lsort -unique [lmap thread [threads $pid] {
	lindex [::support::Stat $pid/task/$thread] 0
    }]] eq "T"} {} "process $pid to stop"
}

# ::support::Stat --
#
#	State, parent, session and, at its end, the status that waitpid tells,
#	of a process; {} when there is none.

proc ::support::Stat {pid} {
    try {
	set text [ReadFile /proc/$pid/stat]
    } on error {} {
	return {}
    }
    set rest [string range $text [string last ) $text]+2 end]
    list [lindex $rest 0] [lindex $rest 1] [lindex $rest 3] [lindex $rest 49]
}

proc ::support::ReadFile {path} {
    set chan [open $path rb]
    try {
	return [chan read $chan]
    } finally {
	close $chan
    }
}

# ::support::descendants --
#
#	The processes that descend from one, through parents that still live.

proc ::support::descendants {pid} {
    set parents {}
    foreach path [glob -nocomplain -directory /proc -tails {[0-9]*}] {
	if {[running $path]} {
	    dict lappend parents [lindex [Stat $path] 1] $path
	}
    }
    set result {}
    set open [list $pid]
    while {[llength $open] > 0} {
	set open [lassign $open next]
	if {[dict exists $parents $next]} {
	    lappend result {*}[dict get $parents $next]
	    lappend open {*}[dict get $parents $next]
	}
    }
    lsort -integer $result
}

# ::support::processes --
#
#	All processes that live of what a handle started, whoever their parent
#	is now: they share its session or, if they left that, its environment.

proc ::support::processes {handle} {
    variable process

    set result {}
    foreach pid [glob -nocomplain -directory /proc -tails {[0-9]*}] {
	if {![running $pid]} {
	    continue
	}
	lassign [Stat $pid] state parent session
	set mark "*SOCKETSERVER_TEST=$process($handle,mark)\0*"
	if {$session == $process($handle,pid)
		|| (![catch {ReadFile /proc/$pid/environ} environment]
		&& [string match $mark $environment])} {
	    lappend result $pid
	}
    }
    lsort -integer $result
}

# ::support::descriptors --
#
#	What a process has open: "number target" of each, in order.

proc ::support::descriptors {pid} {
    set result {}
    if {[catch {glob -nocomplain -directory /proc/$pid/fd -tails *} fds]} {
	return {}
    }
    foreach fd $fds {
	if {![catch {file readlink /proc/$pid/fd/$fd} target]} {
	    lappend result [list $fd $target]
	}
    }
    lsort -integer -index 0 $result
}

# ::support::kinds --
#
#	The same without what distinguishes one socket, say, from another: for
#	a process that has closed some and opened as many again.

proc ::support::kinds {pid} {
    lsort [lmap one [descriptors $pid] {
	regsub {\[\d+\]$} [lindex $one 1] {}
    }]
}

# ::support::threads --
#
#	The thread ids of a process; none when it ends at this moment.

proc ::support::threads {pid} {
    if {[catch {
	glob -nocomplain -directory /proc/$pid/task -tails *
    } ids]} {
	return {}
    }
    lsort -integer $ids
}

# ::support::watch --
#
#	Notes what processes have open, so that tidy sees whether it is the
#	same again at the end. By handle or pid.

proc ::support::watch {args} {
    variable watched
    variable process

    foreach target $args {
	if {[info exists process($target,pid)]} {
	    if {!$process($target,plain)} {
		# Its event loop has opened what it needs when it answers.
		ask $target {}
	    }
	    set target $process($target,pid)
	}
	# A pool has no timer for a moment while it steps.
	await {[set seen [descriptors $target]] eq [descriptors $target]}
	dict set watched $target $seen
    }
}

# ::support::tidy --
#
#	Ends what a test has started and fails it when something is left: a
#	descriptor of a watched process, a process, a line on stderr, a
#	descriptor here. To be each test's -cleanup.

proc ::support::tidy {} {
    variable process
    variable handles
    variable watched
    variable clients
    variable client
    variable directory
    variable own

    set faults {}
    foreach chan $clients {
	drop $chan
    }
    dict for {pid before} $watched {
	if {[running $pid] && [catch {
	    await {[descriptors $pid] eq $before} 5000
	}]} {
	    lappend faults "process $pid had $before open, now\
		    [descriptors $pid]"
	}
    }
    set watched {}
    foreach handle $handles {
	lappend faults {*}[Tidy $handle]
    }
    set handles {}
    array unset process
    array unset client
    if {[catch {await {[descriptors [pid]] eq $own} 2000}]} {
	lappend faults "the test file had $own open, now [descriptors [pid]]"
	set own [descriptors [pid]]
    }
    if {[llength $faults] > 0} {
	error "left over:\n[join $faults \n]"
    }
}

# ::support::Tidy --
#
#	The same for one process and its descendants; returns the faults.

proc ::support::Tidy {handle} {
    variable process

    set faults {}
    set pid $process($handle,pid)
    if {$process($handle,plain) && [running $pid]} {
	catch {kill SIGTERM $handle}
    }
    if {[catch {finish $handle 10000} message]} {
	lappend faults "$handle did not end: $message"
	catch {kill SIGKILL $handle}
	catch {status $handle}
    }
    if {[catch {await {[llength [processes $handle]] == 0} 5000}]} {
	foreach left [processes $handle] {
	    lappend faults "process $left of $handle is left:\
		    [string map {\0 { }} [ReadFile /proc/$left/cmdline]]"
	    catch {kill SIGKILL $left}
	}
    }
    catch {chan close $process($handle,chan)}
    set errors [stderrOf $handle]
    if {$errors ne {} && ![string match $process($handle,allowed) $errors]} {
	lappend faults "stderr of $handle: $errors"
    }
    file delete $process($handle,errors)
    return $faults
}

# ::support::scale --
#
#	One of two numbers: the usual one, or the full one when the environment
#	says SOCKETSERVER_TEST_SCALE=full.

proc ::support::scale {usual full} {
    expr {[::tcltest::testConstraint full] ? $full : $usual}
}

# ::support::byTcl --
#
#	One of two values: what holds in Tcl 8.6, or what does in Tcl 9.

proc ::support::byTcl {old new} {
    expr {[package vsatisfies [package provide Tcl] 9-] ? $new : $old}
}

# ::support::Initialize --
#
#	The constraints and the directory for scripts.

proc ::support::Initialize {} {
    variable directory
    variable own

    foreach {constraint package} {tclx Tclx thread Thread tls tls} {
	::tcltest::testConstraint $constraint [expr {![catch {
	    exec [info nameofexecutable] << "package require $package"
	}]}]
    }
    # AddressSanitizer (gcc 12) doesn't lock its allocator around a fork: a
    # child may find it locked for good by a thread that it doesn't have.
    ::tcltest::testConstraint mallocForks \
	    [expr {![info exists ::env(ASAN_OPTIONS)]}]
    foreach {constraint command} {
	strace {strace -qq -o /dev/null true}
	socat {socat -V}
	telnet {sh -c {command -v telnet}}
    } {
	::tcltest::testConstraint $constraint \
		[expr {![catch {exec {*}$command}]}]
    }
    set root [expr {[file exists /proc/self/status]
	    && [regexp {\nUid:\t\d+\t0\t} [ReadFile /proc/self/status]]}]
    ::tcltest::testConstraint root $root
    ::tcltest::testConstraint nonroot [expr {!$root}]
    ::tcltest::testConstraint full [expr {
	[info exists ::env(SOCKETSERVER_TEST_SCALE)]
	&& $::env(SOCKETSERVER_TEST_SCALE) eq "full"
    }]

    set chan [file tempfile path socketserver]
    close $chan
    file delete $path
    set directory $path.d
    file mkdir $directory

    # Tcl opens a pipe for itself when its event loop first runs.
    after 1 {set ::support::expired(0) 1}
    vwait ::support::expired(0)
    set own [descriptors [pid]]
}

# ::support::end --
#
#	Ends a test file, in the place of tcltest's cleanupTests.

proc ::support::end {} {
    variable directory
    file delete -force $directory
    ::tcltest::cleanupTests
}

namespace import -force ::support::*
::tcltest::configure {*}$argv
::support::Initialize
