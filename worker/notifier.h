/*
 * A notifier for Tcl 8.6 in forked processes.  Tcl's own waits in select, on a
 * thread of its own: each wait is two context switches more, it can't be one of
 * the exclusive waits at a queue, and it takes no descriptor of 1,024 or
 * above.  Ours is one epoll in each thread, with the thread's files, its places
 * at queues, and an eventfd for alerts of other threads.
 *
 * Nothing but loop.c should need this file.
 */

#ifndef SS_NOTIFIER_H
#define SS_NOTIFIER_H

#include "watch.h"

/*
 * Finds out, once, whether this Tcl's notifier can be replaced in children:
 * what was set up in it before the fork must go on, and so its private list of
 * file handlers must be what we know.
 */
void		SsNotifierPrepare(void);

/*
 * Puts ours in its place, in the child's fork handler, safe between fork and
 * exec.  A handler with the procedure given is not taken over.
 */
void		SsNotifierForked(Tcl_FileProc *skippedProc);
int		SsNotifierIsOurs(void);

/*
 * SsNotifierWatch takes a place at the queue before the thread sleeps, and
 * fires the watch when there is something to receive.  SsNotifierUnwatch
 * forgets it.
 */
void		SsNotifierWatch(SsWatch *watchPtr, int queueFd, int last);
void		SsNotifierUnwatch(SsWatch *watchPtr);

#endif /* SS_NOTIFIER_H */
