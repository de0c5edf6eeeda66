# load.tcl --
#
#	What "package require" does: looks whether this process can have the
#	package, then loads the library and the rest of the Tcl part.

namespace eval ::socketserver::load {
    # What Go needs at its start, or it aborts the process: measured, with
    # room for one port. Threads beside those of the process, and KB of
    # address space beside what it has and the stacks of those threads.
    variable threads 8
    variable space 1792000
    # From where on the threads of a user aren't counted: that means to look
    # at every process.
    variable plenty 4096
}

# Loads the package, or says that it is still there: what an interpreter has
# loaded outlives "package forget", and so do its pools.
#
# files: those to source after the library is loaded.

proc ::socketserver::load::Package {version directory files} {
    variable loaded

    if {![info exists loaded]} {
        CheckLimits
        set library [file join $directory [Library]]
        CheckBuilt $library
        uplevel #0 [list load $library Socketserver]
        # The library has read them and taken them out of the environment; this
        # array would show them on.
        foreach name {LISTEN_PID LISTEN_PIDFDID LISTEN_FDS LISTEN_FDNAMES} {
            unset -nocomplain ::env($name)
        }
        foreach file $files {
            uplevel #0 [list source [file join $directory $file]]
        }
        set loaded $version
    }
    package provide socketserver $loaded
}

# Each major version of Tcl has a library of its own.

proc ::socketserver::load::Library {} {
    expr {[package vsatisfies [package provide Tcl] 9-]
            ? "libtcl9socketserver.so" : "libsocketserver.so"}
}

# A safe interpreter can't look.

proc ::socketserver::load::CheckBuilt {library} {
    if {[catch {file exists $library} there] || $there} {
        return
    }
    set version [info tclversion]
    return -code error -errorcode {SOCKETSERVER NOLIBRARY} \
            "socketserver was built without Tcl $version: there is no $library;\
            build it again where the development files of Tcl $version are\
            (Debian: tcl$version-dev), or use another Tcl"
}

# Go doesn't return from a start without threads or memory. What can't be read,
# for instance in a safe interpreter, limits nothing here.

proc ::socketserver::load::CheckLimits {} {
    if {[catch {
        set limits [Read /proc/self/limits]
        set status [Read /proc/self/status]
    }]} {
        return
    }
    CheckSpace $limits $status
    CheckThreads $limits $status
}

# Each thread has a stack as large as the first may get; without a limit, 2 MB.

proc ::socketserver::load::CheckSpace {limits status} {
    variable threads
    variable space

    set limit [Limit $limits "Max address space"]
    if {$limit eq {}} {
        return
    }
    set stack [Limit $limits "Max stack size"]
    set stacks [expr {$threads * ($stack eq {} ? 2048 : $stack / 1024)}]
    set needed [expr {[Field $status VmSize] + $space + $stacks}]
    if {$limit / 1024 < $needed} {
        Refuse "an address space of [Megabytes $needed]: the limit is\
                [Megabytes [expr {$limit / 1024}]], raise it (ulimit -v)"
    }
}

# Root, and who may exceed limits (CAP_SYS_ADMIN, CAP_SYS_RESOURCE), have none.

proc ::socketserver::load::CheckThreads {limits status} {
    variable threads
    variable plenty

    set limit [Limit $limits "Max processes"]
    set user [Field $status Uid]
    if {$limit eq {} || $limit > $plenty || $user == 0
            || "0x[Field $status CapEff]" & 0x1200000} {
        return
    }
    set used [ThreadsOf $user]
    if {$used + $threads > $limit} {
        Refuse "$threads threads more, and user $user has $used already: the\
                limit is $limit, raise it (ulimit -u)"
    }
}

proc ::socketserver::load::ThreadsOf {user} {
    set count 0
    foreach path [glob -nocomplain -directory /proc {[0-9]*}] {
        # One that has just ended counts no more.
        if {![catch {Read $path/status} status]
                && [Field $status Uid] == $user} {
            incr count [Field $status Threads]
        }
    }
    return $count
}

proc ::socketserver::load::Refuse {what} {
    return -code error -errorcode {SOCKETSERVER LIMIT} \
            "socketserver needs $what"
}

# The soft limit of that name, {} if there is none; the first number of a line
# of /proc/PID/status, whose Uid is the real one.

proc ::socketserver::load::Limit {limits name} {
    if {[regexp -line "^$name +(\\d+)" $limits -> limit]} {
        return $limit
    }
}

proc ::socketserver::load::Field {status name} {
    set value 0
    regexp -line "^$name:\\s*(\[\[:xdigit:]]+)" $status -> value
    return $value
}

proc ::socketserver::load::Megabytes {kilobytes} {
    return "[expr {$kilobytes / 1024}] MB"
}

proc ::socketserver::load::Read {path} {
    # Bytes: a process may have any name.
    set chan [open $path rb]
    try {
        return [chan read $chan]
    } finally {
        chan close $chan
    }
}
