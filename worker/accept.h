/*
 * "socket accept": waits for a connection where it is called, in the Tcl thread
 * itself, without event loop.
 */

#ifndef SS_ACCEPT_H
#define SS_ACCEPT_H

#include "ports.h"

#include <tcl.h>

/*
 * Waits for one connection of a port, which the caller uses meanwhile, at most
 * timeout milliseconds (-1: for ever).  The result is {channel address port},
 * or {} after the timeout, or when this worker was asked to stop.  Signals that
 * the application traps are handled meanwhile; what their code returns may be
 * the completion code.  closedPtr may be NULL.
 */
int		SsAccept(Tcl_Interp *interp, SsPort *portPtr, int timeout,
		    Tcl_Obj *closedPtr);

#endif /* SS_ACCEPT_H */
