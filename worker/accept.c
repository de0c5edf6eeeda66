#include "accept.h"
#include "attached.h"
#include "clock.h"
#include "connection.h"
#include "keep.h"
#include "leave.h"
#include "place.h"
#include "receive.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

static __thread SsPlace *placePtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's, once it has waited. */

static __thread int inRow
	__attribute__((tls_model("initial-exec"))) = 0;
				/* Calls with the connection that is waited for
				 * while the queue had something. */

static void
ThreadExitProc(void *clientData)
{
    SsPlaceClose(placePtr);
    Tcl_Free((char *) placePtr);
    placePtr = NULL;
}

/*
 * A thread that keeps a connection stays where it is at the queue, once it went
 * behind the others.
 */
static int
TakePlace(const SsPort *portPtr)
{
    int error;

    if (placePtr == NULL) {
	placePtr = (SsPlace *) Tcl_Alloc(sizeof(SsPlace));
	SsPlaceInit(placePtr);
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    }
    error = SsPlaceTake(placePtr, NULL, portPtr->queueFd, portPtr->socketsPtr,
	    SsEngagements() > SsKeepCount() || SsKeepBegins());
    errno = error;
    return (error == 0) ? 0 : -1;
}

/* Returns what Sleep does, of events that are of this place. */
static int
Told(const struct epoll_event *events, int number)
{
    int i, queue = 0;

    for (i = 0; i < number; i++) {
	if (events[i].data.u64 & SS_PLACE_DATA) {
	    queue = 1;
	} else {
	    SsKeepTold(placePtr, (int) events[i].data.u64,
		    events[i].events);
	}
    }
    return queue;
}

/*
 * Sleeps until the queue has something (1), a connection that is kept has, the
 * time is over or there is a signal to handle (0); -1 with errno.  No signal
 * may slip in between the look whether one has come and the sleep: it would be
 * handled only after the next connection.
 */
static int
Sleep(
    const SsPort *portPtr,
    int timeout)		/* Milliseconds; -1: for ever. */
{
    struct epoll_event events[SS_PLACE_EVENTS];
    sigset_t all, before;
    int error = 0, number = 0;

    if (TakePlace(portPtr) != 0) {
	return -1;
    }
    SsAttachedWait(placePtr);
    timeout = SsReportsSend(SsKeepArrange(placePtr, timeout));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!Tcl_AsyncReady() && !SsSignalsStopping() && !SsSignalsWaiting()) {
	number = SsPlaceSleep(placePtr, timeout, &before, events);
	error = errno;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return (number < 0) ? -1 : Told(events, number);
}

/* Those that the application traps, and what a worker hears of others. */
static int
HandleSignals(Tcl_Interp *interp)
{
    int code, isGone = Tcl_InterpDeleted(interp);

    if (Tcl_AsyncReady()) {
	code = Tcl_AsyncInvoke(interp, TCL_OK);
	if (code != TCL_OK) {
	    return code;
	}
    }
    SsSignalsTell();
    if (!isGone && Tcl_InterpDeleted(interp)) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"the interpreter was deleted while it waited", -1));
	Tcl_SetErrorCode(interp, "TCL", "IDELETE", NULL);
	return TCL_ERROR;
    }
    return Tcl_Canceled(interp, TCL_LEAVE_ERR_MSG);
}

static int
GiveConnection(
    Tcl_Interp *interp,
    SsPort *portPtr,
    SsArrival *arrivalPtr)	/* Given away. */
{
    Tcl_Obj *words[3];

    if (SsConnectionOpen(interp, portPtr, arrivalPtr, words) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewListObj(3, words));
    return TCL_OK;
}

/*
 * Without -closed a worker that should leave runs its event loop until its
 * connections are closed.
 */
static int
Ended(
    Tcl_Interp *interp,
    SsPort *portPtr,
    SsReceiveStatus status,
    Tcl_Obj *closedPtr)		/* May be NULL. */
{
    int done;

    SsKeepBack();
    SsAttachedRetire(portPtr);
    done = SsWorkerEnd(interp, SsPortInherited(portPtr), closedPtr);
    while (closedPtr == NULL && SsLeaving()
	    && Tcl_DoOneEvent(TCL_ALL_EVENTS)) {
	/* Until the last connection is closed. */
    }
    if (done && closedPtr != NULL) {
	Tcl_ResetResult(interp);
	return TCL_OK;
    }
    return SsReceiveError(interp, portPtr, status, 0);
}

