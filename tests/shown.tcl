# shown.tcl --
#
#	What the files about -status share: pools whose status is shown, what
#	is asked of their exporter, the numbers in its answer.

source [file join [file dirname [info script]] lives.tcl]

namespace eval ::shown {
    namespace export shown pageOf codeOf metricsOf sumOf awaitSum exporterOf
    namespace export stallTcl resumeTcl fetched
}

foreach {constraint command} {
    curl {curl --version}
    promtool {promtool --version}
    prometheus {prometheus --version}
} {
    ::tcltest::testConstraint $constraint \
	    [expr {![catch {exec {*}$command 2>@1}]}]
}

# A pool whose status is shown, ready: {handle port listener}. The options are
# those of pool.

proc ::shown::shown {args} {
    set script {}
    if {[llength $args] % 2} {
	set script [lindex $args end]
	set args [lrange $args 0 end-1]
    }
    lassign [pool -workers 2 -status 127.0.0.1:0 {*}$args $script] server port
    awaitReady $server [ask $server {$pool cget -workers}]
    list $server $port [statusOf $server statusListener]
}

# What an exporter answers, as {code body}; arguments are curl's.

proc ::shown::pageOf {listener path args} {
    set where [list http://$listener$path]
    if {[regexp {^unix:(.*)} $listener -> file]} {
	set where [list --unix-socket $file http://localhost$path]
    }
    set lines [split [exec curl -sS --max-time 20 -w "\n%{http_code}" \
	    {*}$args {*}$where] \n]
    list [lindex $lines end] [join [lrange $lines 0 end-1] \n]
}

proc ::shown::codeOf {listener path args} {
    lindex [pageOf $listener $path {*}$args] 0
}

# The body of a page that is there.

proc ::shown::fetched {listener path args} {
    lassign [pageOf $listener $path {*}$args] code body
    if {$code != 200} {
	error "$path: $code $body"
    }
    return $body
}

# Metrics: name{labels} -> value; the sum of those of a name, or of one with its
# labels; waits until that is so, for what was asked a moment ago is answered again.

proc ::shown::metricsOf {listener args} {
    set result {}
    foreach line [split [fetched $listener /metrics {*}$args] \n] {
	if {[regexp {^([^#].*) (\S+)$} $line -> name value]} {
	    dict set result $name $value
	}
    }
    return $result
}

proc ::shown::sumOf {metrics name} {
    set sum 0
    dict for {key value} $metrics {
	if {[lindex [split $key \{] 0] eq $name || $key eq $name} {
	    set sum [expr {$sum + $value}]
	}
    }
    return [expr {round($sum)}]
}

proc ::shown::awaitSum {listener name value} {
    await {[::shown::sumOf [::shown::metricsOf $listener] $name] == $value} {} \
	    "$name $value; it is [sumOf [metricsOf $listener] $name]"
}

# The processes that show a server's status.

proc ::shown::exporterOf {handle} {
    lmap pid [children [pidOf $handle]] {
	if {[catch {::support::ReadFile /proc/$pid/cmdline} words]
		|| "exporter" ni [split $words \0]} {
	    continue
	}
	set pid
    }
}

# Has Tcl in a server compute until a file is gone, which is returned.

proc ::shown::stallTcl {handle} {
    set stall [place stall]
    close [open $stall w]
    say $handle [list while "\[file exists $stall\]" {}]
    await {[::trouble::stateOf [pidOf $handle] State] eq "R (running)"}
    return $stall
}

proc ::shown::resumeTcl {handle stall} {
    file delete $stall
    ask $handle {}
}

namespace import -force ::shown::*
