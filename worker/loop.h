/*
 * loop.h --
 *
 *	What a worker needs of Tcl's event loop: that it waits for a queue, too.
 *
 *	In a forked process Tcl 8.6 gets a notifier of ours (notifier.h), one
 *	epoll for files and queues.  Where it keeps its own, in a process that
 *	was not forked, or in any with Tcl 9, an epoll that holds the queue is
 *	one more file to it.
 *
 *	A watch is what one request waits with.  Who asks for a connection marks
 *	nothing; the event source's setup, which Tcl calls before each wait,
 *	says SsWatchWant as long as one is asked for.  When there is something
 *	to receive the ready procedure is called, from an event, once; it
 *	receives once.
 */

#ifndef SS_LOOP_H
#define SS_LOOP_H

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

/*
 * SsLoopPrepare is called once in a process that loads the library;
 * SsLoopForked in a child's fork handler.
 *
 * SsLoopIsOurs tells whether our notifier runs this process's event loops: they
 * bear any number of descriptors.
 */

void		SsLoopPrepare(void);
void		SsLoopForked(void);
int		SsLoopIsOurs(void);

/*
 * SsWatchWant waits for the queue from now until the watch fires, or another
 * call says otherwise; with last, behind whoever waits already.  What goes
 * wrong fires it with an error; SsWatchError tells and forgets it.
 *
 * SsWatchFire queues the event without anything to wait for.  SsWatchFired
 * tells whether one is queued, SsWatchReady whether the watch was woken for
 * something, queued or not.  SsWatchVain says that nothing was there.
 * SsWatchStop waits no more, and leaves an event that is queued.
 */

void		SsWatchInit(SsWatch *watchPtr, SsWatchProc *readyProc,
		    void *clientData);
void		SsWatchWant(SsWatch *watchPtr, int queueFd, int last);
int		SsWatchError(SsWatch *watchPtr);
void		SsWatchFire(SsWatch *watchPtr);
int		SsWatchFired(const SsWatch *watchPtr);
int		SsWatchReady(SsWatch *watchPtr);
void		SsWatchVain(SsWatch *watchPtr);
void		SsWatchStop(SsWatch *watchPtr);
void		SsWatchClose(SsWatch *watchPtr);

#endif /* SS_LOOP_H */
