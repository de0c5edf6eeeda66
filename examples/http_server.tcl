# http_server.tcl --
#
#	Serves the files of a directory over HTTP/1.1, with keep-alive.
#
#	    tclsh http_server.tcl directory ?port? ?user?
#
#	Four workers are enough for 10,000 clients that keep their connections:
#	one is held outside the workers until a whole request has come, and
#	again between two requests, for 15 seconds at most. So the handler
#	below reads one request, answers it and returns; it may block. A large
#	file whose reader takes more than a minute costs that connection and
#	its worker, which is replaced (-timeout). Started as root, the server
#	can listen on port 80 and serve as another user. Port 0 takes a free
#	one.

package require Tcl 8.6-
package require socketserver

namespace eval http {
    variable root       ;# The directory, as it really is.
    variable idle 15    ;# Seconds that a silent client is kept.
    variable brief 2000 ;# Milliseconds for what should be on its way.
    variable longest 8192 ;# Bytes of a request's head.
    variable small 65536 ;# Bytes of a file that is sent in one piece.
    variable event      ;# What has happened: readable, or late.
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

# http::serve -- The handler: one request. What it doesn't close is kept, and
# it is called again when there is a next one.

proc http::serve {sock ipaddr port} {
    variable small
    chan configure $sock -translation lf -encoding iso8859-1 \
        -buffersize [expr {$small + 1000}]
    set head [ReadHead $sock]
    set next [expr {[llength $head] == 0 ? "unread" : [Answer $sock $head]}]
    if {$next eq "keep"} {
        return
    }
    if {$next eq "unread" || [chan pending input $sock] > 0} {
        Linger $sock
    }
    chan close $sock
}

# http::ReadHead -- The lines of a request's head; {} when there is none to
# come, or when it is longer than anybody needs. The rest is rarely waited for:
# only of a request that has begun behind another may it be on its way.

proc http::ReadHead {sock} {
    variable longest
    variable event readable

    set head {}
    set size 0
    chan configure $sock -blocking 0
    set timer [Timer]
    try {
        while {$event ne "late"} {
            while {[chan gets $sock line] >= 0} {
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
            Await $sock
        }
        return {}
    } finally {
        after cancel $timer
        chan configure $sock -blocking 1
    }
}

# http::Linger -- Says that this was all, and lets the client go first: to close
# what has unread bytes resets the connection, and what was sent may be lost.

proc http::Linger {sock} {
    variable event readable

    if {[catch {chan close $sock write}]} {
        # It is gone already.
        return
    }
    chan configure $sock -blocking 0
    set timer [Timer]
    try {
        while {[chan read $sock 65536] ne "" || ![chan eof $sock]} {
            Await $sock
            if {$event eq "late"} {
                return
            }
        }
    } finally {
        after cancel $timer
    }
}

# http::Timer, http::Await -- Until there is something to read, or the timer
# says that it is late.

proc http::Timer {} {
    variable brief
    after $brief {set http::event late}
}

proc http::Await {sock} {
    chan event $sock readable {set http::event readable}
    vwait http::event
    chan event $sock readable {}
}

# http::Answer -- Answers a request. Returns what is to become of the
# connection: keep, close, or unread if the client may still be sending.

proc http::Answer {sock head} {
    set headers [Headers [lrange $head 1 end]]
    if {[scan [lindex $head 0] {%15s %4000s HTTP/1.%1d%n} method target minor end] != 4
            || $end != [string length [lindex $head 0]]} {
        Error $sock 400 close
        return unread
    }
    if {[dict exists $headers transfer-encoding]
            || ([dict exists $headers content-length]
                && [dict get $headers content-length] ne "0")} {
        # A body: nobody here wants one, and the next request stands behind it.
        Error $sock 501 close
        return unread
    }
    set next [Next $sock $minor $headers]
    if {$method ni {GET HEAD}} {
        Error $sock 405 $next "Allow: GET, HEAD\r\n"
        return $next
    }
    set headOnly [expr {$method eq "HEAD"}]
    lassign [Find $target] code path
    if {$code != 200} {
        Error $sock $code $next {} $headOnly
        return $next
    }
    SendFile $sock $path $next $headOnly
}

# http::Next -- Whether a connection is to be kept or closed: what the client
# says, unless it can't be kept any longer, because the server stops.

proc http::Next {sock minor headers} {
    if {[dict get [::socketserver::socket info $sock] last]} {
        return close
    }
    set next [expr {$minor == 1 ? "keep" : "close"}]
    if {[dict exists $headers connection]} {
        switch -- [string tolower [dict get $headers connection]] {
            close { set next close }
            keep-alive { set next keep }
        }
    }
    return $next
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
    # In Tcl 9, bytes that are no text are an error.
    if {[catch {Decode $target} name] || [string first \0 $name] >= 0} {
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
# the system sends no small segment first. What becomes of the connection.

proc http::SendFile {sock path next headOnly} {
    variable types
    variable small

    set type application/octet-stream
    catch {set type [dict get $types [string tolower [file extension $path]]]}
    set file [open $path rb]
    try {
        set size [file size $path]
        Head $sock 200 $next "Content-Type: $type\r\nContent-Length: $size\r\n"
        chan configure $sock -translation binary
        if {!$headOnly && [Copy $file $sock $size] != $size} {
            # It has become shorter meanwhile, and that can't be said any more.
            return close
        }
        chan flush $sock
        return $next
    } finally {
        chan close $file
    }
}

# http::Copy -- Sends so much of a file, or what there is; how much that was.

proc http::Copy {file sock size} {
    variable small
    if {$size > $small} {
        return [chan copy $file $sock -size $size]
    }
    set content [chan read $file $size]
    chan puts -nonewline $sock $content
    string length $content
}

# http::Error, http::Head -- An answer without a file; the head of any.

proc http::Error {sock code next {headers {}} {headOnly 0}} {
    variable reasons
    set text "$code [dict get $reasons $code]\n"
    Head $sock $code $next "${headers}Content-Type: text/plain\r\nContent-Length:\
        [string length $text]\r\n"
    if {!$headOnly} {
        chan puts -nonewline $sock $text
    }
    chan flush $sock
}

proc http::Head {sock code next headers} {
    variable reasons
    chan puts -nonewline $sock "HTTP/1.1 $code [dict get $reasons $code]\r\nDate:\
        [clock format [clock seconds] -gmt 1 -locale C \
            -format {%a, %d %b %Y %H:%M:%S GMT}]\r\nConnection:\
        [expr {$next eq "keep" ? "keep-alive" : "close"}]\r\n$headers\r\n"
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
    ::socketserver::serve -workers 4 -keep 1 -parktimeout $http::idle \
        -firstbyte $http::idle -head "\r\n\r\n" -timeout 60 \
        -readycmd http::Announce -logcmd http::Log -user $user \
        $port http::serve
} on error {message} {
    chan puts stderr "http_server.tcl: $message"
    exit 1
}
