/*
 * leave.h --
 *
 *	When a worker whose server is gone ends: as soon as nothing engages it
 *	any more.
 */

#ifndef SS_LEAVE_H
#define SS_LEAVE_H

#include <tcl.h>

/*
 * SsEngage, SsDisengage, SsEngagements --
 *
 *	Count what engages this process: connections that it received and
 *	has not closed, and requests for one more.
 *
 * SsWorkerEnd --
 *
 *	What happens to a worker when its queue has ended or it is asked to
 *	retire: the command prefix is evaluated, {} being none; without one
 *	(NULL) a process that was forked from the server leaves: "exit 0" is
 *	evaluated in the interpreter, from the event loop, as soon as nothing
 *	engages the process.  Returns 0 where there was nothing to do.
 *
 * SsLeaving --
 *
 *	Whether it is to leave and still engaged.
 *
 * SsLeaveNever --
 *
 *	Forgets about it where it was this interpreter that should do it.
 *
 * SsLeaveForget --
 *
 *	In a forked child, nothing of its parent's engages it.
 *
 * Process: worker.
 */

void		SsEngage(void);
void		SsDisengage(void);
int		SsEngagements(void);
int		SsWorkerEnd(Tcl_Interp *interp, int inherited,
		    Tcl_Obj *closedPtr);
int		SsLeaving(void);
void		SsLeaveNever(Tcl_Interp *interp);
void		SsLeaveForget(void);

#endif /* SS_LEAVE_H */
