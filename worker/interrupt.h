/*
 * What the server asks a worker in the middle of whatever it does: its stack,
 * and to raise an error in the application's code.  It asks by a word of the
 * scoreboard's slot, for which a thread of its own waits here, and is answered
 * on the return.
 *
 * Who comes first tells: Tcl, which the thread gives a turn (turn.h); or, where
 * it doesn't take it, the thread, what the system says of the call that Tcl is
 * blocked in.
 */

#ifndef SS_INTERRUPT_H
#define SS_INTERRUPT_H

#include "ports.h"

#include <tcl.h>

/*
 * Begins it, in a process that has a slot: what this thread does in that
 * interpreter, but for what it does already.  Returns 0 or an errno.
 */
int		SsInterruptBegin(Tcl_Interp *interp, const SsPort *portPtr);

/* Ends it, before the slot is left, in the same thread. */
void		SsInterruptEnd(void);

#endif /* SS_INTERRUPT_H */
