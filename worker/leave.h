/*
 * When a worker whose server is gone ends: as soon as nothing engages it any
 * more.  Any thread may call these.
 */

#ifndef SS_LEAVE_H
#define SS_LEAVE_H

#include <tcl.h>

/*
 * Count what engages this process: connections that it received and has not
 * closed, and requests for one more.  Never with the fork lock held.
 */
void		SsEngage(void);
void		SsDisengage(void);
int		SsEngagements(void);

/*
 * What happens to a worker when its queue has ended or it is asked to retire:
 * the command prefix is evaluated, {} being none; without one (NULL) a process
 * that was forked from the server, or is attached to it, leaves: "exit 0" is
 * evaluated in the interpreter, from the event loop, as soon as nothing engages
 * the process.
 * Returns 0 where there was nothing to do.
 */
int		SsWorkerEnd(Tcl_Interp *interp, int inherited,
		    Tcl_Obj *closedPtr);

/* Whether it is to leave and still engaged. */
int		SsLeaving(void);

/* The interpreter is about to be deleted: if it should do it, nobody does. */
void		SsLeaveNever(Tcl_Interp *interp);

/* In a forked child, nothing of its parent's engages it. */
void		SsLeaveForget(void);

#endif /* SS_LEAVE_H */
