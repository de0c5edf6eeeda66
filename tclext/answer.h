/*
 * answer.h --
 *
 *	What the server answers to "serve", of which serve.c makes a port.
 */

#ifndef SS_ANSWER_H
#define SS_ANSWER_H

#include "control.h"
#include "ports.h"

#include <tcl.h>

/*
 * Its first descriptors.  Those from the gate on come where there are UDP
 * sockets, which follow; then all others.
 */

enum { SS_ANSWER_QUEUE, SS_ANSWER_RETURN, SS_ANSWER_COUNTERS, SS_ANSWER_GATE,
	SS_ANSWER_TALLY, SS_ANSWER_SOCKETS };

/*
 * Reads what is answered of the listeners, and leaves what is beyond as the
 * result.
 */

void		SsAnswerListeners(Tcl_Interp *interp, SsListener *listeners,
		    int count);

/*
 * Copies the UDP sockets for the queue, which takes over gate and tally; NULL
 * without an error: it has none.  The fork lock is held.
 */

int		SsAnswerSocketsLocked(Tcl_Interp *interp,
		    const SsListener *listeners, int count,
		    const SsCall *callPtr, SsSockets **socketsPtrPtr);

/* Maps the counters, if the process hasn't its own.  The same lock. */

int		SsAnswerCountersLocked(Tcl_Interp *interp,
		    const SsCall *callPtr);

#endif /* SS_ANSWER_H */
