# beyond.tcl --
#
#	The server of the acceptance runs:
#	tclsh beyond.tcl HANDLER LISTENER ?option value ...?
#
#	The options are those of ::socketserver::serve. HANDLER is what becomes
#	of a datagram or a connection; "" where there is -exec:
#
#	echo	it goes back as it is
#	slow	the same after a millisecond
#	odd	"reply N" is answered by N bytes, "failure" by the errorCode of
#		the last reply that failed, "empty" by how many empty ones have
#		come; all else goes back as it is
#
#	The variable BEYOND_CONTROL of the environment is a file for the number
#	of a port where a line is answered by what the server has counted.

package require socketserver

proc echo {sock args} {
    fconfigure $sock -translation binary
    puts -nonewline $sock [read $sock]
    close $sock
}

proc slow {sock args} {
    after 1
    echo $sock
}

proc odd {sock args} {
    variable failure
    variable empty
    fconfigure $sock -translation binary -buffersize 100000
    set reply [set asked [read $sock]]
    if {$asked eq ""} {
	incr empty
    } elseif {[scan $asked "reply %d" size] == 1} {
	set reply [string repeat . $size]
    } elseif {$asked in {failure empty}} {
	set reply [set $asked]
    }
    set codes {}
    if {[catch {puts -nonewline $sock $reply; flush $sock}]} {
	lappend codes $::errorCode
    }
    if {[catch {close $sock}]} {
	lappend codes $::errorCode
    }
    if {[llength $codes] > 0} {
	set failure [lindex $codes 0]
    }
}

set failure none
set empty 0

# Announce --
#
#	Tells the runner which ports listen.

proc Announce {pool} {
    set control [socket -server [list Control $pool] -myaddr 127.0.0.1 0]
    set file [open $::env(BEYOND_CONTROL) w]
    puts $file [lindex [fconfigure $control -sockname] 2]
    close $file
    regexp {\d+$} [dict get [$pool status] port] port
    puts "port $port"
    flush stdout
}

# Control --
#
#	Who asks gets the names and numbers of datagrams.

proc Control {pool sock args} {
    gets $sock
    foreach {name n} [dict get [$pool status] datagrams] {
	puts $sock "$name $n"
    }
    close $sock
}

proc Log {level message} {
    if {$level ne "info"} {
	puts stderr "$level: $message"
    }
}

lassign $argv handler listener
set served [list $listener]
if {$handler ne ""} {
    lappend served $handler
}
::socketserver::serve -logcmd Log -readycmd Announce {*}[lrange $argv 2 end] \
	{*}$served
