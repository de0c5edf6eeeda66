/*
 * A request for one connection, to be served from the event loop.  Asking only
 * notes it.  Before the event loop waits, the request's event source has it
 * watch the queue; what the watch tells is received then, once, from an event.
 * So a worker takes a connection only when it has come back to its event loop,
 * and in turn with its files and timers.
 */

#include "request.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "handler.h"
#include "leave.h"
#include "limit.h"
#include "loop.h"
#include "result.h"
#include "room.h"

#include <errno.h>
#include <string.h>

#define ASSOC_KEY "socketserver"

/*
 * In milliseconds: when a worker that couldn't receive tries again; how long
 * files and timers may have to wait where a request receives first.
 */

#define RETRY_DELAY 50
#define EAGER 5

/*
 * How many descriptors the first request in a process needs below the bound of
 * Tcl's own notifier: one to wait with, a connection, and the notifier's pipe,
 * which Tcl opens when the event loop first waits.
 */

#define FIRST_NEED 8

typedef struct Request {
    struct Request *nextPtr;	/* Of the same interpreter. */
    Tcl_Interp *interp;		/* Who asked. */
    SsPort *portPtr;		/* Of what; used by this request. */
    Tcl_Obj *handlerPtr;	/* Called with the connection. */
    Tcl_Obj *closedPtr;		/* Called at the queue's end, or NULL. */
    int asked;			/* Whether a connection is asked for... */
    int process;		/* ...in which process, as SsForkCount tells:
				 * a forked child hasn't asked. */
    int isNew;			/* It hasn't waited since it was asked. */
    int64_t looked;		/* When the event loop last looked at
				 * everything, where Tcl's own notifier runs
				 * it: SsMilliseconds. */
    int reported;		/* The errno that was reported last, 0: none
				 * since all went well. */
    Tcl_TimerToken timer;	/* Looks again later, or NULL. */
    SsWatch watch;		/* Waits for it. */
} Request;

static void	Look(void *clientData);
static void	DeleteRequest(Request *requestPtr);

/* A request that waits engages the process. */
static int
IsAsked(const Request *requestPtr)
{
    return requestPtr->asked && requestPtr->process == SsForkCount();
}

/* An interpreter goes away. */
static void
DeleteRequests(
    void *clientData,		/* The interpreter's first request. */
    Tcl_Interp *interp)
{
    Request *requestPtr = (Request *) clientData;
    Request *nextPtr;

    SsLeaveNever(interp);
    while (requestPtr != NULL) {
	nextPtr = requestPtr->nextPtr;
	DeleteRequest(requestPtr);
	requestPtr = nextPtr;
    }
}

static void
Answered(
    Request *requestPtr)	/* Asked. */
{
    requestPtr->asked = 0;
    requestPtr->reported = 0;
    SsWatchStop(&requestPtr->watch);
    SsDisengage();
}

/*
 * The event loop is about to wait.  A worker with nothing open is among the
 * first to be woken, what it needs being still at hand in the processor's
 * caches.  One with open connections goes behind the others each time it asks,
 * or the first would end up with all that stay open.
 */
static void
SetupProc(
    void *clientData,		/* The request. */
    int flags)
{
    Request *requestPtr = (Request *) clientData;
    SsWatch *watchPtr = &requestPtr->watch;
    Tcl_Time none = { 0, 0 };

    if (!(flags & TCL_FILE_EVENTS) || !IsAsked(requestPtr)
	    || requestPtr->timer != NULL || SsWatchFired(watchPtr)) {
	return;
    }
    if (requestPtr->portPtr->ended) {
	SsWatchFire(watchPtr);
    } else {
	SsWatchWant(watchPtr, requestPtr->portPtr->queueFd,
		requestPtr->isNew && SsConnectionsOpen() > 0);
	requestPtr->isNew = 0;
    }
    if (SsWatchFired(watchPtr)) {
	Tcl_SetMaxBlockTime(&none);
    }
}

static void
CheckProc(
    void *clientData,		/* The request. */
    int flags)
{
    if (!SsLoopIsOurs()) {
	((Request *) clientData)->looked = SsMilliseconds();
    }
}

