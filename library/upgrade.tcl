# upgrade.tcl --
#
#	SIGUSR2: the same program is started anew, and takes over from this one.

namespace eval ::socketserver::upgrade {
    # Tells the new process whose listeners it is to take over.
    variable name SOCKETSERVER_TAKEOVER
    variable successor {}	;# The process that is on its way; {}: none.
    # Where the program was started, as far as we know; {} if it can't be told.
    variable directory
    if {[catch {pwd} directory]} {
        set directory {}
    }
}

# Where to take over from, or {}. For this process alone: workers and programs
# don't see it.

proc ::socketserver::upgrade::Told {} {
    variable name
    set path {}
    if {[info exists ::env($name)]} {
        set path $::env($name)
        unset ::env($name)
    }
    return $path
}

# Starts the successor of a process that serves, or tells why not.

proc ::socketserver::upgrade::Begin {pool} {
    variable successor

    set logCmd [::socketserver::log::Command [$pool configure]]
    set problem [Hindrance $pool]
    if {$problem eq {}} {
        try {
            set successor [Run [$pool cget -control]]
            ::socketserver::Process watch $successor \
                    [list ::socketserver::upgrade::Ended $pool]
        } on error {problem} {
            set successor {}
        }
    }
    if {$problem ne {}} {
        ::socketserver::log::Tell $logCmd warning "can't upgrade: $problem"
    } else {
        ::socketserver::log::Tell $logCmd info "upgrade: process $successor\
                is to take over"
    }
}

# The server is to stop: so is who would find nobody there and serve instead.

proc ::socketserver::upgrade::GiveUp {} {
    variable successor
    if {$successor ne {}} {
        catch {::socketserver::Process signal $successor TERM}
    }
}

proc ::socketserver::upgrade::Hindrance {pool} {
    variable successor

    if {[pid] == 1} {
        return "process 1 is no other's successor: exchange what started it"
    }
    if {[$pool cget -control] eq {}} {
        return "without -control nobody can take over"
    }
    if {[dict get [$pool status] state] ni {running reloading}} {
        return "the server stops"
    }
    if {$successor ne {}} {
        return "process $successor is on its way already"
    }
}

# The program as it was started, with its first word made a path that holds
# anywhere. Its process id.

proc ::socketserver::upgrade::Run {control} {
    variable name
    variable directory

    set program [info nameofexecutable]
    if {$program eq {}} {
        set program [file readlink /proc/self/exe]
    }
    set words [CommandLine]
    set given [dict merge [::socketserver::notify::Given] \
            [dict create $name $control]]
    if {$directory ne {}} {
        set before [pwd]
        cd $directory
    }
    array set ::env $given
    try {
        return [::socketserver::Process run \
                [list $program {*}[lrange $words 1 end]]]
    } finally {
        foreach key [dict keys $given] {
            unset -nocomplain ::env($key)
        }
        if {$directory ne {}} {
            cd $before
        }
    }
}

proc ::socketserver::upgrade::CommandLine {} {
    set chan [open /proc/self/cmdline]
    try {
        chan configure $chan -translation lf
        return [lrange [split [chan read $chan] \u0000] 0 end-1]
    } finally {
        chan close $chan
    }
}

# The successor has ended. Before it has taken over that is a failure, and this
# process goes on.

proc ::socketserver::upgrade::Ended {pool how} {
    variable successor

    if {[dict get $how pid] ne $successor} {
        return
    }
    set successor {}
    if {[info commands $pool] eq {}
            || [dict get [$pool status] state] in {stopping stopped}} {
        return
    }
    ::socketserver::log::Tell [::socketserver::log::Command [$pool configure]] \
            warning "upgrade: process [dict get $how pid]\
            [::socketserver::log::End $how] before it had taken over: this one\
            goes on"
}
