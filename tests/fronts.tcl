# fronts.tcl --
#
#	What the files about the front share: a handler that clients steer, its
#	clients, what the front counts, PROXY headers made by hand.

source [file join [file dirname [info script]] pools.tcl]

namespace eval ::fronts {
    namespace export talking own request told infoOf sendRaw block release
    namespace export front awaitFront calls awaitCalls pass leaver resetNow
    namespace export proxy1 proxy2 tlv crc32c freePort certificateOf outcome
}

::tcltest::testConstraint openssl [expr {![catch {
    exec env -u LD_PRELOAD openssl version
}]}]
::tcltest::testConstraint ipv6 [expr {![catch {
    close [::socket -server {} -myaddr ::1 0]
}]}]

set ::fronts::Prelude {
    # talk -- A line comes back with the pid. A worker that is told "block"
    # waits for its client's next line, which comes back as well.
    proc talk {sock address port} {
	set ::sock $sock
	# What comes needn't be text.
	chan configure $sock -translation lf -buffering line \
		-encoding iso8859-1
	if {[chan gets $sock text] < 0} {
	    return
	}
	switch -glob -- $text {
	    block {
		chan puts $sock "[pid] blocked"
		chan gets $sock text
	    }
	    fail {error boom}
	    close {
		chan puts $sock "[pid] closed"
		chan close $sock
		return
	    }
	    peer {set text [list $address $port]}
	    park* {
		chan puts $sock "[pid] parked"
		::socketserver::socket park {*}[lrange $text 1 end] $sock
		return
	    }
	    eval* {set text [uplevel #0 [string range $text 5 end]]}
	}
	chan puts $sock "[pid] $text"
    }

    # talkEvent -- The same in an event loop. Connections are parked after each
    # line.
    proc talkEvent {sock address port} {
	chan configure $sock -translation lf -buffering line -blocking 0 \
		-encoding iso8859-1
	chan event $sock readable [list answerLine $sock $address $port]
    }
    proc answerLine {sock address port} {
	if {[chan gets $sock text] < 0} {
	    if {[chan eof $sock]} {
		chan close $sock
	    }
	    return
	}
	set ::sock $sock
	switch -glob -- $text {
	    block {
		chan puts $sock "[pid] blocked"
		chan configure $sock -blocking 1
		chan gets $sock text
	    }
	    peer {set text [list $address $port]}
	    eval* {set text [uplevel #0 [string range $text 5 end]]}
	}
	chan puts $sock "[pid] $text"
	::socketserver::socket park $sock
    }
}

# A pool whose handler is "talk"; -workers has to be among the options of pool.
# Its workers are ready.

proc ::fronts::talking {args} {
    variable Prelude
    set script {}
    if {[llength $args] % 2} {
	set script [lindex $args end]
	set args [lrange $args 0 end-1]
    }
    lassign [pool -handler talk {*}$args "$Prelude\n$script"] server port
    awaitReady $server [dict get $args -workers]
    list $server $port
}

# A server that is its own only worker, with options of "socket server": it
# takes a connection ("next"), a line of it ("heard").

set ::fronts::Own {
    recordErrors
    proc next {} {
	set taken [::socketserver::socket accept -timeout 10000]
	if {$taken eq {}} {
	    error "no connection"
	}
	set ::sock [lindex $taken 0]
	chan configure $::sock -translation lf -buffering line
	return $::sock
    }
    proc heard {} {
	chan gets $::sock
    }
    proc park args {
	::socketserver::socket park {*}$args $::sock
    }
    proc known args {
	dict get [::socketserver::socket info $::sock] {*}$args
    }
    proc waiting {} {
	dict get [::socketserver::socket status] queued
    }
}

proc ::fronts::own {args} {
    variable Own
    set packages socketserver
    foreach {name package} {tclx Tclx tls tls} {
	if {[::tcltest::testConstraint $name]} {
	    set packages [linsert $packages 0 $package]
	}
    }
    set server [start -packages $packages "$Own
	say \[::socketserver::socket server {*}[word $args] 0\]"]
    list $server [line $server]
}

# Asks on a connection: the pid that answers, and its text.

proc ::fronts::request {client text} {
    send $client $text
    set reply [receive $client]
    set at [string first { } $reply]
    list [string range $reply 0 $at-1] [string range $reply $at+1 end]
}

proc ::fronts::told {client text} {
    lindex [request $client $text] 1
}

# What a handler is told of its connection.

proc ::fronts::infoOf {client args} {
    dict get [told $client {eval ::socketserver::socket info $::sock}] {*}$args
}

proc ::fronts::sendRaw {client bytes} {
    chan configure $client -translation {auto binary}
    chan puts -nonewline $client $bytes
    chan flush $client
}

# A client that holds a worker until it is released; what it sends before.

proc ::fronts::block {port {before {}}} {
    set client [connect $port]
    if {$before ne {}} {
	sendRaw $client $before
    }
    lassign [request $client block] - text
    if {$text ne "blocked"} {
	error "not blocked: $text"
    }
    return $client
}

proc ::fronts::release {client} {
    told $client released
}

# How connections ended, without their texts.

proc ::fronts::outcome {clients} {
    lmap client $clients {lindex [awaitFin $client] 0}
}

# What the front counts; waits until it is so.

proc ::fronts::front {handle args} {
    dict get [ask $handle {::socketserver::socket status}] {*}$args
}

proc ::fronts::awaitFront {handle path value} {
    await {[::fronts::front $handle {*}$path] == $value} {} \
	    "$path $value; it is [front $handle]"
}

# How often handlers of a pool were called.

proc ::fronts::calls {handle} {
    statusOf $handle served
}

proc ::fronts::awaitCalls {handle count} {
    await {[::fronts::calls $handle] == $count} {} "$count calls"
}

# Lets time pass where that is what a test is about.

proc ::fronts::pass {milliseconds} {
    set end [expr {[clock milliseconds] + $milliseconds}]
    await {[clock milliseconds] >= $end}
}

# A client that resets its connection when its channel is closed; one that has
# done so already.

proc ::fronts::leaver {port text} {
    set chan [open [list | socat -u - \
	    TCP:127.0.0.1:$port,linger=0,shut-none] w]
    chan puts $chan $text
    chan flush $chan
    return $chan
}

proc ::fronts::resetNow {port text} {
    exec socat -u - TCP:127.0.0.1:$port,linger=0,shut-none << $text\n
}

#
# PROXY headers.
#

proc ::fronts::proxy1 {{address 203.0.113.7} {port 4711} {family TCP4}
	{destination 192.0.2.1}} {
    return "PROXY $family $address $destination $port 443\r\n"
}

# Version 2: TCP over IPv4 or IPv6; TLVs as bytes. With "LOCAL" for the address
# there is none.

proc ::fronts::proxy2 {{address 203.0.113.7} {port 4711} {tlvs {}}} {
    set command 0x21
    if {$address eq "LOCAL"} {
	set command 0x20
	set family 0x00
	set body {}
    } elseif {[string first : $address] >= 0} {
	set family 0x21
	set body [Bytes6 $address][Bytes6 2001:db8:ffff:0:0:0:0:1]
	append body [binary format SS $port 443]
    } else {
	set family 0x11
	set body [binary format c4c4SS [split $address .] {192 0 2 1} \
		$port 443]
    }
    append body $tlvs
    return [Signature][binary format ccS $command $family \
	    [string length $body]]$body
}

proc ::fronts::Signature {} {
    return "\r\n\r\n\x00\r\nQUIT\n"
}

# All eight groups have to be there.

proc ::fronts::Bytes6 {address} {
    binary format S8 [lmap group [split $address :] {expr "0x$group"}]
}

proc ::fronts::tlv {type value} {
    binary format cSa* $type [string length $value] $value
}

# A header of version 2 with its checksum, or one that differs from it.

proc ::fronts::crc32c {wrong args} {
    set placed [proxy2 {*}[lrange $args 0 1] \
	    [lindex $args 2][tlv 0x03 \0\0\0\0]]
    set crc 0xffffffff
    binary scan $placed cu* bytes
    foreach byte $bytes {
	set crc [expr {$crc ^ $byte}]
	for {set bit 0} {$bit < 8} {incr bit} {
	    set crc [expr {($crc >> 1) ^ ($crc & 1 ? 0x82f63b78 : 0)}]
	}
    }
    string replace $placed end-3 end \
	    [binary format I [expr {$crc ^ 0xffffffff ^ $wrong}]]
}

#
# Other programs.
#

# ::fronts::freePort --
#
#	A port for a program that can't take any and say which: one that the
#	system gives to nobody who connects, and that was not given before.

proc ::fronts::freePort {} {
    variable given
    while 1 {
	set port [expr {20000 + int(rand() * 12000)}]
	if {![info exists given($port)] && ![catch {
	    ::socket -server {apply {args {}}} -myaddr 127.0.0.1 $port
	} probe]} {
	    close $probe
	    set given($port) 1
	    return $port
	}
    }
}

# A key and a certificate of its own in one file.

proc ::fronts::certificateOf {name} {
    set path [file join $::support::directory $name.pem]
    exec env -u LD_PRELOAD openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
	    -batch -subj /CN=$name -keyout $path.key -out $path.crt 2>@1
    set chan [open $path w]
    chan puts $chan [::support::ReadFile $path.crt][::support::ReadFile \
	    $path.key]
    chan close $chan
    return $path
}

namespace import -force ::fronts::*
