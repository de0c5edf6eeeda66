/*
 * helper.c --
 *
 *	The thread that waits on a queue while the Tcl thread runs its event
 *	loop.
 */

#include "helper.h"
#include "fork.h"
#include "slot.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#define STACK_ROOM (64 * 1024)	/* Beyond the system's minimum: for queueing
				 * a Tcl event. */

static SsHelper *firstHelperPtr = NULL;
				/* Guarded by the fork lock. */

static int	StartLocked(SsHelper *helperPtr);
static void *	HelperMain(void *clientData);
static void	WokenLocked(SsHelper *helperPtr, SsWaitStatus waited,
		    int error);
static int	ReceiveLocked(SsHelper *helperPtr, SsWaitStatus waited,
		    int error);
static int	CallOffLocked(SsHelper *helperPtr, SsArrival *arrivalPtr);
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
 *	receive.  The lock is held from before a connection is received until
 *	it is noted where a forked child finds and closes it.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Receives connections.
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
 *	Receives what woke the thread and tells the Tcl thread, or whoever
 *	called the wait off.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Without an outcome (another worker was faster) the wait goes on.
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
    if (!ReceiveLocked(helperPtr, waited, error) && !helperPtr->calledOff) {
	return;
    }
    helperPtr->state = SS_HELPER_DONE;
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
 * ReceiveLocked --
 *
 *	Receives after a wait.
 *
 * Results:
 *	Whether there is an outcome.
 *
 * Side effects:
 *	Sets the outcome; the slot is held again when there is none.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
ReceiveLocked(
    SsHelper *helperPtr,
    SsWaitStatus waited,	/* How the wait ended. */
    int error)			/* errno with SS_WAIT_FAILED. */
{
    SsWait *waitPtr = &helperPtr->wait;

    helperPtr->outcome = SS_RECEIVE_EMPTY;
    if (waited == SS_WAIT_READY) {
	helperPtr->outcome = SsSlotReceive(&waitPtr->slot,
		helperPtr->queueFd, 0, &helperPtr->arrival);
	error = errno;
	if (helperPtr->outcome == SS_RECEIVE_EMPTY) {
	    error = SsSlotHold(&waitPtr->slot, helperPtr->queueFd, 0);
	    if (error != 0) {
		helperPtr->outcome = SS_RECEIVE_FAILED;
	    }
	}
    } else if (waited == SS_WAIT_FAILED) {
	helperPtr->outcome = SS_RECEIVE_FAILED;
    }
    helperPtr->error = error;
    return helperPtr->outcome != SS_RECEIVE_EMPTY;
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
    SsReceiveStatus *statusPtr,
    int *errorPtr,
    SsArrival *arrivalPtr)
{
    int done;

    SsForkLock();
    done = (helperPtr->state == SS_HELPER_DONE);
    if (done) {
	*statusPtr = helperPtr->outcome;
	*errorPtr = helperPtr->error;
	*arrivalPtr = helperPtr->arrival;
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
 *	1 when a connection had come, or 0.
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
    SsHelper *helperPtr,
    SsArrival *arrivalPtr)
{
    int came;

    SsForkLock();
    came = CallOffLocked(helperPtr, arrivalPtr);
    SsForkUnlock();
    if (helperPtr->eventPtr != NULL) {
	Tcl_Free((char *) helperPtr->eventPtr);
	helperPtr->eventPtr = NULL;
    }
    return came;
}

static int
CallOffLocked(
    SsHelper *helperPtr,
    SsArrival *arrivalPtr)
{
    int came;

    if (helperPtr->state == SS_HELPER_WAITING) {
	helperPtr->calledOff = 1;
	SsWaitCallOff(&helperPtr->wait);
	while (helperPtr->state == SS_HELPER_WAITING) {
	    SsForkWait(&helperPtr->changed);
	}
    }
    came = (helperPtr->state == SS_HELPER_DONE
	    && helperPtr->outcome == SS_RECEIVE_GOT);
    if (came) {
	*arrivalPtr = helperPtr->arrival;
    }
    helperPtr->state = SS_HELPER_IDLE;
    return came;
}

/*
 *----------------------------------------------------------------------
 *
 * SsHelperClose --
 *
 *	See helper.h.
 *
 * Results:
 *	1 when a connection had come, or 0.
 *
 * Side effects:
 *	The thread ends, the wait is closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsHelperClose(
    SsHelper *helperPtr,
    SsArrival *arrivalPtr)
{
    SsHelper **linkPtr;
    int came;

    came = SsHelperCallOff(helperPtr, arrivalPtr);
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
    return came;
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
 *	See helper.h.  What they had received goes with the process.
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
    SsArrival arrival;

    SsForkLock();
    for (helperPtr = firstHelperPtr; helperPtr != NULL;
	    helperPtr = helperPtr->nextPtr) {
	CallOffLocked(helperPtr, &arrival);
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
 *	Closes this process's copies of connections that the parent's helpers
 *	hold.
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
	if (helperPtr->state == SS_HELPER_DONE
		&& helperPtr->outcome == SS_RECEIVE_GOT) {
	    close(helperPtr->arrival.fd);
	}
	helperPtr->state = SS_HELPER_IDLE;
	helperPtr->running = helperPtr->stop = helperPtr->calledOff = 0;
	pthread_cond_init(&helperPtr->changed, NULL);
    }
}
