/*
 * helper.h --
 *
 *	The thread that waits on a queue while the Tcl thread runs its event
 *	loop.  It is C and knows one thing of Tcl: how to queue an event.
 */

#ifndef SS_HELPER_H
#define SS_HELPER_H

#include "queue.h"
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
	SS_HELPER_DONE		/* Has an outcome. */
    } state;
    int running;		/* Whether the thread exists. */
    int stop;			/* It should end. */
    int calledOff;		/* It should stop waiting, quietly. */
    pthread_cond_t changed;	/* Any of the above did. */
    Tcl_Event *eventPtr;	/* Queued when the wait is over.  Allocated
				 * by the Tcl thread: Tcl's allocator doesn't
				 * survive a fork in the middle of it. */
    SsReceiveStatus outcome;	/* What came of the wait. */
    int error;			/* With SS_RECEIVE_FAILED: an errno. */
    SsArrival arrival;		/* With SS_RECEIVE_GOT; the helper's until
				 * it is taken. */
} SsHelper;

/*
 * SsHelperInit --
 *
 *	Sets one up for the current thread; starts nothing.
 *
 * SsHelperWait --
 *
 *	Waits on a queue in the background.  The event, which the helper takes
 *	over, is queued when there is an outcome.  The wait must have a place
 *	at the queue and hold a slot.  Returns 0, or an errno (the event is
 *	the caller's).
 *
 * SsHelperIsDone --
 *
 *	Whether there is an outcome.
 *
 * SsHelperTake --
 *
 *	Takes the outcome.  Returns 0 when there is none; otherwise the status
 *	is set and the arrival, if one came, is the caller's.
 *
 * SsHelperCallOff --
 *
 *	Ends a wait.  Returns 1 when a connection had come, which is then the
 *	caller's.
 *
 * SsHelperClose --
 *
 *	Calls off, ends the thread, forgets the helper.  The same result.
 *
 * SsHelpersStop --
 *
 *	Ends all helpers of the process; for its exit.
 *
 * SsHelpersForget --
 *
 *	In a forked child: their threads don't exist, and what they received
 *	is the parent's.  Safe between fork and exec.
 *
 * Process: worker.
 */

void		SsHelperInit(SsHelper *helperPtr);
int		SsHelperWait(SsHelper *helperPtr, int queueFd,
		    Tcl_Event *eventPtr);
int		SsHelperIsDone(SsHelper *helperPtr);
int		SsHelperTake(SsHelper *helperPtr, SsReceiveStatus *statusPtr,
		    int *errorPtr, SsArrival *arrivalPtr);
int		SsHelperCallOff(SsHelper *helperPtr, SsArrival *arrivalPtr);
int		SsHelperClose(SsHelper *helperPtr, SsArrival *arrivalPtr);
void		SsHelpersStop(void);
void		SsHelpersForget(void);

#endif /* SS_HELPER_H */
