/*
 * Connections that a worker keeps between two calls of a handler, on a list of
 * the thread.  There are three sorts: one that "socket accept" waits for
 * together with the queue, the last that was kept; those of which bytes are
 * here that were received and not read, which must be served here, before
 * anything that is queued; and those to be given back to the server, for which
 * it had no room yet.  Each engages the process.  A forked child has none.
 */

#ifndef SS_KEEP_H
#define SS_KEEP_H

#include "arrival.h"
#include "place.h"
#include "ports.h"

#include <tcl.h>

/*
 * Keeps an open connection: closes its channel, and has the next SsAccept of
 * this thread wait for it.  One whose client has sent its end is closed.  With
 * TCL_ERROR the channel is as it was, see SsDetachable.
 */
int		SsConnectionKeep(Tcl_Interp *interp, const char *name);

/* How many are kept that must be served here. */
int		SsConnectionKept(void);

/*
 * Takes over an arrival that was detached, and the hold on its port.  Nothing
 * unread: it is to be given back.
 */
void		SsKeepAdd(SsPort *portPtr, const SsArrival *arrivalPtr);

/*
 * One of a port with unread bytes.  SsKeepUnread takes it off the list and sets
 * the caller's pointer to the port that it came by, held for it; 0: there is
 * none.
 */
int		SsKeepHasUnread(const SsPort *portPtr);
int		SsKeepUnread(SsPort **portPtrPtr, SsArrival *arrivalPtr);

/*
 * For SsAccept.  SsKeepFor says for which port it will wait: what waits for
 * another is given back.  SsKeepBegins tells whether one has yet to be put on
 * the epoll, and SsKeepArrange does, before a sleep; it gives back what it can,
 * closes what has waited too long, and returns for how long to sleep at most.
 * SsKeepTold notes what the epoll told.  SsKeepReady is as SsKeepUnread, of one
 * that has sent; with look it looks itself.  SsKeepBack gives back what waits.
 */
int		SsKeepFor(const SsPort *portPtr);
int		SsKeepBegins(void);
int		SsKeepArrange(SsPlace *placePtr, int timeout);
void		SsKeepTold(SsPlace *placePtr, int fd, uint32_t events);
int		SsKeepReady(SsPort **portPtrPtr, SsArrival *arrivalPtr,
		    int look);
void		SsKeepBack(void);

/* How many are kept, in all, by this thread. */
int		SsKeepCount(void);

#endif /* SS_KEEP_H */
