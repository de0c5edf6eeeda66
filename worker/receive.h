/*
 * Receiving for a port.  At the limit of descriptors recvmsg succeeds all the
 * same, drops the descriptor, and the connection is gone.  So whoever receives
 * makes sure of room before, and leaves the connection to others where there is
 * none.
 */

#ifndef SS_RECEIVE_H
#define SS_RECEIVE_H

#include "ports.h"
#include "queue.h"

#include <tcl.h>

#define SS_MOST_IN_ROW 16	/* Calls with connections that were kept while
				 * others wait in the queue. */

/*
 * Receives without waiting, for a port that the caller uses: mostly first what
 * this worker has kept with unread bytes, which may have come by an earlier
 * queue of the port, so the pointer to it is set.  Notes the queue's end, gives
 * back what is too late to be served, counts what came and can't be.  With
 * SS_RECEIVE_GOT the arrival is the caller's; errno tells why with
 * SS_RECEIVE_FAILED: ERANGE when the next descriptor would not be below
 * SsDescriptorBound.
 */
SsReceiveStatus	SsReceive(SsPort **portPtrPtr, SsArrival *arrivalPtr);

/*
 * What there is to say of a status other than SS_RECEIVE_GOT and
 * SS_RECEIVE_EMPTY, as the interpreter's result.  Returns TCL_ERROR.
 */
int		SsReceiveError(Tcl_Interp *interp, const SsPort *portPtr,
		    SsReceiveStatus status, int error);

/*
 * Whether the event loop of this process, if Tcl's own notifier runs it, has
 * the descriptors below the bound that its first request needs.
 */
int		SsReceiveCanWait(void);

#endif /* SS_RECEIVE_H */
