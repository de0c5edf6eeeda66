/*
 * With Tcl 9, what closes a channel first shuts its socket down for reading,
 * also where another process has the socket, too: a child that closes an
 * inherited one, listening perhaps, ends its parent's.  What is guarded is
 * closed without that.
 */

#ifndef SS_GUARD_H
#define SS_GUARD_H

#include <tcl.h>

/*
 * In an interpreter: its channels and those of all above and below it are to be
 * guarded.
 */
void		SsGuardBegin(Tcl_Interp *interp);

/*
 * Guards all sockets of Tcl's that this thread's interpreters have: after a
 * fork they are two processes'.
 */
void		SsGuardAll(void);

/* An interpreter of this thread above one that was begun, or NULL. */
Tcl_Interp *	SsGuardInterp(void);

#endif /* SS_GUARD_H */
