/*
 * await.h --
 *
 *	The answer of a server to whom this process isn't joined by the
 *	control socket of a thread.
 */

#ifndef SS_AWAIT_H
#define SS_AWAIT_H

#include "packet.h"

#include <tcl.h>

/*
 * Waits for the answer to request 1, and appends its text, which has so many
 * bytes at most.  Returns 0 or an errno: ETIMEDOUT: it took more milliseconds;
 * EPROTO: it can't be; EPIPE: the other end is gone.  Descriptors may have come
 * whatever is returned.
 */

int		SsAwaitAnswer(int fd, int patience, int most,
		    SsControlHeader *headerPtr, Tcl_Obj *textPtr,
		    SsPacketFds *fdsPtr);

#endif /* SS_AWAIT_H */
