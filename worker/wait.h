/*
 * wait.h --
 *
 *	Waiting on a queue that many processes share, so that one message
 *	wakes one of them, and so that the wait can end early without a
 *	connection being lost: waiting never receives.
 *
 *	Who waits has a place at the queue.  A message wakes the first in the
 *	order of places who sleeps.
 */

#ifndef SS_WAIT_H
#define SS_WAIT_H

#include <signal.h>

/*
 * What one thread waits with.  Set up with SsWaitInit; the descriptors are
 * opened when first needed and closed in a forked child, which opens its own.
 */

typedef struct SsWait {
    struct SsWait *nextPtr;	/* All of this process, for a forked child. */
    int canCallOff;		/* Whether SsWaitCallOff may be used. */
    int pollFd;			/* What the thread sleeps on, or -1. */
    int callOffFd;		/* Ends a wait, or -1. */
    int queueFd;		/* The queue that it has a place at, or -1. */
    int reserve;		/* Room for the descriptor that comes (see
				 * reserve.h), or -1. */
} SsWait;

typedef enum SsWaitStatus {
    SS_WAIT_READY,		/* Something is queued, or the queue ended.
				 * Receive now: nobody else was woken. */
    SS_WAIT_NOTHING,		/* The time is over, a signal was handled in
				 * this thread, or it was called off. */
    SS_WAIT_FAILED		/* errno says why. */
} SsWaitStatus;

/*
 * SsWaitInit --
 *
 *	Makes a wait known to the process; opens nothing.
 *
 * SsWaitOpen --
 *
 *	Opens what the wait needs, if it isn't open.  Returns 0 or an errno.
 *
 * SsWaitJoin --
 *
 *	Takes a place at the queue, giving up one at another, or keeps the
 *	one that it has; with last, goes behind all others.  Returns 0 or an
 *	errno.
 *
 * SsWaitSleep --
 *
 *	Sleeps, with a place, until the queue has something, for at most
 *	timeout milliseconds (-1: for ever).  With maskPtr the thread's
 *	signals are as this mask says for as long as it sleeps, set
 *	atomically, as with ppoll.
 *
 * SsWaitCallOff --
 *
 *	Ends the sleep that another thread is in, or its next one.
 *
 * SsWaitClose --
 *
 *	Closes everything and forgets the wait.
 *
 * Process: worker.
 */

void		SsWaitInit(SsWait *waitPtr, int canCallOff);
int		SsWaitOpen(SsWait *waitPtr);
int		SsWaitJoin(SsWait *waitPtr, int queueFd, int last);
SsWaitStatus	SsWaitSleep(SsWait *waitPtr, int timeout,
		    const sigset_t *maskPtr);
void		SsWaitCallOff(SsWait *waitPtr);
void		SsWaitClose(SsWait *waitPtr);

/*
 * SsWaitsLeaveLocked --
 *
 *	Gives up the places that this process has at a queue, before its
 *	descriptor is closed.
 *
 * Process: both.
 */

void		SsWaitsLeaveLocked(int queueFd);

/*
 * SsWaitsForget --
 *
 *	Closes the descriptors of all waits of the process that forked; safe
 *	to call between fork and exec.
 *
 * Process: worker, in the child's fork handler.
 */

void		SsWaitsForget(void);

#endif /* SS_WAIT_H */
