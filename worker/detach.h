/*
 * Taking a connection away from its channel, which Tcl closes, while the
 * connection stays open.
 */

#ifndef SS_DETACH_H
#define SS_DETACH_H

#include "connection.h"

/*
 * The connection of a channel that can be taken away; what was written to it is
 * sent by then, which may wait for the client.  NULL leaves a message in the
 * interpreter, and the channel as it was: it is no open connection, shared,
 * stacked, without a return, or can't be flushed.
 */
SsConnection *	SsDetachable(Tcl_Interp *interp, const char *name);

/* Whether the client has sent its end, and all before that was read. */
int		SsDetachAtEnd(const SsConnection *connectionPtr);

/*
 * Closes the channel of such a one.  The arrival gets the connection, with what
 * the channel had unread, the way it will go to its next handler, and the
 * caller the hold on the port; NULL: the connection is closed, too.  Returns
 * TCL_ERROR where Tcl keeps the channel open.
 */
int		SsDetach(Tcl_Interp *interp, SsConnection *connectionPtr,
		    SsArrival *arrivalPtr);

/* What the arrival of an open one is to be when it comes again, untagged. */
void		SsDetachNext(SsArrival *arrivalPtr);

#endif /* SS_DETACH_H */
