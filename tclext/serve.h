/*
 * serve.h --
 *
 *	What the commands ask of the server: each call is a request
 *	(control.h) and what follows from it for the ports that this process
 *	knows (ports.h).
 */

#ifndef SS_SERVE_H
#define SS_SERVE_H

#include "boundary.h"
#include "ports.h"

#include <tcl.h>

/* What is to be served. */

typedef struct SsServing {
    SsListener *listeners;	/* Of the queue. */
    int count;
    Tcl_Obj *textPtr;		/* Asks for them, and for what else there is to
				 * be, a line for each, as internal/reactor
				 * reads it. */
    int fds[SS_PACKET_FDS];	/* Sockets that were claimed for them... */
    int numFds;
    char lacks[SS_NAME_SIZE];	/* ...and one that isn't there; "": none. */
    int isTakeover;		/* Who has it hands it over. */
    int hasMore;		/* It asks not only for the queue's. */
    int holds;			/* The server will hold connections. */
} SsServing;

/*
 * Makes a queue that the listeners feed, unless they are served already, and
 * sets the port's number.  All of them listen or, after an error, none.  The
 * result is a list of what the server tells beyond the queue's listeners.  The
 * sockets that were claimed are closed, and none is left in "fds", when it is
 * served by them.  The interpreter hears of trouble as a background error.
 */

int		SsServe(Tcl_Interp *interp, SsServing *servingPtr,
		    int *numberPtr);

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

/*
 * What serves a port here, as the server names it, or 0 with an error that says
 * for which request it is needed.
 */

int64_t		SsServeService(Tcl_Interp *interp, int port,
		    const char *request);

/*
 * The queue that a service feeds; NULL: it has ended.  The fork lock is held.
 */

SsPort *	SsServeFedLocked(int64_t service);

/* In a forked child, safe between fork and exec. */

void		SsServeForget(void);

#endif /* SS_SERVE_H */
