/*
 * service.h --
 *
 *	The ports that this process serves: the server's half of what ports.h
 *	knows.
 */

#ifndef SS_SERVICE_H
#define SS_SERVICE_H

#include "boundary.h"
#include "ports.h"

#include <tcl.h>

/*
 * SsServe --
 *
 *	Listens, unless the port is served already.  Sets *portPtr.
 *
 * SsServeClose --
 *
 *	Stops listening on a port that this process serves.  What is queued is
 *	still served.
 *
 * SsServeRenew --
 *
 *	Makes a second queue for a port, which processes forked from now on
 *	and new requests in this one receive from, while the accept loop still
 *	sends to the first.  Sets *queuePtr to its number.
 *
 * SsServeSwitch --
 *
 *	The accept loop sends to the second queue when it returns, and the
 *	first ends after what is queued there.
 *
 * SsServeAbandon --
 *
 *	The second queue ends.
 *
 * SsServeRetire --
 *
 *	Asks workers of the queue that the accept loop sends to to end.
 *
 * SsServeStatus --
 *
 *	What the accept loop of a port has counted; the port is served by this
 *	process.
 *
 * All of these: TCL_ERROR leaves a message in the interpreter.
 *
 * SsServeSendingLocked --
 *
 *	The number of the queue that the accept loop of a port sends to, 0
 *	when this process doesn't serve it.  The fork lock is held.
 *
 * SsServeOwnerLocked --
 *
 *	The interpreter that began a service, its thread and the port; NULL
 *	when one of them is gone.  The fork lock is held.
 *
 * SsServeFailedLocked --
 *
 *	The accept loop of a service has ended by itself: closes this process's
 *	copies of the listening sockets, so that no client waits in a backlog
 *	that nobody looks at.  The fork lock is held.
 *
 * Process: server.
 */

int		SsServe(Tcl_Interp *interp, SsServeRequest *requestPtr,
		    int *portPtr);
int		SsServeClose(Tcl_Interp *interp, int port);
int		SsServeRenew(Tcl_Interp *interp, int port, int *queuePtr);
int		SsServeSwitch(Tcl_Interp *interp, int port);
int		SsServeAbandon(Tcl_Interp *interp, int port);
int		SsServeRetire(Tcl_Interp *interp, int port, int workers);
int		SsServeSendingLocked(int port);
int		SsServeStatus(Tcl_Interp *interp, int port,
		    SsServeCounts *countsPtr);
void		SsServeFailedLocked(int handle);
Tcl_Interp *	SsServeOwnerLocked(int handle, Tcl_ThreadId *threadPtr,
		    int *portPtr);

#endif /* SS_SERVICE_H */
