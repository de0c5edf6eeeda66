/*
 * commands.h --
 *
 *	The package's commands.  But for "socket" and "fork" they are private,
 *	what its Tcl files are made of: their names begin with a capital letter.
 */

#ifndef SS_COMMANDS_H
#define SS_COMMANDS_H

#include "arguments.h"

#include <sys/types.h>

/*
 * ssSocketSubcommands --
 *
 *	::socketserver::socket; the man page says what they do.  An error's
 *	errorCode is {POSIX ...} or {SOCKETSERVER ...}.
 *
 * ssBoardSubcommands --
 *
 *	::socketserver::Board: what each worker is doing.
 *
 *	create n -> id				Slots 0 to n-1.
 *	destroy id
 *	assign id slot pid generation		In the server: whose it is.
 *	take id slot generation ?handler?	In the worker.
 *	state id slot state			In the worker.
 *	note id slot text			In the worker.
 *	dismissed id slot			In the worker: it was asked to
 *						retire.
 *	release id slot
 *	kill id slot ms -> boolean		In the server: unless it isn't
 *						late (any more).
 *	read id ?slot?				Dicts of the slots in use.
 *	lines id -> served text			The same for the supervisor.
 *
 * ssProcessSubcommands --
 *
 *	::socketserver::Process: children, and the process itself.
 *
 *	watch pid cmdPrefix			Called with a dict at its end.
 *	unwatch pid
 *	spawn cmdPrefix -> pid			Forks; the child does that.
 *	kill pid signal
 *	killgroup pid signal			And what it has started.
 *	title text -> text			What ps shows.
 *	pause ms				Sleeps, unless a signal comes.
 *	identity user ?group?			For good.
 *	account user ?group?			Whether they exist.
 *	clock					Milliseconds.
 *	lingering				How many connections Tcl writes
 *						to in the background.
 *
 * ssQueueSubcommands --
 *
 *	::socketserver::Queue: the queues of a port.
 *
 *	renew port -> number			A second queue, for new
 *						children.
 *	switch port				The server switches to it.
 *	abandon port				Or never will.
 *	discard port				Closes what is queued for nobody.
 *	retire port ?n?				Ends n workers.
 *	return port				Makes the way back, for new
 *						children.
 *	returned port				Dict: got, refused.
 *	tell port n				In a worker: n have ended.
 *	length port				Dict: current, old.
 *	list port				Dict: number, length.
 *	number port				Of the newest.
 *	use port number				In a worker: this one alone.
 *	withdraw port				In a worker: undo "client".
 *
 * ssSignalsSubcommands --
 *
 *	::socketserver::Signals: signals that steer a server or a worker.
 *
 *	catch names cmdPrefix			Called with a name.
 *	worker ?cmdPrefix?
 *	stopping				Whether TERM came.
 *	restore
 *
 * ssSuperviseSubcommands --
 *
 *	::socketserver::Supervise: what becomes of a pool's workers.
 *
 *	new config -> id
 *	step id snapshot -> what to do		See internal/supervise/text.go.
 *	end id
 *
 * ssTimerSubcommands --
 *
 *	::socketserver::Timer: "after" on a clock that nobody sets.
 *
 *	start ms cmdPrefix -> id
 *	cancel id
 *
 * Process: both; Supervise: server.
 */

extern const SsSubcommand ssSocketSubcommands[];
extern const SsSubcommand ssBoardSubcommands[];
extern const SsSubcommand ssProcessSubcommands[];
extern const SsSubcommand ssQueueSubcommands[];
extern const SsSubcommand ssSignalsSubcommands[];
extern const SsSubcommand ssSuperviseSubcommands[];
extern const SsSubcommand ssTimerSubcommands[];

/*
 * SsForkObjCmd --
 *
 *	::socketserver::fork: 0 in the child, the child's pid in the parent.
 *
 * SsClosingObjCmd --
 *
 *	::socketserver::Closing channel cmdPrefix: evaluates a command prefix
 *	from the event loop after the channel is closed, by whomever.
 *
 * SsCutObjCmd --
 *
 *	::socketserver::Cut name: ends a connection whatever Tcl still writes
 *	to it, its channel may be closed already.  Whether there was one.
 *
 * Process: both; Closing: worker.
 */

/*
 * Forks.  The child leads a process group and evaluates a command prefix at
 * global level, of which it never returns: its result is the exit status.
 * TCL_ERROR leaves a message in the interpreter.
 */

int		SsSpawn(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    pid_t *pidPtr);

int		SsForkObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsCutObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsClosingObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

#endif /* SS_COMMANDS_H */
