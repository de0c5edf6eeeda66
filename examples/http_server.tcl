# http_server.tcl --
#
#	Serves the files of a directory over HTTP/1.1, with keep-alive.
#
#	    tclsh http_server.tcl directory ?port? ?user?
#
#	Each worker runs an event loop with up to 200 connections, each of them
#	a coroutine, so that a client that is silent between two requests costs
#	no worker. A connection is closed after 15 idle seconds. Started as root,
#	it can listen on port 80 and serve as another user. Port 0 takes a free
#	one.

package require Tcl 8.6-
package require socketserver

namespace eval http {
    variable root       ;# The directory, as it really is.
    variable idle 15000 ;# Milliseconds that a silent client is kept...
    variable brief 2000 ;# ...and when nothing more is to come of it.
    variable longest 8192 ;# Bytes of a request's head.
    variable small 65536 ;# Bytes of a file that is sent in one piece.
    variable waiting    ;# Connections between two requests.
    array set waiting {}
    variable leaving 0  ;# Whether each answer is to be the last.
    variable types {
        .html text/html .htm text/html .txt text/plain .css text/css
        .js text/javascript .json application/json .svg image/svg+xml
        .png image/png .jpg image/jpeg .gif image/gif .ico image/x-icon
        .pdf application/pdf
    }
    variable reasons {
        200 OK 400 {Bad Request} 403 Forbidden 404 {Not Found}
        405 {Method Not Allowed} 414 {URI Too Long} 501 {Not Implemented}
    }
}

# http::serve -- The handler: gives the connection a coroutine.

proc http::serve {sock ipaddr port} {
    variable small
    chan configure $sock -blocking 0 -translation lf -encoding iso8859-1 \
        -buffersize [expr {$small + 1000}]
    coroutine connection$sock Connection $sock
}

# http::Connection -- One request after the other.

proc http::Connection {sock} {
    try {
        set answered 0
        while {[set head [ReadHead $sock $answered]] ne "" && [Answer $sock $head]} {
            set answered 1
        }
        Linger $sock
    } trap POSIX {} {
        # The client is gone.
    } finally {
        catch {chan close $sock}
    }
}

# http::leave -- The worker takes no more connections, so that a new one can
# take over. Each answer is the last from now on; a connection between two
# requests waits a little for the one that may be on its way.

proc http::leave {} {
    variable waiting
    variable leaving 1
    foreach connection [array names waiting] {
        $connection leave
    }
}

# http::ReadHead -- The lines of a request's head; {} when there is none to
# come, or when it is longer than anybody needs.

proc http::ReadHead {sock answered} {
    variable idle
    variable brief
    variable longest
    variable waiting

    set me [info coroutine]
    set timer [after $idle [list $me late]]
    chan event $sock readable [list $me readable]
    set head {}
    set size 0
    if {$answered} {
        set waiting($me) 1
    }
    try {
        while {[set event [yield]] ne "late"} {
            if {$event eq "leave"} {
                after cancel $timer
                set timer [after $brief [list $me late]]
            }
            while {[chan gets $sock line] >= 0} {
                unset -nocomplain waiting($me)
                incr size [string length $line]
                set line [string trimright $line \r]
                if {$line eq "" && [llength $head] > 0} {
                    return $head
                }
                if {$line ne ""} {
                    lappend head $line
                }
            }
            if {[chan eof $sock] || $size > $longest
                    || [chan pending input $sock] > $longest} {
                return {}
            }
        }
        return {}
    } finally {
        unset -nocomplain waiting($me)
        after cancel $timer
        catch {chan event $sock readable {}}
    }
}

# http::Linger -- Says that this was all, and lets the client go first: to close
# what has unread bytes resets the connection, and what was sent may be lost.

proc http::Linger {sock} {
    variable brief

    set me [info coroutine]
    if {[catch {chan close $sock write}]} {
        # It is gone already.
        return
    }
    set timer [after $brief [list $me late]]
    chan event $sock readable [list $me readable]
    try {
        while {![chan eof $sock] && [yield] ne "late"} {
            chan read $sock 65536
        }
    } finally {
        after cancel $timer
    }
}

# http::Answer -- Answers a request; returns whether to go on.

proc http::Answer {sock head} {
    variable leaving

    set headers [Headers [lrange $head 1 end]]
    if {[scan [lindex $head 0] {%15s %4000s HTTP/1.%1d%n} method target minor end] != 4
            || $end != [string length [lindex $head 0]]} {
        Error $sock 400
        return 0
    }
    set keep [expr {$minor == 1}]
    if {[dict exists $headers connection]} {
        switch -- [string tolower [dict get $headers connection]] {
            close { set keep 0 }
            keep-alive { set keep 1 }
        }
    }
    set keep [expr {$keep && !$leaving}]
    if {[dict exists $headers transfer-encoding]
            || ([dict exists $headers content-length]
                && [dict get $headers content-length] ne "0")} {
        # A body: nobody here wants one, and the next request stands behind it.
        Error $sock 501
        return 0
    }
    if {$method ni {GET HEAD}} {
        Error $sock 405 $keep "Allow: GET, HEAD\r\n"
        return $keep
    }
    lassign [Find $target] code path
    if {$code != 200} {
        Error $sock $code $keep
        return $keep
    }
    SendFile $sock $path $keep [expr {$method eq "HEAD"}]
    return $keep
}

