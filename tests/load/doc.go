// Package load makes connections to a server and counts what becomes of them:
// for the tests (client/) and for the benchmark.
//
// Each connection connects, sends a line, reads the line that answers it
// ("PID LINE"), does so again when it has several lines to send, and waits for
// the server's end of file. No two lines are alike. Its latency is the whole of
// that.
//
// A closed loop keeps a number of connections open: when one is over, the next
// begins. An open loop begins them at a rate, whatever the server does, and
// counts latency from the moment a connection was due, so a stall counts for
// all that were due in it. Connections that stay exchange lines until no more
// shall begin, one after the other or with pauses between them; then each line
// has a latency of its own. What a server closes meanwhile is opened again.
//
// Datagrams are connections, too, each of them one and its reply: a client keeps
// its socket, and begins the next when the reply is there. A reply that comes
// when its datagram is over, or twice, is nobody's outcome but counted.
//
// Other clients are there to be a burden: silent ones, those that send half a
// request or a byte at a time, those that give up, and those that say, as a
// proxy would, that they come from elsewhere.
//
// The server listens on a port of 127.0.0.1, TCP or UDP, or on a Unix socket. Where a Unix
// socket's backlog is full the connection is tried again, as the system does it
// for one that waits.
//
// The generator shares the machine with the server, so it is made to cost
// little: each of its threads waits in one epoll for all its connections, and
// nothing is allocated per connection. It runs on Linux only.
package load
