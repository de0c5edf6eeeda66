/*
 * A watch is what one request waits for a queue with: when there is something
 * to receive, its ready procedure is called, from an event, once.  Whoever
 * waits for it, our notifier or Tcl's (loop.h), fires it.  It belongs to the
 * thread that made it.
 */

#ifndef SS_WATCH_H
#define SS_WATCH_H

#include "wait.h"

#include <tcl.h>

typedef void (SsWatchProc)(void *clientData);

typedef struct SsWatch {
    SsWatchProc *readyProc;
    void *clientData;
    int fired;			/* An event is queued that calls it. */
    int wanted;			/* Our notifier: until it fires. */
    int error;			/* Why it can't wait, an errno. */
    struct SsPlace *placePtr;	/* Our notifier: at the queue... */
    struct SsWatch *nextPtr;	/* ...shared by these. */
    SsWait wait;		/* Tcl's notifier: what it watches. */
    int vain;			/* Tcl's notifier: it fired, and nothing was
				 * there. */
} SsWatch;

void		SsWatchInit(SsWatch *watchPtr, SsWatchProc *readyProc,
		    void *clientData);

/* Queues the event, without anything to wait for. */
void		SsWatchFire(SsWatch *watchPtr);

/* Whether one is queued. */
int		SsWatchFired(const SsWatch *watchPtr);

/* What went wrong when it fired, an errno or 0, and forgets it. */
int		SsWatchError(SsWatch *watchPtr);

/* Nothing was there when it fired. */
void		SsWatchVain(SsWatch *watchPtr);

/* Drops the event, and the place that it has itself. */
void		SsWatchForget(SsWatch *watchPtr);

#endif /* SS_WATCH_H */
