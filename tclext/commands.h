/*
 * commands.h --
 *
 *	The package's commands, which init.c makes.  The man page says what
 *	"socket", "attach", "counter", "note" and "fork" do.  The others are
 *	private, what the package's Tcl files are made of: their names begin
 *	with a capital letter.
 *
 *	An error's errorCode is {POSIX ...} or {SOCKETSERVER ...}.
 */

#ifndef SS_COMMANDS_H
#define SS_COMMANDS_H

#include "arguments.h"

#include <sys/types.h>

extern const SsSubcommand ssSocketSubcommands[];

/*
 * Board: what each worker is doing.
 *
 *	create slots -> id			From 0 on.
 *	destroy id
 *	assign id slot pid generation		In the server: whose it is.
 *	take id slot generation handler		In the worker.
 *	set id slot state trouble dismissed	In the worker: its state, why it
 *						can't begin, 1 when it was asked
 *						to retire; {} and 0 change
 *						nothing.
 *	release id slot
 *	kill id slot ms -> boolean		In the server: unless it isn't
 *						late (any more).
 *	read id slot -> dict			{}: it isn't in use.
 *	lines id -> served text			The children's, for the
 *						supervisor.
 */
extern const SsSubcommand ssBoardSubcommands[];

/*
 * Connection: in a worker.
 *
 *	closing channel cmdPrefix		Evaluated from the event loop
 *						when it is closed, by whomever.
 *	cut channel -> boolean			Ends it whatever Tcl still
 *						writes to it, after its channel
 *						was closed perhaps.  Whether it
 *						was there.
 *	exec channel argv fd			A program has it, and writes
 *						errors there; until its end.
 *	lingering -> n				How many Tcl writes to in the
 *						background.
 *	listener channel -> n			By which it came.
 */
extern const SsSubcommand ssConnectionSubcommands[];

/*
 * counter: numbers that the processes of a server share.
 *
 *	incr name ?n? -> value
 *	get name -> value			0: there is none.
 *	set name n -> n
 *	names ?pattern? -> names
 */
extern const SsSubcommand ssCounterSubcommands[];

/*
 * Process, for children and the process itself:
 *
 *	run argv ?fd? -> pid			Another program, with standard
 *						channels and environment; its
 *						stderr is fd.
 *	watch pid cmdPrefix			Called with a dict at its end.
 *	hear cmdPrefix -> fd			What children's programs write
 *						there: called with lines.
 *	unhear fd -> lines			The last ones.
 *	spawn cmdPrefix -> pid			Forks; the child does that.
 *	kill pid signal				Its group, if it leads one.
 *	title text -> text			What ps shows of this thread;
 *						what it showed before.
 *	pause ms				Sleeps, unless a signal comes.
 *	identity user group			For good; group {}: the user's.
 *	account user group			Whether they exist.
 *	clock -> ms
 *	limit -> dict				Of descriptors: limit, open.
 *	raise limit -> limit			To at least that, if it may.
 */
extern const SsSubcommand ssProcessSubcommands[];

/*
 * Queue: the queues of a port, a TCP port or a listener's name, and what a pool
 * there says to the server, who forwards what operators ask.
 *
 *	renew port -> number			A second queue, for new
 *						children.
 *	serve options listeners ?extras? -> list
 *						All feed one queue.  Dicts:
 *						name, port, addresses; for where
 *						the pool is told of, moreover
 *						use, health or status.
 *						Extras, a dict: control,
 *						takeover, paths; health, status,
 *						listeners; open, whether that
 *						is for others, too; firststart,
 *						ms.
 *	switch port				The server switches to it.
 *	abandon port				Or never will.
 *	discard port				Closes what is queued for
 *						nobody.
 *	retire port n				Ends n workers.
 *	list port				Dict: number, length; the newest
 *						last.
 *	use port queue				In a worker: this one alone.
 *	heed port queue				In a worker that has a slot: the
 *						server may ask for its stack.
 *	withdraw port				In a worker: undo "client".
 *	status ?listener? -> dict		In a worker: what the pool's
 *						command "status" says.
 *	passed ?close? -> names			Sockets that this process was
 *						started with and nobody has
 *						claimed; closes them.
 *
 *	pool port supervisor board notify -> service
 *						The interpreter has a pool
 *						there, and hears commands.
 *	ready service -> pid			Its first workers are ready; who
 *						was taken over from, or {}.
 *	commanded service token reason text	A command's answer; reason {}:
 *						it is done.
 *	admit service token port board slot generation pid
 *						The answer to who attaches.
 *	detach service pid			Ends an attached worker.
 *	stack service pid how			Asks a worker for its stack: 0,
 *						or with an error to be raised
 *						there, 1; what comes of it is a
 *						command of the pool's, "stack
 *						pid raise text".  With wait:
 *						-> text.
 *	done service				The pool has ended.
 */
extern const SsSubcommand ssQueueSubcommands[];

/* What a pool says; SsPoolAsk asks the server for what has its name there. */
SsSubcommandProc SsPoolAdmit;
SsSubcommandProc SsPoolAsk;
SsSubcommandProc SsPoolBegin;
SsSubcommandProc SsPoolCommanded;
SsSubcommandProc SsPoolDone;
SsSubcommandProc SsPoolStack;

/*
 * Signals: signals that steer a server or a worker.
 *
 *	catch cmdPrefix				In a server: called with a name.
 *	worker cmdPrefix ?names?		In a worker: when TERM comes, or
 *						one of these.
 *	restore
 */
extern const SsSubcommand ssSignalsSubcommands[];

/*
 * Supervise: what becomes of a pool's workers.  internal/supervise/text.go has
 * what stands in the texts.
 *
 *	new config -> id
 *	step id snapshot -> what to do
 *	end id
 */
extern const SsSubcommand ssSuperviseSubcommands[];

/*
 * Timer: "after" on a clock that nobody sets.
 *
 *	start ms cmdPrefix -> id
 *	cancel id
 */
extern const SsSubcommand ssTimerSubcommands[];

/* attach path ?-port listener?: a port, or the name of one without. */
Tcl_ObjCmdProc SsAttachObjCmd;

/* note text: what this worker is at. */
Tcl_ObjCmdProc SsNoteObjCmd;

/* fork: 0 in the child, the child's pid in the parent. */
Tcl_ObjCmdProc SsForkObjCmd;

/*
 * Process spawn: the child leads a process group and evaluates the command
 * prefix at global level, of which it never returns: its result is the exit
 * status.
 */
SsSubcommandProc SsSpawn;

#endif /* SS_COMMANDS_H */
