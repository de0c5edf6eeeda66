/*
 * Waiting on a queue that many processes share, so that one message wakes one
 * of them.  Waiting never receives: whoever stops waiting takes no connection
 * along.
 *
 * Who waits has a place at the queue: the queue is on an epoll descriptor with
 * EPOLLEXCLUSIVE.  A message goes through the places in the order in which they
 * were taken and wakes the first thread that it finds asleep there (Linux,
 * fs/eventpoll.c).  A blocking recvmsg would take a new place each time, and
 * can't be timed, ended early, or be told apart from a signal that came just
 * before it.
 *
 * Descriptors are opened when first needed, and closed in a forked child, which
 * opens its own: what it put on its parent's epoll, the parent would wait for.
 */

#ifndef SS_WAIT_H
#define SS_WAIT_H

#include <signal.h>
#include <stdint.h>

typedef struct SsWait {
    struct SsWait *nextPtr;	/* All of this process. */
    int pollFd;			/* The epoll descriptor, or -1. */
    int lent;			/* It is somebody else's, who closes it. */
    int watched;		/* Tcl's own notifier waits for it. */
    int queueFd;		/* Where it has a place, or -1. */
} SsWait;

typedef enum SsWaitStatus {
    SS_WAIT_READY,		/* Something is queued, or the queue ended.
				 * Receive now: nobody else was woken. */
    SS_WAIT_NOTHING,		/* The time is over, or a signal was handled in
				 * this thread. */
    SS_WAIT_FAILED		/* errno says why. */
} SsWaitStatus;

/*
 * SsWaitInit makes a wait known, which stays where it is until SsWaitClose.
 * SsWaitOpen gives it an epoll of its own, if it has none, and returns 0 or an
 * errno; SsWaitLend gives it another's, where the caller looks for what
 * happens.
 */
void		SsWaitInit(SsWait *waitPtr);
int		SsWaitOpen(SsWait *waitPtr);
void		SsWaitLend(SsWait *waitPtr, int pollFd);

/*
 * SsWaitJoin takes a place at the queue, giving up one at another, or keeps
 * the one that it has; with last, goes behind all others.  The data is what
 * epoll_wait tells.  Returns 0 or an errno.  SsWaitLeave gives the place up.
 */
int		SsWaitJoin(SsWait *waitPtr, int queueFd, uint64_t data,
		    int last);
void		SsWaitLeave(SsWait *waitPtr);

/*
 * Sleeps, with a place on an epoll of its own, until the queue has something,
 * for at most timeout milliseconds (-1: for ever).  With maskPtr the thread's
 * signals are as this mask says meanwhile, set atomically, as with ppoll.
 */
SsWaitStatus	SsWaitSleep(SsWait *waitPtr, int timeout,
		    const sigset_t *maskPtr);
void		SsWaitClose(SsWait *waitPtr);

/*
 * Gives up the places that this process has at a queue, before its descriptor
 * is closed.  The fork lock is held.
 */
void		SsWaitsLeaveLocked(int queueFd);

/*
 * In the child's fork handler: closes what came from the parent.  Where Tcl's
 * notifier keeps on watching a descriptor (keep) it finds an epoll of the
 * child's own under that number.
 */
void		SsWaitsForget(int keep);

#endif /* SS_WAIT_H */
