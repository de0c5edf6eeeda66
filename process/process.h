/* Child processes. */

#ifndef SS_PROCESS_H
#define SS_PROCESS_H

#include <sys/types.h>
#include <tcl.h>

/*
 * Calls a command prefix with a dict, from the event loop, when a child of
 * this process has ended, and waits for it, so that it leaves no zombie.  No
 * other child is waited for.  TCL_ERROR leaves a message in the interpreter.
 */
int		SsProcessWatch(Tcl_Interp *interp, pid_t pid,
		    Tcl_Obj *prefixPtr);

/*
 * In a forked child, when it is back in Tcl: what its thread watched are not
 * its children.  A child that doesn't call it forgets them when it hears of
 * one.
 */
void		SsProcessesForget(void);

#endif /* SS_PROCESS_H */
