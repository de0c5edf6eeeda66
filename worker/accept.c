#include "accept.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "leave.h"
#include "limit.h"
#include "result.h"
#include "room.h"
#include "signals.h"
#include "wait.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

typedef struct ThreadData {
    int initialized;
    SsWait wait;		/* What this thread waits with. */
} ThreadData;

static Tcl_ThreadDataKey dataKey;

/*
 * TCL_ERROR when this process can't; else a status other than
 * SS_RECEIVE_FAILED.
 */
static int
Receive(Tcl_Interp *interp, SsPort *portPtr, SsReceiveStatus *statusPtr,
    SsArrival *arrivalPtr)
{
    if (portPtr->ended) {
	*statusPtr = SS_RECEIVE_END;
	return TCL_OK;
    }
    *statusPtr = SsRoomReceive(portPtr->queueFd, SsDescriptorBound(),
	    arrivalPtr);
    if (*statusPtr != SS_RECEIVE_FAILED) {
	return TCL_OK;
    }
    if (errno == ERANGE) {
	return SsErrorOurs(interp, "FDSETSIZE",
		"too many open files for this Tcl, which waits with select:"
		" have fewer than %d open before you accept a connection",
		SsDescriptorBound());
    }
    return SsErrorPosix(interp, errno,
	    "can't take a connection of port %d: %m", portPtr->number);
}

/*
 * No signal may slip in between the look whether one has come and the sleep: it
 * would be handled only after the next connection.
 */
static SsWaitStatus
SleepUnlessSignal(
    SsWait *waitPtr,		/* With a place. */
    int timeout)		/* Milliseconds; -1: for ever. */
{
    SsWaitStatus status = SS_WAIT_NOTHING;
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!Tcl_AsyncReady() && !SsSignalsStopping()) {
	status = SsWaitSleep(waitPtr, timeout, &before);
    }
    error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return status;
}

/*
 * Returns when the queue has something, the time is over, or a signal that the
 * application traps or that asks to stop has been handled.
 */
static int
Sleep(
    Tcl_Interp *interp,
    SsPort *portPtr,
    SsWait *waitPtr,
    int timeout,		/* Milliseconds; -1: for ever. */
    int *readyPtr)		/* Set: whether the queue has something. */
{
    SsWaitStatus status = SS_WAIT_NOTHING;
    int code, error;

    error = SsWaitOpen(waitPtr);
    if (error == 0) {
	error = SsWaitJoin(waitPtr, portPtr->queueFd, 0,
		SsEngagements() > 0);
    }
    if (error == 0) {
	status = SleepUnlessSignal(waitPtr, timeout);
	error = (status == SS_WAIT_FAILED) ? errno : 0;
    }
    *readyPtr = (status == SS_WAIT_READY);
    if (*readyPtr) {
	return TCL_OK;
    }
    if (error != 0) {
	return SsErrorPosix(interp, error,
		"can't wait for a connection of port %d: %m",
		portPtr->number);
    }
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

/*
 * With TCL_OK there is a status: SS_RECEIVE_EMPTY after the deadline or when
 * this worker was asked to stop.
 */
static int
ReceiveOrWait(
    Tcl_Interp *interp,
    SsPort *portPtr,
    SsWait *waitPtr,
    int64_t deadline,		/* As SsMilliseconds tells; -1: none. */
    SsReceiveStatus *statusPtr,
    SsArrival *arrivalPtr)
{
    int64_t left = -1;
    int ready = 0, code;

    /*
     * Whoever was woken for a connection tries to receive it, whatever else
     * has come: nobody else was woken.
     */
    while (ready || !SsSignalsStopping()) {
	code = Receive(interp, portPtr, statusPtr, arrivalPtr);
	if (code != TCL_OK || *statusPtr != SS_RECEIVE_EMPTY) {
	    return code;
	}
	if (deadline >= 0) {
	    left = deadline - SsMilliseconds();
	    if (left <= 0) {
		return TCL_OK;
	    }
	}
	code = Sleep(interp, portPtr, waitPtr, (int) left, &ready);
	if (code != TCL_OK) {
	    return code;
	}
    }
    *statusPtr = SS_RECEIVE_EMPTY;
    return TCL_OK;
}

static void
ThreadExitProc(
    void *clientData)		/* The thread's data. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;

    SsWaitClose(&dataPtr->wait);
    dataPtr->initialized = 0;
}

static SsWait *
GetWait(void)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    if (!dataPtr->initialized) {
	dataPtr->initialized = 1;
	SsWaitInit(&dataPtr->wait);
	Tcl_CreateThreadExitHandler(ThreadExitProc, dataPtr);
    }
    return &dataPtr->wait;
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
    int number = portPtr->number;
    int done;

    if (status == SS_RECEIVE_END) {
	SsForkLock();
	SsPortEndLocked(portPtr);
	SsForkUnlock();
    }
    done = SsWorkerEnd(interp, SsPortInherited(portPtr), closedPtr);
    while (closedPtr == NULL && SsLeaving()
	    && Tcl_DoOneEvent(TCL_ALL_EVENTS)) {
	/* Until the last connection is closed. */
    }
    if (done && closedPtr != NULL) {
	Tcl_ResetResult(interp);
	return TCL_OK;
    }
    return (status == SS_RECEIVE_RETIRE) ? SsErrorRetired(interp, number)
	    : SsErrorClosed(interp, number);
}

int
SsAccept(
    Tcl_Interp *interp,
    SsPort *portPtr,		/* Used by the caller for as long as this
				 * runs. */
    int timeout,		/* Milliseconds; -1: for ever. */
    Tcl_Obj *closedPtr)		/* May be NULL. */
{
    int64_t deadline = (timeout < 0) ? -1 : SsMilliseconds() + timeout;
    SsReceiveStatus status;
    SsArrival arrival;
    int code;

    code = ReceiveOrWait(interp, portPtr, GetWait(), deadline, &status,
	    &arrival);
    if (code != TCL_OK) {
	return code;
    }
    switch (status) {
    case SS_RECEIVE_GOT:
	return GiveConnection(interp, &arrival);
    case SS_RECEIVE_END:
    case SS_RECEIVE_RETIRE:
	return Ended(interp, portPtr, status, closedPtr);
    case SS_RECEIVE_LOST:
	SsConnectionDiscard(-1);
	return SsErrorPosix(interp, EMFILE,
		"a connection of port %d was lost for want of a descriptor:"
		" close files or raise the limit", portPtr->number);
    case SS_RECEIVE_REJECTED:
	SsConnectionDiscard(-1);
	return SsErrorMessage(interp, portPtr->number);
    default:
	Tcl_ResetResult(interp);
	return TCL_OK;
    }
}
