#include "accept.h"
#include "clock.h"
#include "connection.h"
#include "leave.h"
#include "place.h"
#include "receive.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

static __thread SsPlace *placePtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's, once it has waited. */

static void
ThreadExitProc(void *clientData)
{
    SsPlaceClose(placePtr);
    Tcl_Free((char *) placePtr);
    placePtr = NULL;
}

/*
 * Sleeps until the queue has something (1), the time is over or there is a
 * signal to handle (0); -1 with errno.  No signal may slip in between the look
 * whether one has come and the sleep: it would be handled only after the next
 * connection.
 */
static int
Sleep(
    int queueFd,
    int timeout)		/* Milliseconds; -1: for ever. */
{
    sigset_t all, before;
    int error, ready = 0;

    if (placePtr == NULL) {
	placePtr = (SsPlace *) Tcl_Alloc(sizeof(SsPlace));
	SsPlaceInit(placePtr);
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    }
    error = SsPlaceTake(placePtr, -1, queueFd, SsEngagements() > 0);
    if (error != 0) {
	errno = error;
	return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!Tcl_AsyncReady() && !SsSignalsStopping()) {
	ready = SsPlaceSleep(placePtr, timeout, &before);
	error = errno;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return ready;
}

/* Those that the application traps. */
static int
HandleSignals(Tcl_Interp *interp)
{
    int code;

    if (Tcl_AsyncReady()) {
	code = Tcl_AsyncInvoke(interp, TCL_OK);
	if (code != TCL_OK) {
	    return code;
	}
	if (Tcl_InterpDeleted(interp)) {
	    Tcl_SetObjResult(interp, Tcl_NewStringObj(
		    "the interpreter was deleted while it waited", -1));
	    Tcl_SetErrorCode(interp, "TCL", "IDELETE", NULL);
	    return TCL_ERROR;
	}
    }
    return Tcl_Canceled(interp, TCL_LEAVE_ERR_MSG);
}

static int
GiveConnection(
    Tcl_Interp *interp,
    const SsArrival *arrivalPtr)	/* Its descriptor is given away. */
{
    Tcl_Obj *words[3];

    if (SsConnectionOpen(interp, arrivalPtr, words) != TCL_OK) {
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
    int done = SsWorkerEnd(interp, SsPortInherited(portPtr), closedPtr);

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
    SsArrival arrival;
    int ready = 0, code = TCL_OK;

    /*
     * Whoever was woken for a connection tries to receive it, whatever else
     * has come: nobody else was woken.
     */
    while (code == TCL_OK && (ready || !SsSignalsStopping())) {
	status = SsReceive(portPtr, &arrival);
	if (status == SS_RECEIVE_GOT) {
	    return GiveConnection(interp, &arrival);
	}
	if (status == SS_RECEIVE_END || status == SS_RECEIVE_RETIRE) {
	    return Ended(interp, portPtr, status, closedPtr);
	}
	if (status != SS_RECEIVE_EMPTY) {
	    return SsReceiveError(interp, portPtr, status, errno);
	}
	if (timeout >= 0) {
	    timeout = (int) (deadline - SsMilliseconds());
	    if (timeout <= 0) {
		break;
	    }
	}
	ready = Sleep(portPtr->queueFd, timeout);
	if (ready < 0) {
	    return SsReceiveError(interp, portPtr, SS_RECEIVE_FAILED, errno);
	}
	if (!ready) {
	    code = HandleSignals(interp);
	}
    }
    if (code == TCL_OK) {
	Tcl_ResetResult(interp);
    }
    return code;
}
