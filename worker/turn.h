/*
 * What the Tcl thread does about a question when it gets a turn: tells its
 * stack, raises an error in the application's code.
 *
 * The turn is the handler of a limit of commands, which is set for it and taken
 * back there, between two commands; or, where Tcl waits, an event.  An
 * asynchronous handler would break "catch": between an error and the end of its
 * catch bytecode takes what that returns for a new error.  So it is marked only
 * to raise one, or where Tcl is in a call and looks itself.  All of this with
 * the fork lock held: no child gets what Tcl locks for it, and no signal handler
 * has a part in it.
 *
 * The error is one that scripts can catch, {SOCKETSERVER TIMEOUT}.  It is
 * raised once, in the connection that was the oldest when it was asked for, and
 * only where the innermost procedure is the application's.  In a wait for
 * events it ends "vwait" and "update" of the interpreter that begins here; of
 * its children it ends what they evaluate.
 */

#ifndef SS_TURN_H
#define SS_TURN_H

#include <tcl.h>

/*
 * Begins it and ends it, in the Tcl thread, while no other one calls what is
 * below: what this thread does in that interpreter, but for what it does
 * already.  What Tcl was told of us stays.
 */
void		SsTurnBegin(Tcl_Interp *interp);
void		SsTurnEnd(void);

/*
 * In another thread.
 */

/* Has Tcl look at what is asked, between two commands or in its event loop. */
void		SsTurnGive(void);

/* Has it look by the asynchronous handler. */
void		SsTurnMark(void);

/* The error is wanted; it is raised after what is asked has been told. */
void		SsTurnRaise(void);

/* Where Tcl traces, tells what there is.  Returns whether it does. */
int		SsTurnTellTraced(void);

#endif /* SS_TURN_H */
