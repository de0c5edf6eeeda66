/*
 * Parking: a connection goes back to the server between two requests, and comes
 * again, to any worker, when its client has sent more.
 */

#ifndef SS_PARK_H
#define SS_PARK_H

#include <tcl.h>

/*
 * Closes the channel of an open connection and parks that for at most so many
 * milliseconds, 0: as its listener wants it, with a tag, UTF-8.  What the
 * channel had unread is served by this worker; a connection whose client has
 * sent its end is closed.  With TCL_ERROR the channel is as it was, see
 * SsDetachable.
 */
int		SsConnectionPark(Tcl_Interp *interp, const char *name,
		    int timeout, const char *tag, int tagLength);

#endif /* SS_PARK_H */
