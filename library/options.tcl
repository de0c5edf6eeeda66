# options.tcl --
#
#	The options of a pool: names, defaults, and which values can be.

namespace eval ::socketserver::options {
    # Name: default, kind, and whether it may change while the pool runs. {}
    # is a default where it means none, or depends on other options.
    variable table {
        -backlog      {4096   Any     fixed}
        -busyreply    {{}     Any     fixed}
        -concurrency  {{}     Open    free}
        -control      {{}     Path    fixed}
        -defer        {0      Any     fixed}
        -drain        {0      Seconds free}
        -exec         {{}     Argv    fixed}
        -exitcmd      {{}     Any     free}
        -firstbyte    {0      Any     fixed}
        -firststart   {60     Seconds free}
        -grace        {30     Seconds free}
        -group        {{}     Any     fixed}
        -head         {{}     Any     fixed}
        -headtime     {10     Any     fixed}
        -health       {{}     Any     fixed}
        -idletime     {60     Seconds free}
        -initcmd      {{}     Any     free}
        -keep         {0      Boolean fixed}
        -keepalive    {{}     Any     fixed}
        -killtime     {1      Seconds free}
        -leavecmd     {{}     Any     free}
        -logcmd       {{}     Prefix  free}
        -logformat    {text   Format  free}
        -loop         {accept Loop    free}
        -maxperaddr   {0      Any     fixed}
        -maxqueue     {0      Any     fixed}
        -maxrequests  {0      Number  free}
        -maxworkers   {{}     Count   free}
        -minworkers   {{}     Least   free}
        -myaddr       {{}     Any     fixed}
        -nodelay      {0      Any     fixed}
        -notify       {0      Boolean fixed}
        -parktimeout  {60     Any     fixed}
        -proxyfrom    {{}     Any     fixed}
        -proxytime    {5      Any     fixed}
        -queuetime    {0      Any     fixed}
        -rateperaddr  {0      Any     fixed}
        -rcvbuf       {0      Any     fixed}
        -readycmd     {{}     Prefix  free}
        -reloadcmd    {{}     Any     free}
        -reopencmd    {{}     Any     free}
        -reuseport    {0      Any     fixed}
        -skipgone     {none   Any     fixed}
        -slowlog      {0      Seconds free}
        -status       {{}     Any     fixed}
        -status-password-file {{} Path fixed}
        -takeover     {{}     Path    fixed}
        -timeout      {0      Seconds free}
        -type         {tcp    Any     fixed}
        -unixgroup    {{}     Any     fixed}
        -unixmode     {{}     Any     fixed}
        -unixuser     {{}     Any     fixed}
        -user         {{}     Any     fixed}
        -usertimeout  {0      Any     fixed}
        -workers      {{}     Count   free}
    }
    # Those of the listeners, which the library checks.
    variable listening {
        -backlog -busyreply -defer -firstbyte -head -headtime -keepalive
        -maxperaddr -maxqueue -myaddr -nodelay -parktimeout -proxyfrom
        -proxytime -queuetime -rateperaddr -rcvbuf -reuseport -skipgone -type
        -unixgroup -unixmode -unixuser -usertimeout
    }
    variable most 1024	;# Workers of one generation.
    variable mostOpen 100000	;# Connections of an event loop at a time.
    variable usual 4	;# Workers where nothing is said.
    variable together 100	;# The same where nothing is said.
}

# Sets options from a list of names and values.
#
# options: a dict of all of them, as Default returns it.
# running: whether the pool runs, so that some can't change.
#
# The new dict, with numbers as Tcl writes them. What can't be is an error
# {SOCKETSERVER USAGE}.

proc ::socketserver::options::Read {options pairs {running 0}} {
    if {[llength $pairs] % 2} {
        Usage "option \"[lindex $pairs end]\" has no value"
    }
    foreach {name value} $pairs {
        lassign [Find $name] name kind when
        if {$running && $when eq "fixed"} {
            Usage "option $name can't change while the pool runs"
        }
        dict set options $name [Check$kind $name $value]
        if {$running} {
            set options [Supersede $options $name]
        }
    }
    Agree $options
    return $options
}

# A fixed number of workers and bounds exclude each other: what is set later
# wins.

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

# The options as they hold, for users.

proc ::socketserver::options::Shown {options} {
    dict set options -concurrency [Concurrency $options]
    return $options
}

# An option by its name, which may be cut short as Tcl's may.

proc ::socketserver::options::Find {name} {
    variable table
    set names [dict keys $table]
    set found [::tcl::prefix match -error {} $names $name]
    if {$found eq {}} {
        Usage "unknown or ambiguous option \"$name\": must be\
                [join [lrange $names 0 end-1] {, }], or [lindex $names end]"
    }
    list $found {*}[lrange [dict get $table $found] 1 end]
}

