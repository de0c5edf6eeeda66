# all.tcl --
#
#	Runs every test file of this directory, each in a process of its own,
#	and sums up. Arguments are tcltest's: "-file accept.test",
#	"-match accept-1.*", "-verbose bpste" and so on.
#
#	The last line is "N passed, N failed, N skipped". The exit status is 1
#	when a test failed, a file did not come to its end, or no test ran.

package require Tcl 8.6-
package require tcltest 2.5
namespace import ::tcltest::*

namespace eval ::all {
    variable limit 900		;# Seconds that one file may take.
    variable done
    variable output
    variable sums {Passed 0 Failed 0 Skipped 0}
    variable faults 0		;# Files that did not come to their end.
}

configure -testdir [file dirname [file normalize [info script]]] {*}$argv
if {[info exists env(SOCKETSERVER_TEST_SCALE)]
	&& $env(SOCKETSERVER_TEST_SCALE) eq "full"} {
    set ::all::limit 7200
}

# ::all::RunFile --
#
#	Runs a test file; what it prints is printed, its sums are added up.

proc ::all::RunFile {path} {
    variable limit
    variable done
    variable output {}
    variable sums
    variable faults

    set name [file tail $path]
    set chan [open [list | [info nameofexecutable] $path {*}$::argv 2>@1] r]
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
	incr faults
    } elseif {$crashed} {
	puts "$name: did not come to its end: $message"
	incr faults
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

foreach path [lsort [::tcltest::GetMatchingFiles [configure -testdir]]] {
    ::all::RunFile $path
}

set failed [expr {[dict get $::all::sums Failed] + $::all::faults}]
puts "[dict get $::all::sums Passed] passed, $failed failed,\
	[dict get $::all::sums Skipped] skipped"
exit [expr {$failed > 0 || [dict get $::all::sums Passed] == 0}]
