/*
 * An attached worker: a process that nobody forked, or that its parent forked
 * for something else, which got a queue of a server's by its control path.  At
 * its ports it is as a forked worker is.  Its connection to the control path
 * stays open: that its end closes is its death to the server, and that the
 * server's closes asks it to go.
 *
 * A process is attached once at a time; until nothing is open any more of a
 * queue that has ended.  In a forked child the connection is its parent's.
 */

#ifndef SS_ATTACHED_H
#define SS_ATTACHED_H

#include "place.h"
#include "ports.h"

/*
 * Begins it: the event loop of this thread hears the connection, which is
 * SsForEventLoop's and now belongs here, as does the board.  What the port has
 * is on no list any more.
 */
void		SsAttachedBegin(SsPort *portPtr, int fd, int board);

/*
 * The port of the queue that this process is attached to, unless that is at its
 * end; or NULL.  The fork lock is held.
 */
const SsPort *	SsAttachedPortLocked(void);

/* Ends it, whatever is open: the connection, and the slot on the board. */
void		SsAttachedEnd(void);

/*
 * For who receives: has the port's queue end if the server wants this process
 * to go.
 */
void		SsAttachedLook(SsPort *portPtr);

/* Has a wait at a place be woken when there is something to look at. */
void		SsAttachedWait(SsPlace *placePtr);

/*
 * The queue of this port has ended, or this process was asked to retire: the
 * scoreboard shows it, and the queue is at its end for this process.
 */
void		SsAttachedRetire(SsPort *portPtr);

/* In a forked child, safe between fork and exec. */
void		SsAttachedForget(void);

#endif /* SS_ATTACHED_H */
