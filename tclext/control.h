/*
 * control.h --
 *
 *	The commands' side of the control sockets: one per Tcl thread that
 *	asks, opened when it first does.  The first of a process starts Go.
 */

#ifndef SS_CONTROL_H
#define SS_CONTROL_H

#include "boundary.h"

#include "ports.h"

#include <tcl.h>

/*
 * Queue, return, counters, gate, tally, the path's socket, and those of the
 * listeners, a health listener and a status listener.
 */

#define SS_CONTROL_FDS (6 + (SS_LISTENERS_MOST + 2) * SS_MAX_ADDRESSES)

/*
 * A request.  internal/reactor/requests.go says what may be asked and what the
 * numbers mean.
 */

typedef struct SsCall {
    const char *name;
    int64_t numbers[2];
    const char *text;		/* Goes along; NULL: none. */
    const int *sendFds;		/* These, too, and they stay the caller's... */
    int numSendFds;		/* ...SS_PACKET_FDS at most. */
    const char *undo;		/* Asked with the same numbers if there is no
				 * room for what the answer brings; or NULL. */
    int fds[SS_CONTROL_FDS];	/* Came with the answer, the caller's, and on
				 * the list of those that a child closes. */
    int numFds;
    int isCut;			/* There was no room for all of them. */
} SsCall;

/*
 * Asks and waits for the answer, whose text becomes the interpreter's result.
 * After TCL_ERROR it has brought no descriptors.
 */

int		SsAsk(Tcl_Interp *interp, SsCall *callPtr);

/*
 * Whom to call, in a thread that has asked, when the server has something to
 * tell it: answers which interpreter is to hear of it, or NULL.
 *
 * A notice COMMAND is what somebody wants of a pool: the interpreter's
 * ::socketserver::pool::Commanded gets its numbers, service and token, and its
 * text.  Any other is trouble with what serves a port.  The procedure sets
 * *namePtrPtr to that port, or the name of its first listener, a new object.
 * Where the port has a pool, the pool tells it in its log; else it is a
 * background error.
 */

typedef Tcl_Interp *(SsNoticeProc)(const SsControlHeader *headerPtr,
	Tcl_Obj **namePtrPtr);

void		SsControlNotices(SsNoticeProc *proc);

/*
 * In a forked child the sockets are the parent's.  The first is safe between
 * fork and exec; the second does what is left where Tcl may be called.  The
 * event loop calls it by itself.
 */

void		SsControlForget(void);
void		SsControlTidy(void);

#endif /* SS_CONTROL_H */
