# options.tcl --
#
#	The options of a pool: names, defaults, and which values can be.

namespace eval ::socketserver::options {
    # Name: default, kind, and whether it may change while the pool runs.
    variable table {
        -backlog      {{}     Any     fixed}
        -concurrency  {{}     Count   free}
        -exitcmd      {{}     Any     free}
        -grace        {30     Seconds free}
        -group        {{}     Any     fixed}
        -idletime     {60     Seconds free}
        -initcmd      {{}     Any     free}
        -leavecmd     {{}     Any     free}
        -logcmd       {{}     Prefix  free}
        -loop         {accept Loop    free}
        -maxrequests  {0      Number  free}
        -maxworkers   {{}     Count   free}
        -minworkers   {{}     Least   free}
        -myaddr       {{}     Any     fixed}
        -reuseport    {{}     Any     fixed}
        -timeout      {0      Seconds free}
        -user         {{}     Any     fixed}
        -workers      {{}     Count   free}
    }
    variable most 1024	;# Workers of one generation.
    variable usual 4	;# Workers where nothing is said.
    variable together 100	;# Connections of an event loop at a time.
}

# ::socketserver::options::Read --
#
#	Sets options from a list of names and values.
#
# Arguments:
#	options	a dict of all of them, as Default returns it
#	pairs	the list
#	running	whether the pool runs, so that some can't change
#
# Results:
#	The new dict. What can't be is an error {SOCKETSERVER USAGE}.

proc ::socketserver::options::Read {options pairs {running 0}} {
    if {[llength $pairs] % 2} {
        Usage "option \"[lindex $pairs end]\" has no value"
    }
    foreach {name value} $pairs {
        lassign [Find $name] name kind when
        if {$running && $when eq "fixed"} {
            Usage "option $name can't change while the pool runs"
        }
        Check$kind $name $value
        dict set options $name $value
        if {$running} {
            set options [Supersede $options $name]
        }
    }
    Agree $options
    return $options
}

# ::socketserver::options::Supersede --
#
#	A fixed number of workers and bounds exclude each other: what is set
#	later wins.

proc ::socketserver::options::Supersede {options name} {
    if {$name eq "-workers"} {
        dict set options -minworkers {}
        dict set options -maxworkers {}
    } elseif {$name in {-minworkers -maxworkers}} {
        dict set options -workers {}
    }
    return $options
}

proc ::socketserver::options::Default {} {
    variable table
    set options {}
    dict for {name entry} $table {
        dict set options $name [lindex $entry 0]
    }
    return $options
}

# ::socketserver::options::Find --
#
#	An option by its name, which may be cut short as Tcl's may.

proc ::socketserver::options::Find {name} {
    variable table
    if {[catch {
        ::tcl::prefix match -message option [dict keys $table] $name
    } found]} {
        Usage $found
    }
    list $found {*}[lrange [dict get $table $found] 1 end]
}

# ::socketserver::options::Agree --
#
#	What can't be together.

proc ::socketserver::options::Agree {options} {
    dict with options {}
    if {${-workers} ne {} && (${-minworkers} ne {} || ${-maxworkers} ne {})} {
        Usage "either -workers, or -minworkers and -maxworkers"
    }
    lassign [Bounds $options] least most
    if {$least > $most} {
        Usage "-minworkers $least is more than -maxworkers $most"
    }
    if {${-concurrency} ne {} && ${-concurrency} > 1
            && ${-loop} eq "accept"} {
        Usage "-concurrency ${-concurrency} needs -loop event"
    }
    if {${-group} ne {} && ${-user} eq {}} {
        Usage "-group needs -user"
    }
}

# ::socketserver::options::Bounds --
#
#	How many workers at least and at most.

proc ::socketserver::options::Bounds {options} {
    variable usual
    dict with options {}
    if {${-minworkers} eq {} && ${-maxworkers} eq {}} {
        set number [expr {${-workers} eq {} ? $usual : ${-workers}}]
        return [list $number $number]
    }
    if {${-minworkers} eq {}} {
        return [list [expr {min(1, ${-maxworkers})}] ${-maxworkers}]
    }
    if {${-maxworkers} eq {}} {
        return [list ${-minworkers} [expr {max($usual, ${-minworkers})}]]
    }
    list ${-minworkers} ${-maxworkers}
}

# ::socketserver::options::Concurrency --
#
#	How many connections a worker takes at a time.

proc ::socketserver::options::Concurrency {options} {
    variable together
    dict with options {}
    if {${-loop} eq "accept"} {
        return 1
    }
    expr {${-concurrency} eq {} ? $together : ${-concurrency}}
}

# ::socketserver::options::Milliseconds --
#
#	An option in seconds, as milliseconds; what isn't nothing is at least
#	one.

proc ::socketserver::options::Milliseconds {seconds} {
    expr {$seconds > 0 ? max(1, round(1000.0 * $seconds)) : 0}
}

# ::socketserver::options::Listening --
#
#	Those that "socket server" takes, as it takes them.

proc ::socketserver::options::Listening {options} {
    set result {}
    foreach name {-backlog -myaddr -reuseport} {
        if {[dict get $options $name] ne {}} {
            lappend result $name [dict get $options $name]
        }
    }
    return $result
}

# ::socketserver::options::CheckAny, CheckCount, CheckNumber, CheckLeast,
# CheckSeconds, CheckPrefix, CheckLoop --
#
#	Whether a value is of a kind. Where {} is the default it may be given.

proc ::socketserver::options::CheckAny {name value} {}

proc ::socketserver::options::CheckCount {name value} {
    variable most
    if {$value ne {}} {
        Number $name $value 1 $most
    }
}

proc ::socketserver::options::CheckNumber {name value} {
    Number $name $value 0 2147483647
}

proc ::socketserver::options::CheckLeast {name value} {
    variable most
    if {$value ne {}} {
        Number $name $value 0 $most
    }
}

proc ::socketserver::options::CheckSeconds {name value} {
    if {![string is double -strict $value] || !($value >= 0)
            || $value > 1e6} {
        Usage "bad value \"$value\" for $name: must be seconds,\
                from 0 to 1000000"
    }
}

proc ::socketserver::options::CheckPrefix {name value} {
    if {![string is list $value]} {
        Usage "bad value \"$value\" for $name: must be a command prefix"
    }
    set command [lindex $value 0]
    if {$value ne {} && ![IsCommand $command]} {
        Usage "bad value \"$value\" for $name: \"$command\" is not a command"
    }
}

proc ::socketserver::options::CheckLoop {name value} {
    if {$value ni {accept event}} {
        Usage "bad value \"$value\" for $name: must be accept or event"
    }
}

# ::socketserver::options::IsCommand --
#
#	Whether there is a command of this name, at global level; loads it if
#	Tcl knows from where.

proc ::socketserver::options::IsCommand {name} {
    expr {[uplevel #0 [list ::namespace which -command $name]] ne {}
            || [uplevel #0 [list ::auto_load $name]]}
}

proc ::socketserver::options::Number {what value least most} {
    if {![string is integer -strict $value] || $value < $least
            || $value > $most} {
        Usage "bad value \"$value\" for $what: must be a number from $least\
                to $most"
    }
}

proc ::socketserver::options::Usage {message} {
    return -level 1 -code error -errorcode {SOCKETSERVER USAGE} $message
}
