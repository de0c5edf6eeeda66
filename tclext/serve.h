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

/* A listener that is wanted. */

typedef struct SsServeOptions {
    char where[SS_NAME_SIZE];	/* What is written before its port. */
    char addresses[SS_ADDRESSES_SIZE];
				/* Numeric, separated by commas; "": all, IPv6
				 * and IPv4 alike. */
    int each;			/* Not 0: this machine must have all of them. */
    int port;			/* 0 takes a free one. */
    int backlog;
    int reusePort;		/* Not 0: SO_REUSEPORT. */
} SsServeOptions;

/* What the server has counted for a queue since it began. */

typedef struct SsServeCounts {
    int64_t accepted;		/* Connections accepted. */
    int64_t handedOver;		/* Connections put on the queue. */
    int64_t held;		/* Accepted, not yet on the queue. */
    int64_t lost;		/* Accepted, but could not be handed over by
				 * any means; closed. */
    int64_t waits;		/* Times the queue was full. */
    int64_t retries;		/* Transient errors of accept and sendmsg. */
    int64_t pauses;		/* Times it paused for want of descriptors or
				 * memory. */
} SsServeCounts;

/* What takes an interpreter leaves a message there after TCL_ERROR. */

/*
 * Makes a queue that the listeners feed, unless they are served already, and
 * sets *portPtr to the first one's port.  All of them listen or, after an
 * error, none.  The interpreter hears of trouble as a background error.
 */
int		SsServe(Tcl_Interp *interp, const SsServeOptions *wanted,
		    int count, int *portPtr);

/* Stops listening with all of them; what is queued is still served. */
int		SsServeClose(Tcl_Interp *interp, int port);

/*
 * Makes a second queue, which processes forked from now on and new requests in
 * this one receive from, while the first is still fed; sets *queuePtr to its
 * number.  SsServeSwitch feeds the second from now on, and the first ends after
 * what is queued there; SsServeAbandon ends the second.
 */
int		SsServeRenew(Tcl_Interp *interp, int port, int *queuePtr);
int		SsServeSwitch(Tcl_Interp *interp, int port);
int		SsServeAbandon(Tcl_Interp *interp, int port);

/* Asks workers of the queue that is fed to end. */
int		SsServeRetire(Tcl_Interp *interp, int port, int workers);

/*
 * Makes the way back (return.h) that processes forked from now on have.
 * SsServeReturned: how many messages came on it, and how many that were none.
 */
int		SsServeReturn(Tcl_Interp *interp, int port);
int		SsServeReturned(Tcl_Interp *interp, int port, int64_t *gotPtr,
		    int64_t *refusedPtr);

/* Sets all of the counts. */
int		SsServeStatus(Tcl_Interp *interp, int port,
		    SsServeCounts *countsPtr);

/*
 * The number of the queue that is fed, 0 when this process doesn't serve the
 * port.  The fork lock is held.
 */
int		SsServeSendingLocked(int port);

/* In a forked child, safe between fork and exec. */
void		SsServeForget(void);

#endif /* SS_SERVE_H */
