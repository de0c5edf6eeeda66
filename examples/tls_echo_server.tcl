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
        chan puts stderr "[pid] $ipaddr port $port: $message"
        return
    }
    # Bytes come back as they came, whether they are text or not.
    chan configure $sock -buffering line -translation lf -encoding iso8859-1
    while {[chan gets $sock line] >= 0 && $line ne "quit"} {
        chan puts $sock "[pid]: $line"
    }
}

# Announce -- Says what is served, once the first workers are ready.

proc Announce {certificate pool} {
    chan puts "tls_echo_server.tcl: lines come back over TLS on port\
        [dict get [$pool status] port], all addresses, certificate\
        $certificate (process [pid])"
    chan flush stdout
}

# Refuse -- Ends the program, whose arguments can't be right.

proc Refuse {problem} {
    chan puts stderr "tls_echo_server.tcl: $problem;\
        usage: tls_echo_server.tcl certificate key ?port?"
    exit 2
}

if {$argc < 2 || $argc > 3} {
    Refuse "two or three arguments"
}
lassign [concat $argv [lrange {{} {} 8443} $argc end]] certificate key port
foreach file [list $certificate $key] {
    if {![file isfile $file] || ![file readable $file]} {
        Refuse "can't read \"$file\""
    }
}
if {![regexp {^(0|[1-9]\d{0,4})$} $port] || $port > 65535} {
    Refuse "bad port \"$port\""
}
try {
    ::socketserver::serve -workers 4 -timeout 300 \
        -readycmd [list Announce $certificate] \
        $port [list handle $certificate $key]
} on error {message} {
    chan puts stderr "tls_echo_server.tcl: $message"
    exit 1
}
