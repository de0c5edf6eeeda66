#!/bin/sh
# setup.sh TCLSH: installs what the contestants need, as root on Debian and
# its like; elsewhere it says what is missing and goes on. A contestant that
# then can't run says so in its row.

tclsh=${1:-tclsh}
packages=

# need PACKAGE COMMAND...: the package is wanted unless the command succeeds.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}

tcl() {
    [ "`echo "$1" | $tclsh 2>/dev/null`" = yes ]
}

has_stubs() {
    tcl 'puts [expr {[file exists [::tcl::pkgconfig get includedir,install]/tcl.h] ? "yes" : "no"}]'
}

need tcl $tclsh /dev/null
need tcl-dev has_stubs
need tclx8.4 tcl 'package require Tclx; puts yes'
need ucspi-tcp command -v tcpserver
need nodejs command -v node
need python3 command -v python3
need gcc command -v cc

[ -n "$packages" ] || exit 0
install="apt-get install -y --no-install-recommends$packages"
if [ "`id -u`" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: $install"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install && exit 0
    echo "setup: that failed; going on without" >&2
else
    echo "setup: some contestants miss what they need. On Debian: sudo $install" >&2
fi
exit 0
