/*
 * What is done to Tcl's event loop so that a worker's can wait for a queue, and
 * a forked child's goes on.
 *
 * Tcl 8.6 (notifier_tcl8.c): its own notifier waits in select, on a thread of
 * its own: each wait is two context switches more, it can't be one of the
 * exclusive waits at a queue, and it takes no descriptor of 1,024 or above.  So
 * a child gets one of ours, an epoll in each thread, with the thread's files,
 * its places at queues, and an eventfd for alerts of other threads.
 *
 * Tcl 9 (notifier_tcl9.c): it has such an epoll itself, which a child would
 * share with its parent, each changing what the other waits for.  So a child
 * gets an epoll of its own behind the same number, with the same members, and
 * so it is with the eventfd.  Both are found through /proc, by what is put
 * there.
 */

#ifndef SS_NOTIFIER_H
#define SS_NOTIFIER_H

#include "place.h"

#include <tcl.h>

/* Once in a process that loads the library. */
void		SsNotifierPrepare(void);

/*
 * In each interpreter that loads the library: makes this thread's event loop
 * known.  Returns 0 or an errno.
 */
int		SsNotifierBegin(Tcl_Interp *interp);

/* This thread's epoll, if queues can be put there; else NULL. */
const SsLoopPoll *SsNotifierPoll(void);

/* The steps around a fork: SsForkSteps. */
int		SsNotifierBefore(int ours);
void		SsNotifierAfter(void);
void		SsNotifierClosing(const int *fds, int count);
void		SsNotifierForked(void);

/*
 * In parent and child, when they are back in Tcl: what one of them closes the
 * other keeps.
 */
void		SsNotifierShared(void);

#endif /* SS_NOTIFIER_H */
