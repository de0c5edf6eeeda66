/* The connections that this process has received, as Tcl channels. */

#ifndef SS_CONNECTION_H
#define SS_CONNECTION_H

#include "queue.h"

#include <tcl.h>

/* Once in a process that loads the library. */
void		SsConnectionsPrepare(void);

/*
 * Makes a channel of an arrival and registers it in the interpreter.  The
 * descriptor is the channel's from then on, until Tcl closes it; on TCL_ERROR
 * it is closed.  Sets the three words that a handler gets, new values: channel,
 * peer's address, port.
 */
int		SsConnectionOpen(Tcl_Interp *interp,
		    const SsArrival *arrivalPtr, Tcl_Obj *words[3]);

/*
 * Closes and counts an arrival that nobody can serve any more; -1: it is lost
 * already.
 */
void		SsConnectionDiscard(int fd);

/*
 * Of an open connection of this process, by its channel's name in the
 * interpreter; -1: there is none.  SsConnectionWhenClosed has a command prefix
 * evaluated, from this thread's event loop, after the channel is closed, by
 * whichever thread; -1: also where there is such a command already.
 * SsConnectionListener tells by which listener it came, from 0.
 */
int		SsConnectionWhenClosed(Tcl_Interp *interp, const char *name,
		    Tcl_Obj *prefixPtr);
int		SsConnectionListener(Tcl_Interp *interp, const char *name);

/*
 * Ends one, whatever Tcl still writes to it, perhaps after a script has closed
 * its channel; -1: there is none of that name.
 */
int		SsConnectionCut(const char *name);

/* How many are open; to how many of this thread's Tcl writes unattended. */
int		SsConnectionsOpen(void);
int		SsConnectionsLingering(void);

/* What this process has received since it began, as a worker. */
void		SsConnectionCounts(uint64_t *receivedPtr,
		    uint64_t *discardedPtr);

/* In a forked child, safe between fork and exec: it has none, counts anew. */
void		SsConnectionsForget(void);

#endif /* SS_CONNECTION_H */