static void
SetObj(
    Tcl_Obj **slotPtr,		/* Where it is kept. */
    Tcl_Obj *objPtr)		/* The new one, or NULL. */
{
    Tcl_Obj *oldPtr = *slotPtr;

    if (objPtr != NULL) {
	Tcl_IncrRefCount(objPtr);
    }
    *slotPtr = objPtr;
    if (oldPtr != NULL) {
	Tcl_DecrRefCount(oldPtr);
    }
}

static void
DeleteRequest(Request *requestPtr)
{
    Request *firstPtr, **linkPtr;

    firstPtr = (Request *) Tcl_GetAssocData(requestPtr->interp, ASSOC_KEY,
	    NULL);
    for (linkPtr = &firstPtr; *linkPtr != NULL;
	    linkPtr = &(*linkPtr)->nextPtr) {
	if (*linkPtr == requestPtr) {
	    *linkPtr = requestPtr->nextPtr;
	    break;
	}
    }
    if (!Tcl_InterpDeleted(requestPtr->interp)) {
	Tcl_SetAssocData(requestPtr->interp, ASSOC_KEY, DeleteRequests,
		firstPtr);
    }
    if (IsAsked(requestPtr)) {
	Answered(requestPtr);
    }
    SsWatchClose(&requestPtr->watch);
    Tcl_DeleteEventSource(SetupProc, CheckProc, requestPtr);
    Tcl_DeleteTimerHandler(requestPtr->timer);
    SetObj(&requestPtr->handlerPtr, NULL);
    SetObj(&requestPtr->closedPtr, NULL);
    SsForkLock();
    SsPortDropLocked(requestPtr->portPtr);
    SsForkUnlock();
    Tcl_EventuallyFree(requestPtr, TCL_DYNAMIC);
}

/*
 * Forgets an interpreter's requests that ask for nothing, of ports that have
 * ended.
 */
static void
Sweep(Tcl_Interp *interp)
{
    Request *requestPtr, *nextPtr;
    int over;

    requestPtr = (Request *) Tcl_GetAssocData(interp, ASSOC_KEY, NULL);
    for (; requestPtr != NULL; requestPtr = nextPtr) {
	nextPtr = requestPtr->nextPtr;
	SsForkLock();
	over = SsPortAtEndLocked(requestPtr->portPtr);
	SsForkUnlock();
	if (over && !IsAsked(requestPtr)) {
	    DeleteRequest(requestPtr);
	}
    }
}

/*
 * Tries to receive a connection without waiting.  With SS_RECEIVE_GOT the
 * arrival is the caller's, with SS_RECEIVE_FAILED the error is set.
 */
static SsReceiveStatus
Receive(
    Request *requestPtr,
    int *errorPtr,		/* Set to an errno. */
    SsArrival *arrivalPtr)
{
    SsPort *portPtr = requestPtr->portPtr;
    SsReceiveStatus status;

    if (portPtr->ended) {
	return SS_RECEIVE_END;
    }
    status = SsRoomReceive(portPtr->queueFd, SsDescriptorBound(), arrivalPtr);
    *errorPtr = errno;
    return status;
}

