/*
 * process.h --
 *
 *	Child processes: hearing of their end, sending them signals.
 */

#ifndef SS_PROCESS_H
#define SS_PROCESS_H

#include <sys/types.h>
#include <tcl.h>

/*
 * SsProcessWatch --
 *
 *	Calls a command prefix with a dict, from the event loop, when a child
 *	of this process has ended, and waits for it, so that it leaves no
 *	zombie.  No other child is waited for.  TCL_ERROR leaves a message in
 *	the interpreter.
 *
 * SsProcessUnwatch --
 *
 *	Forgets about a child of this interpreter's without waiting for it.
 *
 * SsProcessKill --
 *
 *	Sends a signal.  TCL_ERROR leaves a message in the interpreter.
 *
 * Process: server.
 *
 * SsProcessesForget --
 *
 *	In a forked child, when it is back in Tcl: what its thread watched are
 *	not its children.  A child that doesn't call it forgets each when it
 *	hears of it.
 *
 * Process: worker.
 */

int		SsProcessWatch(Tcl_Interp *interp, pid_t pid,
		    Tcl_Obj *prefixPtr);
void		SsProcessUnwatch(Tcl_Interp *interp, pid_t pid);
int		SsProcessKill(Tcl_Interp *interp, pid_t pid, int number);
void		SsProcessesForget(void);

#endif /* SS_PROCESS_H */
