# log_format.tcl --
#
#	How the log of "serve" is written to stderr: as text for people, or each
#	event as a line for programs. What a client has put into a message makes
#	no line and no field of its own.

namespace eval ::socketserver::log {
    # A line for programs has at most so many bytes: a pipe that several write
    # to takes them in one piece, and a shared log stays readable.
    variable longest 4096
    variable priorities {error 3 warning 4 info 6}
}

# Text as it is: -logcmd of "serve".

proc ::socketserver::log::Print {level message} {
    Write text $level $message {}
}

# Of workers' information there is too much for this log. Where stderr is closed
# there is nobody to tell.

proc ::socketserver::log::Write {format level message about} {
    if {$level eq "info" && [info exists ::socketserver::worker::settings]} {
        return
    }
    set about [dict merge [list pid [pid]] $about]
    catch {
        [string totitle $format] [clock milliseconds] $level $message $about
    }
}

# A line, with the stack of an error indented below, in one piece, for others
# write there, too. What a client made an error message of does no harm to
# terminals.

proc ::socketserver::log::Text {now level message about} {
    set time [clock format [expr {$now / 1000}] -format "%Y-%m-%d %H:%M:%S"]
    chan puts -nonewline stderr [format "%s.%03d %d %s: %s\n" $time \
            [expr {$now % 1000}] [pid] $level \
            [string map {\n "\n    "} [Plain $message]]]
}

# An object. The stack gives way where there is too much to say.

proc ::socketserver::log::Json {now level message about} {
    variable longest

    set time [clock format [expr {$now / 1000}] -gmt 1 \
            -format "%Y-%m-%dT%H:%M:%S"]
    set fields [list [format {"time":"%s.%03dZ"} $time [expr {$now % 1000}]] \
            "\"level\":\"$level\""]
    foreach key {pid generation} {
        if {[dict exists $about $key]} {
            lappend fields "\"$key\":[dict get $about $key]"
        }
    }
    set texts [dict merge [dict filter $about key peer] [Parts $message]]
    dict for {key text} $texts {
        set room [expr {$longest
                - [Size "{[join $fields ,],\"$key\":\"\"}\n"]}]
        if {$key eq "message" && [dict exists $texts stack]} {
            set room [expr {$room / 2}]
        }
        lappend fields "\"$key\":\"[Fit $text $room {\" \\\"}]\""
    }
    Put "{[join $fields ,]}\n"
}

proc ::socketserver::log::Parts {message} {
    set end [string first \n $message]
    if {$end < 0} {
        return [dict create message $message]
    }
    dict create message [string range $message 0 $end-1] \
            stack [string range $message $end+1 end]
}

# As the journal takes it from a service's stderr: a priority (sd-daemon(3)), what
# is known as key=value, and behind the first ": " the message.

proc ::socketserver::log::Journal {now level message about} {
    variable longest
    variable priorities

    set line "<[dict get $priorities $level]>pid=[dict get $about pid]"
    foreach key {generation peer} {
        if {[dict exists $about $key]} {
            append line " $key=[dict get $about $key]"
        }
    }
    append line ": "
    Put $line[Fit $message [expr {$longest - [Size $line] - 1}]]\n
}

# Text on one line, of at most so many bytes, with "..." for what was left out.

proc ::socketserver::log::Fit {text room {quotes {}}} {
    set all [string length $text]
    if {$all <= $room} {
        set line [Escaped $text $quotes]
        if {[Size $line] <= $room} {
            return $line
        }
    }
    set fits 0
    set most [expr {min($all, $room) + 1}]
    while {$most - $fits > 1} {
        set middle [expr {($fits + $most) / 2}]
        set line [Escaped [string range $text 0 $middle-1] $quotes]...
        if {[Size $line] <= $room} {
            set fits $middle
        } else {
            set most $middle
        }
    }
    return [Escaped [string range $text 0 $fits-1] $quotes]...
}

# Control characters, those that change the direction of text or end lines
# elsewhere, and backslashes are written as in JSON.

proc ::socketserver::log::Escaped {text quotes} {
    variable escapes

    if {[regexp {[\ud800-\udfff]} $text]} {
        set text [Whole $text]
    }
    string map [concat $quotes $escapes] $text
}

# Half a surrogate pair is no character. A whole one is one in Tcl 8.6, whose own
# have 16 bits.

proc ::socketserver::log::Whole {text} {
    if {[package vsatisfies [package provide Tcl] 9-]} {
        return [regsub -all {[\ud800-\udfff]} $text \ufffd]
    }
    set halves {[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]|[^\ud800-\udfff]+}
    join [lmap part [regexp -all -inline $halves $text] {
        regsub {^[\ud800-\udfff]$} $part \ufffd
    }] {}
}

proc ::socketserver::log::Escapes {} {
    set escapes [list \\ \\\\ \n \\n \r \\r \t \\t]
    foreach {first last} {0 31 127 159 0x2028 0x202e 0x2066 0x2069} {
        for {set code $first} {$code <= $last} {incr code} {
            lappend escapes [format %c $code] [format \\u%04x $code]
        }
    }
    return $escapes
}

namespace eval ::socketserver::log {
    variable escapes [Escapes]
}

proc ::socketserver::log::Size {text} {
    string length [encoding convertto utf-8 $text]
}

# In one piece, and in UTF-8 whatever the locale; the channel is the
# application's, too.

proc ::socketserver::log::Put {line} {
    foreach option {-encoding -translation} {
        dict set before $option [chan configure stderr $option]
    }
    chan configure stderr -encoding utf-8 -translation lf
    try {
        chan puts -nonewline stderr $line
        chan flush stderr
    } finally {
        chan configure stderr {*}$before
    }
}

# Text without control characters, but for line ends.

proc ::socketserver::log::Plain {text} {
    regsub -all {[\u0000-\u0009\u000b-\u001f\u007f-\u009f]} $text { }
}
