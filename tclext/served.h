/*
 * served.h --
 *
 *	Whether listeners that are to be served are served already.  To serve
 *	again what is served changes nothing.
 */

#ifndef SS_SERVED_H
#define SS_SERVED_H

#include "ports.h"

#include <tcl.h>

/* All of these want the fork lock held. */

/*
 * A queue with one of these listeners that this process or a living one that it
 * was forked from serves, or NULL.
 */
SsPort *	SsServedLocked(const SsListener *wanted, int count);

/*
 * Whether it is the same that is served there.  Another set of listeners is an
 * error, and so is an address that one of them doesn't listen on, or that there
 * is to be more than listeners.
 */
int		SsServedCompareLocked(Tcl_Interp *interp,
		    const SsPort *portPtr, const SsListener *wanted,
		    int count, int hasMore);

#endif /* SS_SERVED_H */
