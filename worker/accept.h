/*
 * accept.h --
 *
 *	"socket accept": waits for a connection where it is called.
 */

#ifndef SS_ACCEPT_H
#define SS_ACCEPT_H

#include "ports.h"

#include <tcl.h>

/*
 * SsAccept --
 *
 *	Waits for one connection of a port, at most timeout milliseconds (-1:
 *	for ever).  The result is {channel address port}, or {} after the
 *	timeout.  closedPtr may be NULL.
 *
 * Process: worker.
 */

int		SsAccept(Tcl_Interp *interp, SsPort *portPtr, int timeout,
		    Tcl_Obj *closedPtr);

#endif /* SS_ACCEPT_H */
