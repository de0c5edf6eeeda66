# all.tcl --
#
#	Runs every test file of this directory, each in a process of its own,
#	and sums up. Arguments are tcltest's: "-file accept.test",
#	"-match accept-1.*", "-verbose bpste" and so on. All of it once for each
#	of the shells that TCLSH names, or with this one.
#
#	The last line is "N passed, N failed, N skipped", of all shells; a line
#	for each, which begins with its version, stands before it. The exit
#	status is 1 when a test failed, a file did not come to its end, or no
#	test ran with one of the shells.

package require Tcl 8.6-
package require tcltest 2.5
namespace import ::tcltest::*

namespace eval ::all {
    variable limit 900		;# Seconds that one file may take.
    variable done
    variable output
    variable sums		;# Of one shell.
}

configure -testdir [file dirname [file normalize [info script]]] {*}$argv
if {[info exists env(SOCKETSERVER_TEST_SCALE)]
	&& $env(SOCKETSERVER_TEST_SCALE) eq "full"} {
    set ::all::limit 7200
}

# ::all::RunFile --
#
#	Runs a test file; what it prints is printed, its sums are added up. One
#	that doesn't come to its end has failed.

proc ::all::RunFile {shell path} {
    variable limit
    variable done
    variable output {}
    variable sums

    set name [file tail $path]
    set chan [open [list | $shell $path {*}$::argv 2>@1] r]
    chan configure $chan -blocking 0
    chan event $chan readable [list ::all::Read $chan]
    set timer [after [expr {$limit * 1000}] {set ::all::done late}]
    set begin [clock milliseconds]
    vwait ::all::done
    after cancel $timer
    if {$done eq "late"} {
	exec kill -s KILL {*}[pid $chan]
    }
    chan configure $chan -blocking 1
    set crashed [catch {close $chan} message]

    set pattern "$name:\tTotal\t(\\d+)\tPassed\t(\\d+)\tSkipped\t(\\d+)\tFailed\t(\\d+)"
    if {[regexp $pattern $output -> total passed skipped failed]} {
	foreach key {Passed Failed Skipped} value \
		[list $passed $failed $skipped] {
	    dict incr sums $key $value
	}
    } else {
	set crashed 1
    }
    if {$done eq "late"} {
	puts "$name: ended by force after $limit seconds"
	dict incr sums Failed
    } elseif {$crashed} {
	puts "$name: did not come to its end: $message"
	dict incr sums Failed
    }
    puts [format {%s: %.1f s} $name \
	    [expr {([clock milliseconds] - $begin) / 1000.0}]]
}

proc ::all::Read {chan} {
    variable done
    variable output

    set text [chan read $chan]
    append output $text
    puts -nonewline $text
    flush stdout
    if {[chan eof $chan]} {
	chan event $chan readable {}
	set done end
    }
}

# ::all::RunAll --
#
#	Runs all files with a shell; returns the sums.

proc ::all::RunAll {shell} {
    variable sums {Passed 0 Failed 0 Skipped 0}

    foreach path [lsort [::tcltest::GetMatchingFiles [configure -testdir]]] {
	RunFile $shell $path
    }
    return $sums
}

proc ::all::Line {sums} {
    dict with sums {
	return "$Passed passed, $Failed failed, $Skipped skipped"
    }
}

set shells [list [info nameofexecutable]]
if {[info exists env(TCLSH)] && $env(TCLSH) ne ""} {
    set shells [split [string trim $env(TCLSH)]]
}
set all {Passed 0 Failed 0 Skipped 0}
set lines {}
set bad 0
foreach shell $shells {
    set version [exec $shell << {puts [info patchlevel]}]
    puts "Tcl $version: $shell"
    set sums [::all::RunAll $shell]
    lappend lines "Tcl $version: [::all::Line $sums]"
    dict for {key value} $sums {
	dict incr all $key $value
    }
    incr bad [expr {[dict get $sums Failed] > 0 || [dict get $sums Passed] == 0}]
}
puts [join $lines \n]
puts [::all::Line $all]
exit [expr {$bad > 0}]
