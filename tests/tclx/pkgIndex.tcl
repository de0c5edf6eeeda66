# What the tests use of Tclx, for Tcl 9 (see tclx.c). Where there is a real
# Tclx, its version is higher, and it is taken.

if {![package vsatisfies [package provide Tcl] 9-]} {
    return
}
package ifneeded Tclx 0.1 [list load [file join $dir libtcl9tclx.so] Tclx]
