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
 * SsServeStatus --
 *
 *	What the accept loop of a port has counted; the port is served by this
 *	process.
 *
 * All three: TCL_ERROR leaves a message in the interpreter.
 *
 * SsServeOwnerLocked --
 *
 *	The interpreter that serves a port, and its thread; NULL when it is
 *	gone.  The fork lock is held.
 *
 * SsServeFailedLocked --
 *
 *	The accept loop of a port has ended by itself: closes this process's
 *	copies of the listening sockets, so that no client waits in a backlog
 *	that nobody looks at.  The fork lock is held.
 *
 * Process: server.
 */

int		SsServe(Tcl_Interp *interp, SsServeRequest *requestPtr,
		    int *portPtr);
int		SsServeClose(Tcl_Interp *interp, int port);
int		SsServeStatus(Tcl_Interp *interp, int port,
		    SsServeCounts *countsPtr);
void		SsServeFailedLocked(int port);
Tcl_Interp *	SsServeOwnerLocked(int port, Tcl_ThreadId *threadPtr);

#endif /* SS_SERVICE_H */
