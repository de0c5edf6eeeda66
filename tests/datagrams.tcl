# datagrams.tcl --
#
#	Clients of UDP, which Tcl has not: a Python process for each test file
#	does what it is told, line by line. Bytes are hexadecimal there.

source [file join [file dirname [info script]] lives.tcl]

namespace eval ::datagrams {
    namespace export caller hang portOf post answer consult lockstep stream
    namespace export halt refused clear
    variable chan {}
    variable counter 0
    variable callers {}
}

set ::datagrams::Program {
import errno, select, socket, sys, threading

sockets, streams = {}, {}

def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET

def opened(host):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind((host, 0))
    return s

def received(s, seconds):
    if not select.select([s], [], [], seconds)[0]:
        return None
    return s.recvfrom(65536)

class Stream(threading.Thread):
    """Asks, waits for the answer, asks again, until it is halted."""
    def __init__(self, host, port, data):
        super().__init__(daemon=True)
        self.to, self.data = (host, port), data
        self.sent = self.answered = 0
        self.on = True

    def run(self):
        with opened(self.to[0]) as s:
            while self.on:
                s.sendto(self.data, self.to)
                self.sent += 1
                self.answered += received(s, 5) is not None

def do_open(name, host):
    sockets[name] = opened(host)
    return sockets[name].getsockname()[1]

def do_close(name):
    sockets.pop(name).close()

def do_send(name, host, port, data="", count=1):
    for _ in range(int(count)):
        sockets[name].sendto(bytes.fromhex(data), (host, int(port)))

def do_receive(name, seconds):
    one = received(sockets[name], float(seconds))
    return one and f"{one[1][0]} {one[1][1]} {one[0].hex()}"

def do_lockstep(name, host, port, count):
    s, right = sockets[name], 0
    for number in range(int(count)):
        s.sendto(b"%d" % number, (host, int(port)))
        one = received(s, 20)
        right += one is not None and one[0].split()[-1] == b"%d" % number
    return right

def do_refused(host, port):
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        s.connect((host, int(port)))
        for _ in range(100):
            s.send(b"anybody?")
            received(s, 0.1)

def do_stream(name, host, port, data):
    streams[name] = Stream(host, int(port), bytes.fromhex(data))
    streams[name].start()

def do_halt(name):
    stream = streams.pop(name)
    stream.on = False
    stream.join()
    return f"{stream.sent} {stream.answered}"

for line in sys.stdin:
    verb, *words = line.split()
    try:
        answer = globals()["do_" + verb](*words)
        print("ok", "" if answer is None else answer, flush=True)
    except OSError as problem:
        print("error", errno.errorcode.get(problem.errno, problem), flush=True)
}

# What the process is told, and what it answers; its errors are POSIX errors.

proc ::datagrams::Tell {args} {
    variable chan
    variable said
    chan puts $chan $args
    await {[chan gets $::datagrams::chan ::datagrams::said] >= 0
	    || [chan eof $::datagrams::chan]} 60000 "the clients' process: $args"
    set rest [lassign $said outcome]
    if {$outcome ne "ok"} {
	return -code error -errorcode [list POSIX {*}$rest] "$args: $rest"
    }
    return $rest
}

proc ::datagrams::Begin {} {
    variable Program
    variable chan
    set path [file join $::support::directory callers.py]
    set file [open $path w]
    chan puts $file $Program
    close $file
    set chan [open [list | python3 $path 2>@ stderr] r+]
    chan configure $chan -blocking 0 -buffering line -translation lf
    # It stays open as long as the test file runs.
    set ::support::own [descriptors [pid]]
}

# A client; its address may be another one of this machine. Away with it.

proc ::datagrams::caller {{host 127.0.0.1}} {
    variable counter
    variable callers
    set name caller[incr counter]
    Tell open $name $host
    lappend callers $name
    return $name
}

proc ::datagrams::hang {name} {
    variable callers
    Tell close $name
    set callers [lsearch -all -inline -not -exact $callers $name]
}

# The number in a listener's name.

proc ::datagrams::portOf {name} {
    lindex [split $name :] end
}

# Sends a datagram, or several that are the same, to a port or a listener.

proc ::datagrams::post {name port bytes {host 127.0.0.1} {count 1}} {
    set hex [binary encode hex $bytes]
    if {$hex eq {}} {
	Tell send $name $host [portOf $port]
    } else {
	Tell send $name $host [portOf $port] $hex $count
    }
    return
}

# The next datagram that comes back: {bytes address port}; {} when none comes.

proc ::datagrams::answer {name {seconds 20}} {
    set said [Tell receive $name $seconds]
    if {$said eq {}} {
	return {}
    }
    lassign $said host port hex
    list [binary decode hex $hex] $host $port
}

# Both: the bytes that come back, or an error.

proc ::datagrams::consult {name port bytes {host 127.0.0.1}} {
    post $name $port $bytes $host
    set answer [answer $name]
    if {$answer eq {}} {
	error "no answer to: [string range $bytes 0 40]"
    }
    lindex $answer 0
}

# Asks one number after the other; how many of the answers end in theirs.

proc ::datagrams::lockstep {name port count {host 127.0.0.1}} {
    Tell lockstep $name $host [portOf $port] $count
}

# Asks on and on, in the background; {sent answered} at the end. Each waits 5 s.

proc ::datagrams::stream {port bytes {host 127.0.0.1}} {
    variable counter
    set name stream[incr counter]
    Tell stream $name $host [portOf $port] [binary encode hex $bytes]
    return $name
}

proc ::datagrams::halt {name} {
    Tell halt $name
}

# Whether the system says, in time, that nobody is there.

proc ::datagrams::refused {port {host 127.0.0.1}} {
    try {
	Tell refused $host [portOf $port]
	return 0
    } trap {POSIX ECONNREFUSED} {} {
	return 1
    }
}

# To be each test's -cleanup: clean, after what this file started.

proc ::datagrams::clear {} {
    variable callers
    foreach name $callers {
	hang $name
    }
    clean
}

# Ends a test file, in the place of ::support::end.

proc ::datagrams::end {} {
    variable chan
    if {$chan ne {}} {
	chan configure $chan -blocking 1
	close $chan
    }
    ::support::end
}

namespace import -force ::datagrams::*
if {[::tcltest::testConstraint python]} {
    ::datagrams::Begin
}
