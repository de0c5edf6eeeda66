/*
 * What a worker needs of Tcl's event loop: that it waits for a queue, too.
 *
 * In a forked process Tcl 8.6 gets a notifier of ours (notifier.h), one epoll
 * for files and queues.  Where it keeps its own, in a process that was not
 * forked, an epoll that holds the queue is one more file to it.
 *
 * A watch is what one request waits for a queue with: when there is something
 * to receive, its ready procedure is called, from an event, once.  It belongs
 * to the thread that made it.  Who asks for a connection marks nothing; the
 * event source's setup, which Tcl calls before each wait, says SsWatchWant as
 * long as one is asked for.
 */

#ifndef SS_LOOP_H
#define SS_LOOP_H

#include "place.h"

#include <tcl.h>

/* The error is why it can't wait, an errno, or 0. */
typedef void (SsWatchProc)(void *clientData, int error);

typedef struct SsWatch {
    struct SsWatch *nextPtr;	/* Of the same thread. */
    SsWatchProc *readyProc;
    void *clientData;
    int fired;			/* An event is queued that calls it... */
    int error;			/* ...with this. */
    int wanted;			/* Our notifier: until it fires... */
    int queueFd;		/* ...it waits for this queue... */
    SsSockets *socketsPtr;	/* ...and its sockets (NULL: none)... */
    int last;			/* ...and goes behind the others first. */
    SsPlace place;
} SsWatch;

/*
 * Whether our notifier runs this process's event loops: they bear any number of
 * descriptors.
 */
int		SsLoopIsOurs(void);

void		SsWatchInit(SsWatch *watchPtr, SsWatchProc *readyProc,
		    void *clientData);
void		SsWatchClose(SsWatch *watchPtr);

/*
 * Waits for the queue and its UDP sockets (NULL: none) from now until the watch
 * fires, or another call says otherwise; with last, behind whoever waits
 * already.  What goes wrong fires it with an error.
 */
void		SsWatchWant(SsWatch *watchPtr, int queueFd,
		    SsSockets *socketsPtr, int last);

/* Queues the event, without anything to wait for. */
void		SsWatchFire(SsWatch *watchPtr, int error);

/* Whether the watch was woken for something, queued or not. */
int		SsWatchReady(SsWatch *watchPtr);

/* Waits no more, and leaves an event that is queued. */
void		SsWatchStop(SsWatch *watchPtr);

/*
 * For our notifier.  SsLoopArrange takes the places that this thread's watches
 * want on its epoll, and, if it is going to sleep, gives up the others; it
 * returns the timeout, 0 if one has fired for want of a place.  SsLoopFire
 * fires those that want this queue (-1: any).
 */
int		SsLoopArrange(int pollFd, int timeout);
void		SsLoopFire(int queueFd, int error);

/*
 * In the child's fork handler: whose notifier runs its event loops.  Ours takes
 * over no handler that has this procedure.
 */
void		SsLoopForked(int ours);
void		SsLoopNestedProc(void *clientData, int mask);

#endif /* SS_LOOP_H */
