/*
 * request.h --
 *
 *	"socket client": a request for one connection, to be served from the
 *	event loop.
 */

#ifndef SS_REQUEST_H
#define SS_REQUEST_H

#include "ports.h"

#include <tcl.h>

/*
 * Asks for one connection of a port, on behalf of an interpreter, which has one
 * request for a port at most: asking again before a connection has come
 * replaces the handler.  closedPtr may be NULL.  TCL_ERROR leaves a message in
 * the interpreter.
 */

int		SsRequest(Tcl_Interp *interp, SsPort *portPtr,
		    Tcl_Obj *handlerPtr, Tcl_Obj *closedPtr);

/*
 * Takes back what an interpreter asked for of a port.  Returns 1; or 0 when a
 * connection had come for it, with which the handler was called, or the queue's
 * end or a message to retire, of which it was told.
 */

int		SsRequestWithdraw(Tcl_Interp *interp, int number);

#endif /* SS_REQUEST_H */
