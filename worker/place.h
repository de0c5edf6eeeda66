/*
 * Places at a queue that many processes share, so that one message wakes one of
 * them.  Waiting never receives: whoever stops waiting takes no connection
 * along.
 *
 * Who waits has a place at the queue: the queue is on an epoll descriptor with
 * EPOLLEXCLUSIVE.  A message goes through the places in the order in which they
 * were taken and wakes the first thread that it finds asleep there (Linux,
 * fs/eventpoll.c).  A blocking recvmsg would take a new place each time, and
 * can't be timed, ended early, or be told apart from a signal that came just
 * before it.
 *
 * The epoll is a place's own, opened when first needed, or that of an event
 * loop; those who share such a one share their place at a queue, too.  In a
 * forked child all are closed, which opens its own: what it put on its parent's
 * epoll, the parent would wait for.
 */

#ifndef SS_PLACE_H
#define SS_PLACE_H

#include "sockets.h"

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>

/*
 * What an epoll of ours tells of a queue and its sockets: this and the queue's
 * descriptor.
 */

#define SS_PLACE_DATA (UINT64_C(1) << 63)

typedef struct SsPlace {
    struct SsPlace *nextPtr;	/* All of this process. */
    int pollFd;			/* The epoll descriptor, or -1. */
    int own;			/* It is closed with the place. */
    int watched;		/* Tcl's own notifier waits for it. */
    int queueFd;		/* The queue, or -1: has no place. */
    SsSockets *socketsPtr;	/* Its sockets, which share the place... */
    int isOpen;			/* ...if they may be taken from; else the gate
				 * is watched, by all who wait. */
} SsPlace;

/* Makes a place known, which stays where it is until SsPlaceClose. */
void		SsPlaceInit(SsPlace *placePtr);
void		SsPlaceClose(SsPlace *placePtr);

/*
 * An event loop's epoll, and with which data places are put there; 0: with
 * SS_PLACE_DATA.
 */
typedef struct SsLoopPoll {
    int fd;
    uint64_t data;
} SsLoopPoll;

/*
 * Takes the place at a queue and its UDP sockets (NULL: none), on an event
 * loop's epoll or its own (NULL), giving up one at another, or keeps it; with
 * last, goes behind all others.  Returns 0 or an errno.
 */
int		SsPlaceTake(SsPlace *placePtr, const SsLoopPoll *loopPtr,
		    int queueFd, SsSockets *socketsPtr, int last);

/*
 * Sleeps, with a place on an epoll of its own, until the queue has something,
 * for at most timeout milliseconds (-1: for ever).  With maskPtr the thread's
 * signals are as this mask says meanwhile, set atomically, as with ppoll.
 * Returns how many events are set: that of the queue when something is queued,
 * or it ended: receive now, nobody else was woken; those of what else was put
 * on the epoll, whose data is the descriptor.  0 when the time is over, or a
 * signal was handled in this thread; -1 with errno.
 */
#define SS_PLACE_EVENTS 4

int		SsPlaceSleep(SsPlace *placePtr, int timeout,
		    const sigset_t *maskPtr,
		    struct epoll_event events[SS_PLACE_EVENTS]);

/*
 * Puts a connection on a place's epoll, until it is taken off there
 * (arrival.h).  Returns 0 or an errno.
 */
int		SsPlaceAlso(SsPlace *placePtr, int fd);

/*
 * Gives up the places that this process has on an epoll (-1: on any) at a queue
 * (-1: at any), before that descriptor is closed.  The fork lock is held.
 */
void		SsPlacesLeaveLocked(int pollFd, int queueFd);

/*
 * In the child's fork handler: closes what came from the parent.  Where Tcl's
 * notifier keeps on watching a descriptor (keep) it finds an epoll of the
 * child's own under that number.
 */
void		SsPlacesForget(int keep);

#endif /* SS_PLACE_H */
