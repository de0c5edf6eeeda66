/*
 * What happens around fork: a lock that keeps fork away for a moment, a list of
 * descriptors that a child must not keep, and the child's first steps.  Nothing
 * here knows Tcl.
 */

#ifndef SS_FORK_H
#define SS_FORK_H

#include <sys/types.h>

/*
 * What is to be done around each fork, in the thread that forks, the lock held.
 * In the child that is between fork and exec perhaps: nothing but system calls
 * and variables.
 */
typedef struct SsForkSteps {
    /* Before; with "ours" an errno means that there is no fork. */
    int (*beforeProc)(int ours);

    /* In the parent, also when the fork failed. */
    void (*parentProc)(void);

    /* In the child, first: these descriptors are about to be closed... */
    void (*closingProc)(const int *fds, int count);

    /* ...and last. */
    void (*childProc)(void);
} SsForkSteps;

/*
 * Arranges for all this, once per process; returns 0 or an errno.  The handlers
 * run before Tcl's own in the parent, which Tcl registered earlier, so a thread
 * may call Tcl's notifier with the lock held.
 */
int		SsForkInstall(const SsForkSteps *stepsPtr);

/* As fork, but *refusedPtr is set to 1 where the step before it failed. */
pid_t		SsForkProcess(int *refusedPtr);

/*
 * Between the two no fork happens in this process.  Hold it for moments only,
 * never while waiting for a worker or a peer.  The lock also guards what the
 * threads of this process share: the list below, the queues, the requests.
 */
void		SsForkLock(void);
void		SsForkUnlock(void);

/*
 * How many forks lie between the process that loaded this library and this one.
 * Whoever remembers it can tell later whether what it noted is its own or came
 * through a fork; unlike a pid it never comes again.
 */
int		SsForkCount(void);

/*
 * Put an open descriptor of the server on the list of those that a child
 * closes, and take it off before it is closed.  The lock is held.  Without
 * memory for the list the child keeps a descriptor that does it no good, which
 * is no reason to fail.
 */
void		SsForkCloses(int fd);
void		SsForkKeeps(int fd);

/*
 * In a forked child, safe between fork and exec: puts something silent under
 * the number of a descriptor that was on the list, -1 being none.  An event
 * loop may still wait for it: closed it would make select fail, and another
 * file that got the number would be taken for it.
 */
void		SsForkSilence(int fd);

/* What children of this thread keep all the same; -1: nothing. */
void		SsForkSpares(int fd);

#endif /* SS_FORK_H */