# What can't be together.

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
    if {${-keep} && ${-loop} eq "event"} {
        Usage "-keep needs -loop accept: from an event loop a handler gives\
                connections back with \"::socketserver::socket park\""
    }
    if {${-exec} ne {} && (${-keep} || ${-loop} eq "event")} {
        Usage "-exec needs -loop accept and no -keep: a program has a\
                connection from its start to its end"
    }
    if {${-logformat} ne "text"
            && ${-logcmd} ne "::socketserver::log::Print"} {
        Usage "-logformat ${-logformat} is for the log that\
                ::socketserver::serve prints: leave out -logcmd, or call it\
                with -logformat text"
    }
    if {${-group} ne {} && ${-user} eq {}} {
        Usage "-group needs -user"
    }
    if {${-status-password-file} ne {} && ${-status} eq {}} {
        Usage "-status-password-file needs -status"
    }
}

# How many workers at least and at most.

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

# How many connections a worker takes at a time.

proc ::socketserver::options::Concurrency {options} {
    variable together
    dict with options {}
    if {${-loop} eq "accept"} {
        return 1
    }
    expr {${-concurrency} eq {} ? $together : ${-concurrency}}
}

# An option in seconds, as milliseconds; what isn't nothing is at least one.

proc ::socketserver::options::Milliseconds {seconds} {
    expr {$seconds > 0 ? max(1, round(1000.0 * $seconds)) : 0}
}

# Those that "socket server" takes, as it takes them, where they say something.

proc ::socketserver::options::Listening {options} {
    variable listening
    set default [Default]
    dict filter $options script {name value} {
        expr {$name in $listening && $value ne [dict get $default $name]}
    }
}

# What a server's life has beside its listeners, as "Queue serve" takes it.

proc ::socketserver::options::Extras {options} {
    set extras {}
    foreach name {control health status takeover} {
        if {[dict get $options -$name] ne {}} {
            dict set extras $name [dict get $options -$name]
        }
    }
    if {[dict get $options -status-password-file] ne {}} {
        dict set extras open 1
    }
    if {[dict exists $extras takeover]} {
        dict set extras firststart \
                [Milliseconds [dict get $options -firststart]]
    }
    return $extras
}

# A value of a kind, or an error. Where {} is the default it may be given.

proc ::socketserver::options::CheckAny {name value} {
    return $value
}

proc ::socketserver::options::CheckArgv {name value} {
    if {![string is list $value]
            || $value ne {} && [lindex $value 0] eq {}} {
        Usage "bad value \"$value\" for $name: must be a list of a program\
                and its arguments"
    }
    return $value
}

proc ::socketserver::options::CheckBoolean {name value} {
    if {![string is boolean -strict $value]} {
        Usage "bad value \"$value\" for $name: must be a boolean"
    }
    expr {!!$value}
}

proc ::socketserver::options::CheckCount {name value} {
    variable most
    expr {$value eq {} ? {} : [Number $name $value 1 $most]}
}

proc ::socketserver::options::CheckOpen {name value} {
    variable mostOpen
    expr {$value eq {} ? {} : [Number $name $value 1 $mostOpen]}
}

proc ::socketserver::options::CheckNumber {name value} {
    Number $name $value 0 2147483647
}

proc ::socketserver::options::CheckLeast {name value} {
    variable most
    expr {$value eq {} ? {} : [Number $name $value 0 $most]}
}

proc ::socketserver::options::CheckSeconds {name value} {
    if {![string is double -strict $value] || !($value >= 0)
            || $value > 1e6} {
        Usage "bad value \"$value\" for $name: must be a number of seconds\
                from 0 to 1000000"
    }
    expr {$value + 0}
}

proc ::socketserver::options::CheckPrefix {name value} {
    if {![string is list $value]} {
        Usage "bad value \"$value\" for $name: must be a command prefix"
    }
    set command [lindex $value 0]
    if {$value ne {} && ![IsCommand $command]} {
        Usage "bad value \"$value\" for $name: \"$command\" is not a command"
    }
    return $value
}

# A file's name that holds wherever the process goes; @name is none.

proc ::socketserver::options::CheckPath {name value} {
    if {$value eq {} || [string index $value 0] eq "@"} {
        return $value
    }
    if {[string match unix:* $value]} {
        Usage "bad value \"$value\" for $name: must be a path, without unix:"
    }
    file normalize $value
}

proc ::socketserver::options::CheckFormat {name value} {
    if {$value ni {text json journal}} {
        Usage "bad value \"$value\" for $name: must be text, json, or journal"
    }
    return $value
}

proc ::socketserver::options::CheckLoop {name value} {
    if {$value ni {accept event}} {
        Usage "bad value \"$value\" for $name: must be accept or event"
    }
    return $value
}

# Whether there is a command of this name, at global level; loads it if Tcl
# knows from where.

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
    expr {$value + 0}
}

proc ::socketserver::options::Usage {message} {
    return -level 1 -code error -errorcode {SOCKETSERVER USAGE} $message
}

# Evaluates a script in its caller. An error that has a code of ours or of the
# system is the caller's own: who gets it is not interested in our stack.

proc ::socketserver::options::Plainly {script} {
    set code [catch {uplevel 1 $script} result problem]
    if {$code == 1 && [lindex [dict get $problem -errorcode] 0] in
            {SOCKETSERVER POSIX}} {
        return -level 2 -code error \
                -errorcode [dict get $problem -errorcode] $result
    }
    dict incr problem -level
    return -options $problem $result
}
