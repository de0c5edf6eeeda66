# client.tcl --
#
#	Two demonstrations, for any server of this folder: 20 clients come at
#	once, and
#
#	    tclsh client.tcl lengthy port ?-seconds 5? ?-udp?
#
#	each one's request takes 5 seconds, or
#
#	    tclsh client.tcl slow port ?-scale 1?
#
#	each sends its request byte by byte: the first is done with it within a
#	moment, the last after 6 seconds, and all together need 43. A smaller
#	scale shortens that. Over UDP nobody can be slow: a datagram arrives as
#	a whole or not at all.
#
#	-clients is for another number than 20. With -apart the next one comes
#	when the one before has its answer. -udp wants the program socat.
#
#	The slowest comes first: to wait for it would be felt by all others.
#	Exits with status 1 unless all answers are right.

package require Tcl 8.6-

set options {-clients 20 -seconds 5 -scale 1 -apart 0 -udp 0}
set right 0      ;# Clients whose answer was the one that they wanted.
set left {}      ;# Numbers of clients that have not begun.
set open 0       ;# How many have, and wait.
set longest 0    ;# Milliseconds from a whole request to its answer.

proc Usage {problem} {
    chan puts stderr "client.tcl: $problem; usage: client.tcl lengthy|slow\
        port ?-clients n? ?-seconds s? ?-scale factor? ?-apart? ?-udp?"
    exit 2
}

# ReadArguments -- Into the globals demonstration, port and options.

proc ReadArguments {arguments} {
    global demonstration port options
    set arguments [lassign $arguments demonstration port]
    if {$demonstration ni {lengthy slow} || ![string is digit -strict $port]} {
        Usage "no demonstration, or no port"
    }
    while {[llength $arguments] > 0} {
        set arguments [lassign $arguments name]
        set value 1
        if {$name ni {-apart -udp}} {
            set arguments [lassign $arguments value]
            if {![dict exists $options $name] || ![string is double -strict $value]
                    || $value < 0 || $value > 999} {
                Usage "bad option \"$name $value\""
            }
        }
        dict set options $name $value
    }
    if {![string is integer -strict [dict get $options -clients]]
            || [dict get $options -clients] < 1} {
        Usage "a whole number of clients, at least 1, is wanted"
    }
    if {$demonstration eq "slow" && [dict get $options -udp]} {
        Usage "a datagram arrives as a whole: nobody is slow over UDP"
    }
}

# Request -- What client i sends, for how many milliseconds, and the answer that
# it wants.

proc Request {i} {
    global demonstration options
    dict with options {
        if {$demonstration eq "lengthy"} {
            return [list "work ${-seconds}" 0 done]
        }
        set span [expr {round(6000 * ${-scale} * ($i / double(${-clients})) ** 2)}]
        list "echo slow client $i" $span "slow client $i"
    }
}

proc Connect {} {
    global port options
    if {[dict get $options -udp]} {
        return [open [list | socat -t 0 - UDP4:127.0.0.1:$port] r+]
    }
    socket -async 127.0.0.1 $port
}

# Begin -- Each byte has its moment, so that a late one delays no other.

proc Begin {} {
    global left open
    set left [lassign $left i]
    incr open
    lassign [Request $i] text span wanted
    set sock [Connect]
    chan configure $sock -blocking 0
    set end [expr {[clock milliseconds] + $span}]
    chan event $sock readable [list Readable $i $sock $wanted $end]
    if {$span == 0} {
        Send $sock $text\n
        return
    }
    set last [string length $text]
    for {set k 0} {$k <= $last} {incr k} {
        after [expr {$span * $k / $last}] [list Send $sock [string index $text\n $k]]
    }
}

# Send -- What can't be sent is seen by who reads.

proc Send {sock text} {
    catch {
        chan puts -nonewline $sock $text
        chan flush $sock
    }
}

proc Readable {i sock wanted end} {
    if {[catch {chan gets $sock answer} length]} {
        Finish $i $sock $wanted $end "an error: $length"
    } elseif {$length >= 0} {
        Finish $i $sock $wanted $end $answer
    } elseif {[chan eof $sock]} {
        Finish $i $sock $wanted $end "the end of the connection"
    }
}

proc Finish {i sock wanted end answer} {
    global right left open longest options done
    set waited [expr {[clock milliseconds] - $end}]
    if {$answer eq $wanted} {
        incr right
        set longest [expr {max($longest, $waited)}]
        chan puts [format "client %d: right, %.2f s after its request" $i \
            [expr {$waited / 1000.0}]]
    } else {
        chan puts "client $i: wrong, wanted \"$wanted\" and got $answer"
    }
    catch {chan close $sock}
    incr open -1
    if {[llength $left] > 0 && [dict get $options -apart]} {
        Begin
    }
    if {$open == 0} {
        set done 1
    }
}

ReadArguments $argv
for {set i [dict get $options -clients]} {$i >= 1} {incr i -1} {
    lappend left $i
}
set count [llength $left]
# Longer than one after the other: a datagram may be lost, and a server hang.
set each [expr {$demonstration eq "slow" ?
    6 * [dict get $options -scale] : [dict get $options -seconds]}]
set most [expr {10 + 1.5 * $count * $each}]
after [expr {round(1000 * $most)}] {set done 0}
set began [clock milliseconds]
Begin
while {[llength $left] > 0 && ![dict get $options -apart]} {
    Begin
}
vwait done
chan puts [format "%d of %d right in %.2f s, at most %.2f s after a request" $right \
    $count [expr {([clock milliseconds] - $began) / 1000.0}] [expr {$longest / 1000.0}]]
exit [expr {$right < $count}]
