/*
 * What a worker needs of Tcl's event loop: that it waits for a queue, too.
 *
 * In a forked process Tcl 8.6 gets a notifier of ours (notifier.h), one epoll
 * for files and queues.  Where it keeps its own, in a process that was not
 * forked, an epoll that holds the queue is one more file to it.
 *
 * Who asks for a connection marks nothing; the event source's setup, which Tcl
 * calls before each wait, says SsWatchWant as long as one is asked for.
 */

#ifndef SS_LOOP_H
#define SS_LOOP_H

#include "watch.h"

/* Once in a process that loads the library; in a child's fork handler. */
void		SsLoopPrepare(void);
void		SsLoopForked(void);

/*
 * Whether our notifier runs this process's event loops: they bear any number of
 * descriptors.
 */
int		SsLoopIsOurs(void);

/*
 * Waits for the queue from now until the watch fires, or another call says
 * otherwise; with last, behind whoever waits already.  What goes wrong fires it
 * with an error.
 */
void		SsWatchWant(SsWatch *watchPtr, int queueFd, int last);

/* Whether the watch was woken for something, queued or not. */
int		SsWatchReady(SsWatch *watchPtr);

/* Waits no more, and leaves an event that is queued. */
void		SsWatchStop(SsWatch *watchPtr);
void		SsWatchClose(SsWatch *watchPtr);

#endif /* SS_LOOP_H */
