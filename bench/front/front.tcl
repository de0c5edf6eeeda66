# front.tcl --
#
#	The server of the acceptance runs:
#	tclsh front.tcl HANDLER ?option value ...?
#
#	The options are those of ::socketserver::serve. HANDLER is what becomes
#	of a connection:
#
#	once	a request is answered, the connection closed
#	keep	a request is answered; -keep has the connection then
#	park	a request is answered, the connection parked
#	loop	requests are answered until the client has no more
#	event	the same from the event loop; the handler returns at once
#
#	A request whose path begins with sleepN is answered after N ms.
#	The variable FRONT_CONTROL of the environment is a file for the number
#	of a port where each connection is told what the server has counted.

package require socketserver

proc once {sock} {
    Answer $sock [Path $sock]
    close $sock
}

proc keep {sock} {
    Answer $sock [Path $sock]
}

proc park {sock} {
    Answer $sock [Path $sock]
    ::socketserver::socket park $sock
}

proc loop {sock} {
    while {[set path [Path $sock]] ne ""} {
	Answer $sock $path
    }
    close $sock
}

proc event {sock} {
    fconfigure $sock -blocking 0
    fileevent $sock readable [list Readable $sock]
}

proc Readable {sock} {
    variable heads
    while {[gets $sock line] >= 0} {
	if {$line ne ""} {
	    lappend heads($sock) $line
	} else {
	    Answer $sock [string range [lindex [lindex $heads($sock) 0] 1] 1 end]
	    unset heads($sock)
	}
    }
    if {[eof $sock]} {
	unset -nocomplain heads($sock)
	close $sock
    }
}

# Path --
#
#	Reads a request and returns its path, without the first slash.

proc Path {sock} {
    if {[gets $sock first] < 0} {
	return
    }
    while {[gets $sock line] > 0} {}
    string range [lindex $first 1] 1 end
}

# Answer --
#
#	200 bytes. Tcl's sockets write each newline as two.

proc Answer {sock path} {
    if {[scan $path sleep%d milliseconds] == 1} {
	after $milliseconds
    }
    set line "[pid] $path"
    set rest [string repeat . [expr {132 - [string length $line]}]]
    puts -nonewline $sock "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length:\
	    134\n\n$line\n$rest"
    flush $sock
}

# Announce --
#
#	Tells the runner which ports listen.

proc Announce {port} {
    set control [socket -server [list Control $port] -myaddr 127.0.0.1 0]
    set file [open $::env(FRONT_CONTROL) w]
    puts $file [lindex [fconfigure $control -sockname] 2]
    close $file
    puts "port $port"
    flush stdout
}

# Control --
#
#	Names and numbers; those that a build doesn't have are left out.

proc Control {port sock args} {
    set status [::socketserver::socket status -port $port]
    foreach name {
	accepted handedOver held lost pauses retries parked resumed gone
	malformed probes open
    } {
	if {[dict exists $status $name]} {
	    puts $sock "$name [dict get $status $name]"
	}
    }
    foreach name {shed refused expired} {
	if {[dict exists $status $name]} {
	    puts $sock "$name [expr [join [dict values [dict get $status $name]] +]]"
	}
    }
    close $sock
}

# Log --
#
#	The first thing that every build tells is its port. What is planned
#	here, workers forget.

proc Log {level message} {
    if {[regexp {^port (\d+) is served} $message -> port]} {
	after 0 [list Announce $port]
    } elseif {$level ne "info"} {
	puts stderr "$level: $message"
    }
}

::socketserver::serve -logcmd Log {*}[lrange $argv 1 end] -myaddr 127.0.0.1 0 \
	[lindex $argv 0]
