/*
 * A notifier for Tcl 8.6 in forked processes.  Tcl's own waits in select, on a
 * thread of its own: each wait is two context switches more, it can't be one of
 * the exclusive waits at a queue, and it takes no descriptor of 1,024 or
 * above.  Ours is one epoll in each thread, with the thread's files, its places
 * at queues, and an eventfd for alerts of other threads.
 *
 * What its places are for it knows from loop.h.
 */

#ifndef SS_NOTIFIER_H
#define SS_NOTIFIER_H

/*
 * Finds out, once, whether this Tcl's notifier can be replaced in children:
 * what was set up in it before the fork must go on, and so its private list of
 * file handlers must be what we know.
 */
void		SsNotifierPrepare(void);

/*
 * Puts ours in its place, in the child's fork handler, safe between fork and
 * exec.
 */
void		SsNotifierForked(void);

#endif /* SS_NOTIFIER_H */
