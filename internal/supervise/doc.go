// Package supervise decides what becomes of a pool's workers: how many there
// should be, when to fork one, to retire one, to kill one, when a reload is
// done or has failed, when a stop is over.
//
// It forks nothing and waits for nothing. Whoever has the processes calls
// Step with the time and what it sees, does what is answered, and calls again
// when something happened or the time is up that Step named. So every decision
// is tested with a clock of its own and without a process.
//
// Workers belong to generations, and each generation takes connections from a
// queue of its own. One generation is current: the server sends to its queue.
// A reload brings up the next one beside it and lets it take over when all its
// workers are ready; the generations before drain: their queues end, and they
// with them.
package supervise
