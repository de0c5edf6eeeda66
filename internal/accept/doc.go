// Package accept has the loop that accepts connections and puts them on a
// queue.
//
// A loop runs on an operating-system thread of its own, with a descriptor
// table of its own where the system grants one: what it accepts never exists
// in the table that the application's threads copy when they fork. Otherwise a
// Guard keeps accept and fork apart.
//
// # What the loop may not do
//
// Once its thread has its table, numbers there and in the rest of the process
// mean different things. The Go runtime doesn't know that. The loop therefore
// allocates nothing (a garbage collection that it started would make the
// runtime ask its poller from this thread), sets no timer, and uses neither
// package os nor net. It pauses in poll, whose timeout is the pause. As a
// second line, the runtime's poller keeps its numbers in this table
// (table_linux.go).
package accept
