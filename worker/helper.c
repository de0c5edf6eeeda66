/*
 * helper.c --
 *
 *	The thread that waits on a queue while the Tcl thread runs its event
 *	loop.
 */

#include "helper.h"
#include "fork.h"
#include "queue.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

#define STACK_ROOM (64 * 1024)	/* Beyond the system's minimum: for queueing
				 * a Tcl event. */

static SsHelper *firstHelperPtr = NULL;
				/* Guarded by the fork lock. */

static int	StartLocked(SsHelper *helperPtr);
static void *	HelperMain(void *clientData);
static void	WokenLocked(SsHelper *helperPtr, SsWaitStatus waited,
		    int error);
static int	CallOffLocked(SsHelper *helperPtr);
static void	StopLocked(SsHelper *helperPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsHelperInit --
 *
 *	See helper.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The process's list of helpers grows.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsHelperInit(
    SsHelper *helperPtr)	/* Zeroed; stays in place. */
{
    helperPtr->thread = Tcl_GetCurrentThread();
    helperPtr->state = SS_HELPER_IDLE;
    pthread_cond_init(&helperPtr->changed, NULL);
    SsWaitInit(&helperPtr->wait, 1);
    SsForkLock();
    helperPtr->nextPtr = firstHelperPtr;
    firstHelperPtr = helperPtr;
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelperWait --
 *
 *	See helper.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	Starts the thread when this is its first wait in this process.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsHelperWait(
    SsHelper *helperPtr,	/* Idle. */
    int queueFd,		/* Stays open until the wait is over. */
    Tcl_Event *eventPtr)	/* Becomes the helper's, then Tcl's. */
{
    int error = 0;

    if (helperPtr->eventPtr != NULL) {
	/*
	 * Of a wait of the process that forked this one.
	 */

	Tcl_Free((char *) helperPtr->eventPtr);
	helperPtr->eventPtr = NULL;
    }
    SsForkLock();
    if (!helperPtr->running) {
	error = StartLocked(helperPtr);
    }
    if (error == 0) {
	helperPtr->queueFd = queueFd;
	helperPtr->eventPtr = eventPtr;
	helperPtr->calledOff = 0;
	helperPtr->state = SS_HELPER_WAITING;
	pthread_cond_signal(&helperPtr->changed);
    }
    SsForkUnlock();
    return error;
}

/*
 *----------------------------------------------------------------------
 *
 * StartLocked --
 *
 *	Starts the thread, with all signals blocked: they are for the
 *	application's threads.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	A thread that nobody needs to join.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
StartLocked(
    SsHelper *helperPtr)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + STACK_ROOM);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    helperPtr->stop = 0;
    error = pthread_create(&thread, &attributes, HelperMain, helperPtr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    helperPtr->running = (error == 0);
    return error;
}

/*
 *----------------------------------------------------------------------
 *
 * HelperMain --
 *
 *	The thread: while a wait is on, sleeps until there is something to
 *	receive.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Those of WokenLocked.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void *
HelperMain(
    void *clientData)		/* The helper. */
{
    SsHelper *helperPtr = (SsHelper *) clientData;
    SsWaitStatus waited;
    int error;

    SsForkLock();
    while (!helperPtr->stop) {
	if (helperPtr->state != SS_HELPER_WAITING) {
	    SsForkWait(&helperPtr->changed);
	    continue;
	}
	SsForkUnlock();
	waited = SsWaitSleep(&helperPtr->wait, -1, NULL);
	error = errno;
	SsForkLock();
	WokenLocked(helperPtr, waited, error);
    }
    helperPtr->running = 0;
    pthread_cond_broadcast(&helperPtr->changed);
    SsForkUnlock();
    return NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * WokenLocked --
 *
 *	Tells the Tcl thread that there is something to receive, or whoever
 *	called the wait off that it is over.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	With nothing there (another worker was faster) the wait goes on.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
WokenLocked(
    SsHelper *helperPtr,	/* Waiting. */
    SsWaitStatus waited,	/* How the sleep ended. */
    int error)			/* errno with SS_WAIT_FAILED. */
{
    int ready = (waited == SS_WAIT_READY
	    && !SsQueueIsEmpty(helperPtr->queueFd));

    if (!ready && waited != SS_WAIT_FAILED && !helperPtr->calledOff) {
	return;
    }
    helperPtr->state = (ready || !helperPtr->calledOff)
	    ? SS_HELPER_DONE : SS_HELPER_IDLE;
    helperPtr->error = (waited == SS_WAIT_FAILED) ? error : 0;
    if (helperPtr->calledOff) {
	pthread_cond_broadcast(&helperPtr->changed);
    } else {
	Tcl_ThreadQueueEvent(helperPtr->thread, helperPtr->eventPtr,
		TCL_QUEUE_TAIL);
	helperPtr->eventPtr = NULL;
	Tcl_ThreadAlert(helperPtr->thread);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelperIsDone, SsHelperTake --
 *
 *	See helper.h.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	SsHelperTake: the helper is idle again.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsHelperIsDone(
    SsHelper *helperPtr)
{
    int done;

    SsForkLock();
    done = (helperPtr->state == SS_HELPER_DONE);
    SsForkUnlock();
    return done;
}

int
SsHelperTake(
    SsHelper *helperPtr,
    int *errorPtr)		/* Set when the wait is over. */
{
    int done;

    SsForkLock();
    done = (helperPtr->state == SS_HELPER_DONE);
    if (done) {
	*errorPtr = helperPtr->error;
	helperPtr->state = SS_HELPER_IDLE;
    }
    SsForkUnlock();
    return done;
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelperCallOff, CallOffLocked --
 *
 *	See helper.h.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	The helper is idle; an event that it had not queued is freed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsHelperCallOff(
    SsHelper *helperPtr)
{
    int ready;

    SsForkLock();
    ready = CallOffLocked(helperPtr);
    SsForkUnlock();
    if (helperPtr->eventPtr != NULL) {
	Tcl_Free((char *) helperPtr->eventPtr);
	helperPtr->eventPtr = NULL;
    }
    return ready;
}

static int
CallOffLocked(
    SsHelper *helperPtr)
{
    int ready;

    if (helperPtr->state == SS_HELPER_WAITING) {
	helperPtr->calledOff = 1;
	SsWaitCallOff(&helperPtr->wait);
	while (helperPtr->state == SS_HELPER_WAITING) {
	    SsForkWait(&helperPtr->changed);
	}
    }
    ready = (helperPtr->state == SS_HELPER_DONE && helperPtr->error == 0);
    helperPtr->state = SS_HELPER_IDLE;
    return ready;
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelperClose --
 *
 *	See helper.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The thread ends, the wait is closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsHelperClose(
    SsHelper *helperPtr)
{
    SsHelper **linkPtr;

    (void) SsHelperCallOff(helperPtr);
    SsForkLock();
    StopLocked(helperPtr);
    for (linkPtr = &firstHelperPtr; *linkPtr != helperPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = helperPtr->nextPtr;
    SsForkUnlock();
    SsWaitClose(&helperPtr->wait);
    pthread_cond_destroy(&helperPtr->changed);
}

static void
StopLocked(
    SsHelper *helperPtr)	/* Not waiting. */
{
    helperPtr->stop = 1;
    pthread_cond_signal(&helperPtr->changed);
    while (helperPtr->running) {
	SsForkWait(&helperPtr->changed);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelpersStop --
 *
 *	See helper.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	No helper calls Tcl any more.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsHelpersStop(void)
{
    SsHelper *helperPtr;

    SsForkLock();
    for (helperPtr = firstHelperPtr; helperPtr != NULL;
	    helperPtr = helperPtr->nextPtr) {
	(void) CallOffLocked(helperPtr);
	StopLocked(helperPtr);
    }
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelpersForget --
 *
 *	See helper.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	They are idle.
 *
 * Process:
 *	Worker, in the child's fork handler.
 *
 *----------------------------------------------------------------------
 */

void
SsHelpersForget(void)
{
    SsHelper *helperPtr;

    for (helperPtr = firstHelperPtr; helperPtr != NULL;
	    helperPtr = helperPtr->nextPtr) {
	helperPtr->state = SS_HELPER_IDLE;
	helperPtr->running = helperPtr->stop = helperPtr->calledOff = 0;
	pthread_cond_init(&helperPtr->changed, NULL);
    }
}
