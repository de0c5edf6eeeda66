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
need linux-perf command -v perf

[ -n "$packages" ] || exit 0
install="apt-get install -y --no-install-recommends"
if [ "`id -u`" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # One at a time: one that isn't known here must not keep back the others.
    for package in $packages; do
	echo "setup: $install $package"
	DEBIAN_FRONTEND=noninteractive $install $package ||
	    echo "setup: that failed; going on without $package" >&2
    done
else
    echo "setup: some contestants miss what they need. On Debian: sudo $install$packages" >&2
fi
exit 0