# http::Headers -- Lines as a dict; names are lower case.

proc http::Headers {lines} {
    set headers {}
    foreach line $lines {
        if {[regexp {^([^:\s]+):\s*(.*?)\s*$} $line -> name value]} {
            dict set headers [string tolower $name] $value
        }
    }
    return $headers
}

# http::Find -- The file that a target means: {200 path}, or an error's code.
# What leads out of the directory, by dots or by links, is not found.

proc http::Find {target} {
    variable root

    regexp {^[^?#]*} $target target
    if {[string index $target 0] ne "/"} {
        return 400
    }
    set name [Decode $target]
    if {[string first \0 $name] >= 0} {
        return 400
    }
    set path [file join $root [string trimleft $name /]]
    if {[file isdirectory $path]} {
        set path [file join $path index.html]
    }
    # The last part may be a link, too: normalize resolves all but that.
    set path [file dirname [file normalize [file join $path x]]]
    if {![string match [string map {* \\* ? \\? [ \\[ ] \\] \\ \\\\} $root]/* $path]
            || ![file isfile $path]} {
        return 404
    }
    if {![file readable $path]} {
        return 403
    }
    list 200 $path
}

# http::Decode -- A target without its percent signs.

proc http::Decode {text} {
    set bytes {}
    while {[regexp -indices {%([0-9A-Fa-f]{2})} $text all digits]} {
        append bytes [string range $text 0 [lindex $all 0]-1] \
            [format %c [scan [string range $text {*}$digits] %x]]
        set text [string range $text [lindex $all 1]+1 end]
    }
    encoding convertfrom utf-8 $bytes$text
}

# http::SendFile -- A file: a small one in one piece with its head, so that
# the system sends no small segment first; a large one in the background.

proc http::SendFile {sock path keep headOnly} {
    variable types
    variable small

    set type application/octet-stream
    catch {set type [dict get $types [string tolower [file extension $path]]]}
    set file [open $path rb]
    try {
        set size [file size $path]
        Head $sock 200 $keep "Content-Type: $type\r\nContent-Length: $size\r\n"
        chan configure $sock -translation binary
        if {$headOnly || $size <= $small} {
            if {!$headOnly} {
                chan puts -nonewline $sock [chan read $file]
            }
            chan flush $sock
        } else {
            Copy $file $sock $size
        }
        chan configure $sock -translation lf -encoding iso8859-1
    } finally {
        chan close $file
    }
}

# http::Copy, http::Copied -- Copies a file while other connections go on.

proc http::Copy {file sock size} {
    chan copy $file $sock -size $size \
        -command [list http::Copied [info coroutine]]
    set problem [yield]
    if {$problem ne ""} {
        throw {POSIX EPIPE} $problem
    }
}

proc http::Copied {coroutine count {problem {}}} {
    $coroutine $problem
}

# http::Error, http::Head -- An answer without a file; the head of any.

proc http::Error {sock code {keep 0} {headers {}}} {
    variable reasons
    set text "$code [dict get $reasons $code]\n"
    Head $sock $code $keep "${headers}Content-Type: text/plain\r\nContent-Length:\
        [string length $text]\r\n"
    chan puts -nonewline $sock $text
    chan flush $sock
}

proc http::Head {sock code keep headers} {
    variable reasons
    chan puts -nonewline $sock "HTTP/1.1 $code [dict get $reasons $code]\r\nDate:\
        [clock format [clock seconds] -gmt 1 -locale C \
            -format {%a, %d %b %Y %H:%M:%S GMT}]\r\nConnection:\
        [expr {$keep ? {keep-alive} : {close}}]\r\n$headers\r\n"
}

# http::Log -- Errors and warnings are enough here.

proc http::Log {level message} {
    if {$level ne "info"} {
        chan puts stderr "[pid] $level: $message"
    }
}

# http::Announce -- Says what is served, once the first workers are ready.

proc http::Announce {pool} {
    variable root
    chan puts "http_server.tcl: serves $root at\
        http://localhost:[dict get [$pool status] port]/, all addresses\
        (process [pid])"
    chan flush stdout
}

# http::Refuse -- Ends the program, whose arguments can't be right.

proc http::Refuse {problem} {
    chan puts stderr "http_server.tcl: $problem;\
        usage: http_server.tcl directory ?port? ?user?"
    exit 2
}

if {$argc < 1 || $argc > 3} {
    http::Refuse "one to three arguments"
}
lassign [concat $argv [lrange {{} 8080 {}} $argc end]] directory port user
if {![file isdirectory $directory]} {
    http::Refuse "no directory \"$directory\""
}
if {![regexp {^(0|[1-9]\d{0,4})$} $port] || $port > 65535} {
    http::Refuse "bad port \"$port\""
}
set http::root [file dirname [file normalize [file join $directory x]]]
try {
    ::socketserver::serve -minworkers 2 -maxworkers 16 -loop event \
        -concurrency 200 -timeout 3600 -leavecmd http::leave \
        -readycmd http::Announce -logcmd http::Log -user $user \
        $port http::serve
} on error {message} {
    chan puts stderr "http_server.tcl: $message"
    exit 1
}
