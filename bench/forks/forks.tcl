# forks.tcl --
#
#	The server of the acceptance runs: tclsh forks.tcl WORKERS PAUSE FOLDER
#
#	WORKERS processes answer lines from their event loops. The server forks
#	a child every PAUSE milliseconds, which does as the next of the words
#	in FORKS_CHILDREN says:
#
#	exit	exits at once
#	close	closes all that it inherited, and exits
#	add	waits for events, none of which it looks at, and exits
#	own	closes all, has events of its own, and exits; with status 1 if
#		one didn't come
#
#	It forks FORKS_MOST children at most. Beside that it has timers, lines
#	that come from FOLDER/lines, a FIFO, and a socket that listens; its port
#	is in FOLDER/port. There lines are answered, too; "count" by all that
#	was counted so far, "finish N" by that when N lines have come from the
#	FIFO, or long enough later. Who asks so isn't counted.

package require socketserver

lassign $argv workers pause folder

# Connections.

proc serve {sock what} {
    chan configure $sock -blocking 0 -buffering line -translation lf
    chan event $sock readable [list Answer $sock $what]
}

proc Answer {sock what} {
    while {[chan gets $sock line] >= 0} {
	if {$line eq "count" || [scan $line "finish %d" lines] == 1} {
	    incr ::count(accepted) -1
	    chan event $sock readable {}
	    if {$line eq "count"} {
		Tell $sock
	    } else {
		Finish $sock $lines
	    }
	    return
	}
	incr ::count($what)
	puts $sock "[pid] $line"
    }
    if {[chan eof $sock]} {
	chan close $sock
    }
}

proc handle {sock args} {
    ::socketserver::socket client handle
    serve $sock worker
}

proc accept {sock args} {
    incr ::count(accepted)
    serve $sock answered
}

# What else the server waits for.

proc ReadLines {chan} {
    while {[chan gets $chan line] >= 0} {
	if {$line ne [incr ::count(lines)]} {
	    incr ::count(disorder)
	}
    }
}

proc Plan {} {
    after 10 Plan
    foreach delay {0 1 20} {
	incr ::count(planned)
	after $delay {incr ::count(fired)}
    }
}

# Children.

proc Fork {pause} {
    if {$::count(forked) >= $::most} {
	return
    }
    after $pause [list Fork $pause]
    set kind [lindex $::kinds [expr {$::count(forked) % [llength $::kinds]}]]
    incr ::count(forked)
    if {[set pid [::socketserver::fork]] == 0} {
	Child_$kind
	exit
    }
    ::socketserver::Process watch $pid Ended
}

proc Ended {how} {
    incr ::count(ended)
    if {![dict exists $how exit] || [dict get $how exit] != 0} {
	incr ::count(harmed)
    }
}

proc Child_exit {} {}

proc Child_close {} {
    foreach chan [chan names] {
	if {$chan ni {stdout stderr}} {
	    chan close $chan
	}
    }
}

proc Child_add {} {
    lassign [chan pipe] reader writer
    chan event $reader readable [list chan gets $reader]
    puts $writer line
    chan flush $writer
    socket -server list -myaddr 127.0.0.1 0
    after 20
}

proc Child_own {} {
    Child_close
    set ::seen {}
    set limit [after 5000 {exit 1}]
    set listening [socket -server OwnAccepted -myaddr 127.0.0.1 0]
    set sock [socket 127.0.0.1 [lindex [chan configure $listening -sockname] 2]]
    chan configure $sock -blocking 0
    chan event $sock readable [list OwnLine $sock]
    after 1 {lappend ::seen timer}
    while {[llength $::seen] < 3} {
	vwait ::seen
    }
}

proc OwnAccepted {sock args} {
    lappend ::seen accepted
    puts $sock line
    chan close $sock
}

proc OwnLine {sock} {
    if {[chan gets $sock line] >= 0} {
	lappend ::seen line
    }
    if {[chan eof $sock]} {
	chan event $sock readable {}
    }
}

# The end: what is on its way may come, for a while.

proc Finish {sock lines {tries 500}} {
    after cancel Plan
    set ::most 0
    if {$tries > 0 && ($::count(lines) < $lines
	    || $::count(fired) < $::count(planned)
	    || $::count(ended) < $::count(forked))} {
	after 10 [list Finish $sock $lines [expr {$tries - 1}]]
	return
    }
    Tell $sock
}

proc Tell {sock} {
    foreach {name n} [array get ::count] {
	puts $sock "$name $n"
    }
    chan close $sock
}

set most $env(FORKS_MOST)
set kinds $env(FORKS_CHILDREN)
foreach name {
    worker accepted answered lines disorder planned fired forked ended harmed
} {
    set count($name) 0
}

set port [::socketserver::socket server -myaddr 127.0.0.1 0]
for {set i 0} {$i < $workers} {incr i} {
    if {[::socketserver::fork] == 0} {
	::socketserver::socket client handle
	vwait forever
    }
}
set listening [socket -server accept -myaddr 127.0.0.1 0]
set file [open [file join $folder port] w]
puts $file [lindex [chan configure $listening -sockname] 2]
close $file
set fifo [open [file join $folder lines] {RDWR NONBLOCK}]
chan configure $fifo -blocking 0
chan event $fifo readable [list ReadLines $fifo]
Plan
Fork $pause
puts "port $port"
flush stdout
vwait forever
