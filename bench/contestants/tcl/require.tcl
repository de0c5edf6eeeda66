# require.tcl --
#
#	How long "package require" takes in a fresh interpreter, in
#	microseconds: tclsh require.tcl PACKAGE

lassign $argv package
set began [clock microseconds]
package require $package
puts [expr {[clock microseconds] - $began}]
