package supervise

import "time"

// Config says what a pool should be like. It may change from step to step.
type Config struct {
	Min      int           // Workers at least...
	Max      int           // ...and at most; equal: no scaling.
	Slots    int           // Processes at most, of all generations; who has a higher slot is attached.
	Idle     time.Duration // How long a worker too many is kept; 0: for ever.
	Timeout  time.Duration // How long one connection may take; 0: for ever.
	Slow     time.Duration // How long it takes before that is told; 0: it isn't.
	KillTime time.Duration // From the error when it is over to SIGKILL.
	Start    time.Duration // How long a worker may take until it is ready, or ends.
	First    time.Duration // How long the first of all may take; 0: for ever.

	Notify   bool          // The service manager is to hear how the pool stands...
	Watchdog time.Duration // ...and within this time that it is looked after; 0: not that.
}

// State is what a worker does.
type State int

// A worker's states, in the words of the scoreboard.
const (
	Starting State = iota
	Idle
	Busy
	Retiring // It takes no more connections.
)

// Worker is a process that is there. One that is attached came by itself:
// nobody forks, scales or replaces it, and it is killed for its connections and
// at the end alone.
type Worker struct {
	Pid         int
	Slot        int
	Generation  int
	State       State
	Age         time.Duration // Of its oldest connection, or else of its state.
	Connections int           // Open now.
	Served      int           // Closed so far.
	Dismissed   bool          // It took a message to retire.
}

// Death is a process that has ended since the step before, and how it stood
// then.
type Death struct {
	Worker
	Clean bool // It exited with status 0.
}

// Verb is what is asked of a pool.
type Verb int

// What is asked of a pool.
const (
	Add    Verb = iota // N workers more.
	Retire             // N workers fewer.
	Reload             // A new generation.
	Stop               // The end, within Grace.
	Drain              // That, but first Pause as if nothing were.
)

// Request is something asked of a pool since the step before.
type Request struct {
	Verb  Verb
	N     int
	Pause time.Duration
	Grace time.Duration
}

// Outcome is what came of a Renew or Switch.
type Outcome struct {
	Kind Kind
	OK   bool
}

// Counts is what has happened in a pool so far. Here it only passes through, to
// those who tell how the pool stands.
type Counts struct {
	Forked   int
	Ended    int // As they should...
	Died     int // ...or not.
	Killed   int
	Reloads  int
	Failed   int // Reloads.
	Served   int // By those that have ended.
	Attached int
	Exits    Exits
}

// Exits is how many workers that were forked have ended, by ExitNames.
type Exits [len(ExitNames)]int

// ExitNames is how a worker may have ended: as it should, not so, or for a Reason.
var ExitNames = [...]string{
	"ended", "died", string(ForTimeout), string(ForStart), string(ForEnd), string(ForGrace), string(ForReload),
}

// Snapshot is what there is to see.
type Snapshot struct {
	Config   *Config // When it is new.
	Workers  []Worker
	Deaths   []Death
	Queues   map[int]int // Generation: length, for each queue that has not ended.
	Unforked []int       // Generations of forks that failed.
	Spared   []int       // Pids of workers that a Kill for a timeout found in time.
	Requests []Request
	Outcomes []Outcome
	Counts   Counts
	Counted  bool // Counts was told.
}

// Kind is what is to be done.
type Kind int

// What is to be done.
const (
	Fork    Kind = iota // A worker of Generation in Slot.
	Dismiss             // N messages to retire, on the current queue.
	Kill                // Send Signal to Pid, because of Reason; for a timeout, if its oldest connection has Limit behind it.
	Renew               // Open a queue for Generation; wants an Outcome.
	Switch              // Let the server send to that; wants an Outcome.
	Abandon             // Close it again.
	Close               // Listen no more.
	Log                 // Tell Text with Args.
	Ready               // All of the first workers are.
	Fail                // None of the first workers came up in time.
	Stopped             // It is over.
	Slow                // Tell what Pid is at, if its oldest connection has Limit behind it.
	Late                // The same, and raise an error there.
)

// Reason is why a worker is killed.
type Reason string

// Why a worker is killed.
const (
	ForTimeout Reason = "timeout" // Its connection took too long.
	ForStart   Reason = "start"   // It did not become ready.
	ForEnd     Reason = "end"     // It did not end, and has no connection.
	ForReload  Reason = "reload"  // The generation it belongs to failed.
	ForGrace   Reason = "grace"   // The pool's time to stop is up.
)

// Action is one thing to be done.
type Action struct {
	Kind       Kind
	Generation int
	Slot       int
	N          int
	Pid        int
	Signal     string // TERM or KILL.
	Reason     Reason
	Limit      time.Duration
	Level      string // error, warning or info.
	Text       string // A keyword.
	Args       []int
}

// Phase is what a pool is about.
type Phase string

// What a pool is about.
const (
	Running   Phase = "running"
	Reloading Phase = "reloading"
	Draining  Phase = "draining" // It still does all it did, and will stop soon.
	Stopping  Phase = "stopping"
	Over      Phase = "stopped"
)

// Standing is how things stand after a step.
type Standing struct {
	Phase        Phase
	Generation   int // The current one.
	Wanted       int // Workers of it.
	Min, Max     int
	LimitReached int           // How many times more would have been wanted than Max.
	Wake         time.Duration // Step again after this time at the latest.
}