/* The queue has ended, or this worker is asked to retire. */
static void
Ended(
    Request *requestPtr,	/* Asked, preserved. */
    SsReceiveStatus status)
{
    Tcl_Interp *interp = requestPtr->interp;
    Tcl_Obj *closedPtr = requestPtr->closedPtr;
    int inherited = SsPortInherited(requestPtr->portPtr);
    int number = requestPtr->portPtr->number;

    if (closedPtr != NULL) {
	Tcl_IncrRefCount(closedPtr);
    }
    if (status == SS_RECEIVE_END) {
	SsForkLock();
	SsPortEndLocked(requestPtr->portPtr);
	SsForkUnlock();
    }
    DeleteRequest(requestPtr);
    if (!SsWorkerEnd(interp, inherited, closedPtr) && closedPtr == NULL
	    && status == SS_RECEIVE_RETIRE) {
	SsErrorRetired(interp, number);
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
    if (closedPtr != NULL) {
	Tcl_DecrRefCount(closedPtr);
    }
}

/*
 * Tells the application once why this worker takes no connections; the others
 * do meanwhile.
 */
static void
Report(
    Request *requestPtr,
    int error)			/* An errno; ERANGE: the next descriptor would
				 * be at or above SsDescriptorBound. */
{
    Tcl_Interp *interp = requestPtr->interp;

    if (error == requestPtr->reported) {
	return;
    }
    requestPtr->reported = error;
    if (error == ERANGE) {
	SsErrorOurs(interp, "FDSETSIZE",
		"this worker takes no connections of port %d while it has %d"
		" files open or more: its Tcl waits with select",
		requestPtr->portPtr->number, SsDescriptorBound());
    } else {
	SsErrorPosix(interp, error,
		"this worker takes no connections of port %d for the time"
		" being: %m", requestPtr->portPtr->number);
    }
    Tcl_BackgroundException(interp, TCL_ERROR);
}

static void
LookTimerProc(
    void *clientData)		/* The request. */
{
    ((Request *) clientData)->timer = NULL;
    Look(clientData);
}

static void
LookLater(Request *requestPtr)
{
    if (requestPtr->timer == NULL) {
	requestPtr->timer = Tcl_CreateTimerHandler(RETRY_DELAY, LookTimerProc,
		requestPtr);
    }
}

static void
Act(
    Request *requestPtr,	/* Asked, preserved. */
    SsReceiveStatus status,
    int error,			/* An errno with SS_RECEIVE_FAILED. */
    const SsArrival *arrivalPtr)/* Ours with SS_RECEIVE_GOT. */
{
    Tcl_Obj *handlerPtr;

    switch (status) {
    case SS_RECEIVE_GOT:
	handlerPtr = requestPtr->handlerPtr;
	Tcl_IncrRefCount(handlerPtr);
	Answered(requestPtr);
	SsHandlerCall(requestPtr->interp, handlerPtr, arrivalPtr);
	Tcl_DecrRefCount(handlerPtr);
	break;
    case SS_RECEIVE_EMPTY:
	requestPtr->reported = 0;
	SsWatchVain(&requestPtr->watch);
	break;
    case SS_RECEIVE_END:
    case SS_RECEIVE_RETIRE:
	Ended(requestPtr, status);
	break;
    case SS_RECEIVE_LOST:
	SsConnectionDiscard(-1);
	Report(requestPtr, EMFILE);
	LookLater(requestPtr);
	break;
    case SS_RECEIVE_REJECTED:
	SsConnectionDiscard(-1);
	SsErrorMessage(requestPtr->interp, requestPtr->portPtr->number);
	Tcl_BackgroundException(requestPtr->interp, TCL_ERROR);
	break;
    default:			/* SS_RECEIVE_FAILED */
	Report(requestPtr, error);
	LookLater(requestPtr);
	break;
    }
}

/*
 * Looks whether there is a connection for a request, and does what is to be
 * done.  Being called once too often does no harm.
 */
static void
Look(
    void *clientData)		/* The request. */
{
    Request *requestPtr = (Request *) clientData;
    SsReceiveStatus status = SS_RECEIVE_FAILED;
    SsArrival arrival;
    int error = SsWatchError(&requestPtr->watch);

    /*
     * Of an interpreter that is deleted inside its own event loop nobody
     * would close the connection.
     */
    if (!IsAsked(requestPtr) || Tcl_InterpDeleted(requestPtr->interp)) {
	return;
    }
    if (error == 0) {
	status = Receive(requestPtr, &error, &arrival);
    }
    Tcl_Preserve(requestPtr);
    Act(requestPtr, status, error, &arrival);
    Tcl_Release(requestPtr);
}

/*
 * Finds or makes an interpreter's request for a port, which lasts as long as
 * the interpreter or the port's queue.
 */
static Request *
GetRequest(Tcl_Interp *interp, SsPort *portPtr)
{
    Request *requestPtr;

    requestPtr = (Request *) Tcl_GetAssocData(interp, ASSOC_KEY, NULL);
    for (; requestPtr != NULL; requestPtr = requestPtr->nextPtr) {
	if (requestPtr->portPtr == portPtr) {
	    return requestPtr;
	}
    }
    Sweep(interp);
    requestPtr = (Request *) Tcl_Alloc(sizeof(Request));
    memset(requestPtr, 0, sizeof(Request));
    requestPtr->interp = interp;
    requestPtr->portPtr = portPtr;
    requestPtr->nextPtr = (Request *) Tcl_GetAssocData(interp, ASSOC_KEY,
	    NULL);
    SsWatchInit(&requestPtr->watch, Look, requestPtr);
    Tcl_CreateEventSource(SetupProc, CheckProc, requestPtr);
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteRequests, requestPtr);
    SsForkLock();
    SsPortUseLocked(portPtr);
    SsForkUnlock();
    return requestPtr;
}

