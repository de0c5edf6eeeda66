/*
 * What a worker needs of Tcl's event loop: that it waits for a queue, too.
 *
 * Tcl 9 waits in an epoll of its own, and the queue is put there.  In a forked
 * process Tcl 8.6 gets a notifier of ours (notifier.h), one epoll for files and
 * queues.  Where it keeps its own, which selects, in a process that was not
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
    int wanted;			/* In the loop's own epoll: until it fires... */
    int queueFd;		/* ...it waits for this queue... */
    SsSockets *socketsPtr;	/* ...and its sockets (NULL: none)... */
    int last;			/* ...and goes behind the others first. */
    SsPlace place;
} SsWatch;

/*
 * Whether this thread's event loop waits for queues in its own wait:
 * exclusively, in turn with its files, and at no cost worth avoiding.
 */
int		SsLoopIsDirect(void);

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
 * The event loop is about to wait, and this watch for nothing: in Tcl 9's epoll
 * it gives up its place, which it keeps until then.
 */
void		SsWatchRest(SsWatch *watchPtr);

/*
 * For notifiers.  SsLoopArrange takes the places that this thread's watches want
 * on our notifier's epoll, and, if it is going to sleep, gives up the others; it
 * returns the timeout, 0 if one has fired for want of a place.  SsLoopFire
 * fires those that want this queue (-1: any).
 */
int		SsLoopArrange(int pollFd, int timeout);
void		SsLoopFire(int queueFd, int error);

/*
 * In the child's fork handler: whether our notifier runs its event loops.  That
 * takes over no handler that has this procedure.
 */
int		SsLoopIsOurs(void);
void		SsLoopForked(int ours);
void		SsLoopNestedProc(void *clientData, int mask);

#endif /* SS_LOOP_H */
