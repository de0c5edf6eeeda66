/*
 * What the server asks a worker in the middle of whatever it does: its stack,
 * and to raise an error in the application's code.  It asks by a word of the
 * scoreboard's slot, for which a thread of its own waits here, and is answered
 * on the return.
 *
 * Who comes first tells: the handler of a limit of commands, which the thread
 * sets and which is taken back there, between two commands; the event loop,
 * where Tcl waits; or, where neither gets a turn, the thread, what the system
 * says of the call that Tcl is blocked in.  An asynchronous handler would break
 * "catch": between an error and the end of its catch bytecode takes what that
 * returns for a new error (Tcl 8.6).  So it is marked only to raise one, or
 * where Tcl is in a call and looks itself.  All of this with the fork lock
 * held: no child gets what Tcl locks for it, and no signal handler has a part
 * in it.
 *
 * The error is one that scripts can catch, {SOCKETSERVER TIMEOUT}.  It is
 * raised once, in the connection that was the oldest when it was asked for, and
 * only where the innermost procedure is the application's.  In a wait for
 * events it ends "vwait" and "update" of the interpreter that begins here; of
 * its children it ends what they evaluate.
 */

#ifndef SS_INTERRUPT_H
#define SS_INTERRUPT_H

#include "ports.h"

#include <tcl.h>

/*
 * Begins it, in a process that has a slot: what this thread does in that
 * interpreter, but for what it does already.  A copy of the port's return is
 * open until the end.  Returns 0 or an errno.
 */
int		SsInterruptBegin(Tcl_Interp *interp, const SsPort *portPtr);

/* Ends it, before the slot is left, in the same thread. */
void		SsInterruptEnd(void);

#endif /* SS_INTERRUPT_H */