/*
 * Whether there is room for what the first request of a process needs; true for
 * all that follow.
 */
static int
HasRoom(
    int queueFd)		/* Any open descriptor. */
{
    static int roomyProcess = -1;
				/* As SsForkCount tells; guarded by the fork
				 * lock. */
    int known;

    SsForkLock();
    known = (roomyProcess == SsForkCount());
    SsForkUnlock();
    if (known) {
	return 1;
    }
    if (!SsRoomBelow(FIRST_NEED, queueFd, SsDescriptorBound())) {
	return 0;
    }
    SsForkLock();
    roomyProcess = SsForkCount();
    SsForkUnlock();
    return 1;
}

/*
 * Each wait of Tcl's own notifier is a pipe and two context switches.  Where it
 * runs the event loop a request first receives without waiting, as long as
 * files and timers needn't wait for that too long.
 */
static void
Ask(
    Request *requestPtr)	/* Not asked. */
{
    requestPtr->asked = requestPtr->isNew = 1;
    requestPtr->process = SsForkCount();
    SsEngage();
    if (!SsLoopIsOurs()
	    && SsMilliseconds() - requestPtr->looked < EAGER) {
	SsWatchFire(&requestPtr->watch);
    }
}

int
SsRequest(
    Tcl_Interp *interp,
    SsPort *portPtr,		/* Used by the caller for as long as this
				 * runs. */
    Tcl_Obj *handlerPtr,
    Tcl_Obj *closedPtr)
{
    Request *requestPtr;

    if (SsHandlerCheck(interp, handlerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    requestPtr = GetRequest(interp, portPtr);
    if (!HasRoom(portPtr->queueFd)) {
	return SsErrorOurs(interp, "FDSETSIZE",
		"too many open files for this Tcl, which waits with select:"
		" have fewer than %d open before you ask for a connection",
		SsDescriptorBound());
    }
    SetObj(&requestPtr->handlerPtr, handlerPtr);
    SetObj(&requestPtr->closedPtr, closedPtr);
    if (!IsAsked(requestPtr)) {
	Ask(requestPtr);
    }
    return TCL_OK;
}

/* A connection that woke this worker woke nobody else. */
int
SsRequestWithdraw(
    Tcl_Interp *interp,
    int number)			/* The port's. */
{
    Request *requestPtr;
    SsReceiveStatus status = SS_RECEIVE_EMPTY;
    SsArrival arrival;
    int error;

    requestPtr = (Request *) Tcl_GetAssocData(interp, ASSOC_KEY, NULL);
    while (requestPtr != NULL && (requestPtr->portPtr->number != number
	    || !IsAsked(requestPtr))) {
	requestPtr = requestPtr->nextPtr;
    }
    if (requestPtr == NULL) {
	return 1;
    }
    if (SsWatchReady(&requestPtr->watch)) {
	status = Receive(requestPtr, &error, &arrival);
    }
    switch (status) {
    case SS_RECEIVE_GOT:
    case SS_RECEIVE_END:
    case SS_RECEIVE_RETIRE:
	Tcl_Preserve(requestPtr);
	Act(requestPtr, status, 0, &arrival);
	Tcl_Release(requestPtr);
	return 0;
    case SS_RECEIVE_LOST:
    case SS_RECEIVE_REJECTED:
	Act(requestPtr, status, 0, &arrival);
	break;
    default:
	break;
    }
    Answered(requestPtr);
    return 1;
}
