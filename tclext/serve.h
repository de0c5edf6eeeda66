/*
 * serve.h --
 *
 *	What the commands ask of the server: each call is a request
 *	(control.h) and what follows from it for the ports that this process
 *	knows (ports.h).
 */

#ifndef SS_SERVE_H
#define SS_SERVE_H

#include "ports.h"

#include <tcl.h>

/*
 * Makes a queue that the listeners feed, unless they are served already, and
 * sets the result to the first one's port.  The text asks for them, a line for
 * each, as internal/reactor reads it.  All of them listen or, after an error,
 * none.  The interpreter hears of trouble as a background error.
 */

int		SsServe(Tcl_Interp *interp, SsListener *listeners, int count,
		    const char *text);

/*
 * Asks something of what serves a port here, and sets the result to what is
 * answered:
 *
 *	close		Stops listening; what is queued is still served.
 *	renew		Makes a second queue, which processes forked from now
 *			on and new requests in this one receive from, while
 *			the first is still fed.  Its number.
 *	switch		Feeds the second from now on; the first ends after
 *			what is queued there.
 *	abandon		Ends the second.
 *	retire		Asks so many workers of the queue that is fed to end.
 *	status		What was counted.  A dict.
 */

int		SsServeAsk(Tcl_Interp *interp, int port, const char *request,
		    int number);

/* In a forked child, safe between fork and exec. */

void		SsServeForget(void);

#endif /* SS_SERVE_H */
