# job.tcl --
#
#	What all servers of this folder do. A request is a line, and its answer
#	another:
#
#	    echo TEXT	    TEXT comes back
#	    work SECONDS    "done", after so long
#
#	All servers are started alike, and print "listening on PORT" when they
#	are ready; port 0 takes a free one:
#
#	    tclsh one_process.tcl ?port? ?workers?
#
#	They listen on 127.0.0.1 alone. As a program of its own this file
#	answers one request, from stdin to stdout: inetd.tcl wants that.

package require Tcl 8.6-

# job -- The answer to a request. To work means to block, as a computation
# does, or a query.

proc job {request} {
    if {[regexp {^echo (.*)$} $request -> text]} {
        return $text
    }
    if {[regexp {^work (\d{1,3}(\.\d{1,3})?)$} $request -> seconds]} {
        after [expr {round([scan $seconds %f] * 1000)}]
        return done
    }
    return "a request is \"echo TEXT\" or \"work SECONDS\", SECONDS below 1000"
}

# answer -- The handler of those that serve one client at a time: waits for
# the request as long as it takes. That a client has left is no error.

proc answer {sock ipaddr port} {
    catch {
        if {[chan gets $sock request] >= 0} {
            chan puts $sock [job $request]
        }
    }
    catch {chan close $sock}
}

# answerLater -- The handler of those that serve many clients at a time, from
# the event loop: it returns at once.

proc answerLater {sock ipaddr port} {
    chan configure $sock -blocking 0
    chan event $sock readable [list Readable $sock]
}

proc Readable {sock} {
    try {
        if {[chan gets $sock request] >= 0} {
            chan puts $sock [job $request]
        } elseif {[chan blocked $sock]} {
            return
        }
    } on error {} {
        # The client has left.
    }
    catch {chan close $sock}
}

# arguments -- Port and number of workers, from the command line.

proc arguments {} {
    global argv argv0 argc
    lassign [concat $argv [lrange {8888 20} $argc end]] port workers
    set number {^(0|[1-9]\d{0,4})$}
    if {$argc > 2 || ![regexp $number $port] || $port > 65535
            || ![regexp $number $workers] || $workers < 1 || $workers > 1024} {
        chan puts stderr "usage: [file tail $argv0] ?port? ?workers?,\
            the port at most 65535, workers from 1 to 1024"
        exit 2
    }
    list $port $workers
}

# announce -- Says that the server is ready. A pool has the name of a listener
# where it has no port: udp:127.0.0.1:8888.

proc announce {port} {
    chan puts "listening on [lindex [split $port :] end]"
    chan flush stdout
}

proc announcePool {pool} {
    announce [dict get [$pool status] port]
}

if {[info exists argv0] && [file normalize $argv0] eq [file normalize [info script]]} {
    if {[chan gets stdin request] >= 0} {
        chan puts [job $request]
    }
}
