/*
 * helper.h --
 *
 *	The thread that waits on a queue while the Tcl thread runs its event
 *	loop.  It never receives: what the Tcl thread, busy with something
 *	else, doesn't come to is another worker's.  It is C and knows one
 *	thing of Tcl: how to queue an event.
 */

#ifndef SS_HELPER_H
#define SS_HELPER_H

#include "wait.h"

#include <pthread.h>
#include <tcl.h>

typedef struct SsHelper {
    struct SsHelper *nextPtr;	/* All of this process. */
    Tcl_ThreadId thread;	/* Whom to alert. */
    SsWait wait;		/* What it waits with. */
    int queueFd;		/* What it waits on. */

    /*
     * The rest is guarded by the fork lock, so that a fork finds it whole.
     */

    enum {
	SS_HELPER_IDLE,		/* Waits for nothing. */
	SS_HELPER_WAITING,	/* Waits on the queue. */
	SS_HELPER_DONE		/* Its wait is over. */
    } state;
    int running;		/* Whether the thread exists. */
    int stop;			/* It should end. */
    int calledOff;		/* It should stop waiting, quietly. */
    pthread_cond_t changed;	/* Any of the above did. */
    Tcl_Event *eventPtr;	/* Queued when the wait is over.  Allocated
				 * by the Tcl thread: Tcl's allocator doesn't
				 * survive a fork in the middle of it. */
    int error;			/* Why a wait failed, an errno; 0: there is
				 * something to receive. */
} SsHelper;

/*
 * SsHelperInit --
 *
 *	Sets one up for the current thread; starts nothing.
 *
 * SsHelperWait --
 *
 *	Waits on a queue in the background.  The event, which the helper takes
 *	over, is queued when there is something to receive.  The wait must
 *	have a place at the queue.  Returns 0, or an errno (the event is the
 *	caller's).
 *
 * SsHelperIsDone --
 *
 *	Whether the wait is over.
 *
 * SsHelperTake --
 *
 *	Returns 0 when the wait is not over; otherwise the helper is idle
 *	again, and the error is 0 when there is something to receive.
 *
 * SsHelperCallOff --
 *
 *	Ends a wait.  Returns 1 when there is something to receive, for which
 *	nobody else was woken.
 *
 * SsHelperClose --
 *
 *	Calls off, ends the thread, forgets the helper.
 *
 * SsHelpersStop --
 *
 *	Ends all helpers of the process; for its exit.
 *
 * SsHelpersForget --
 *
 *	In a forked child: their threads don't exist.  Safe between fork and
 *	exec.
 *
 * Process: worker.
 */

void		SsHelperInit(SsHelper *helperPtr);
int		SsHelperWait(SsHelper *helperPtr, int queueFd,
		    Tcl_Event *eventPtr);
int		SsHelperIsDone(SsHelper *helperPtr);
int		SsHelperTake(SsHelper *helperPtr, int *errorPtr);
int		SsHelperCallOff(SsHelper *helperPtr);
void		SsHelperClose(SsHelper *helperPtr);
void		SsHelpersStop(void);
void		SsHelpersForget(void);

#endif /* SS_HELPER_H */