/*
 * What a worker receives that may keep a connection: that goes back to the
 * server when another comes.  At the queue's end nothing could come back,
 * so one whose client has sent is served first.
 */
static SsReceiveStatus
Receive(SsPort **portPtrPtr, SsArrival *arrivalPtr)
{
    SsReceiveStatus status = SsReceive(portPtrPtr, arrivalPtr);

    if (status == SS_RECEIVE_GOT) {
	SsKeepBack();
    } else if (status == SS_RECEIVE_END
	    && SsKeepReady(portPtrPtr, arrivalPtr, 1)) {
	status = SS_RECEIVE_GOT;
    }
    return status;
}

/*
 * Looks for something to serve: what has unread bytes; the connection that is
 * kept, as long as the queue has nothing, or has had to wait for few calls
 * only; else the queue.  A worker that keeps one looks at the queue only when
 * it was told of something there.
 */
static SsReceiveStatus
Next(
    SsPort **portPtrPtr,
    SsArrival *arrivalPtr,
    int queue)			/* Whether it was told of something there. */
{
    SsReceiveStatus status;
    int isUnread = SsKeepHasUnread(*portPtrPtr);
    int isTurn = isUnread || (queue && inRow >= SS_MOST_IN_ROW);

    if (!isTurn && SsKeepReady(portPtrPtr, arrivalPtr, 0)) {
	inRow = queue ? inRow + 1 : 0;
	return SS_RECEIVE_GOT;
    }
    if (!queue && !isUnread && SsKeepFor(*portPtrPtr)
	    && !(*portPtrPtr)->ended && !(*portPtrPtr)->retired) {
	return SS_RECEIVE_EMPTY;
    }
    inRow = 0;
    status = Receive(portPtrPtr, arrivalPtr);
    return (status == SS_RECEIVE_EMPTY
	    && SsKeepReady(portPtrPtr, arrivalPtr, 0))
	    ? SS_RECEIVE_GOT : status;
}

int
SsAccept(
    Tcl_Interp *interp,
    SsPort *portPtr,		/* Used by the caller for as long as this
				 * runs. */
    int timeout,		/* Milliseconds; -1: for ever. */
    Tcl_Obj *closedPtr)		/* May be NULL. */
{
    int64_t deadline = SsMilliseconds() + timeout;
    SsReceiveStatus status;
    SsPort *fromPtr = portPtr;
    SsArrival arrival;
    int queue = 0, slept = 0;
    int code = SsSignalsWaiting() ? HandleSignals(interp) : TCL_OK;

    /*
     * Whoever was woken for a connection tries to receive it, whatever else
     * has come: nobody else was woken.
     */
    while (code == TCL_OK && (queue || !SsSignalsStopping()
	    || SsKeepHasUnread(portPtr))) {
	SsAttachedLook(portPtr);
	status = Next(&fromPtr, &arrival, queue);
	if (status == SS_RECEIVE_GOT) {
	    return GiveConnection(interp, fromPtr, &arrival);
	}
	if (status == SS_RECEIVE_END || status == SS_RECEIVE_RETIRE) {
	    return Ended(interp, portPtr, status, closedPtr);
	}
	if (status != SS_RECEIVE_EMPTY) {
	    return SsReceiveError(interp, portPtr, status, errno);
	}
	if (timeout >= 0) {
	    timeout = (int) (deadline - SsMilliseconds());
	    if (timeout <= 0 && (slept || SsKeepCount() == 0)) {
		break;
	    }
	    timeout = (timeout > 0) ? timeout : 0;
	}
	queue = Sleep(portPtr, timeout);
	slept = 1;
	if (queue < 0) {
	    return SsReceiveError(interp, portPtr, SS_RECEIVE_FAILED, errno);
	}
	if (!queue) {
	    code = HandleSignals(interp);
	}
    }
    if (code == TCL_OK) {
	Tcl_ResetResult(interp);
    }
    if (SsSignalsStopping()) {
	SsKeepBack();
    }
    SsReportsSend(0);
    return code;
}
