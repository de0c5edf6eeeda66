# tls_echo_server.tcl --
#
#	The line server over TLS (package tls).
#
#	    tclsh tls_echo_server.tcl certificate key ?port?
#
#	Both files are PEM. To try it out:
#
#	    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost \
#	        -keyout key.pem -out certificate.pem
#	    openssl s_client -connect localhost:8443
#
#	Key and certificate are read by each worker for each connection; send
#	HUP to the server if you want to be sure that all use new ones.

package require Tcl 8.6-
package require tls
package require socketserver

proc handle {certificate key sock ipaddr port} {
    tls::import $sock -server 1 -require 0 -ssl2 0 -ssl3 0 \
        -certfile $certificate -keyfile $key
    try {
        tls::handshake $sock
    } on error {message} {
        # Whoever connects may speak something else than TLS.
        log info "$ipaddr port $port: $message"
        return
    }
    chan configure $sock -buffering line -translation lf
    while {[chan gets $sock line] >= 0 && $line ne "quit"} {
        chan puts $sock "[pid]: $line"
    }
}

proc log {level message} {
    chan puts stderr "[clock format [clock seconds]] [pid] $level: $message"
}

if {$argc < 2} {
    chan puts stderr "usage: tls_echo_server.tcl certificate key ?port?"
    exit 2
}
lassign $argv certificate key port
::socketserver::serve -workers 4 -timeout 300 -logcmd log \
    [expr {$port eq "" ? 8443 : $port}] [list handle $certificate $key]
