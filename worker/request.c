/*
 * A request for one connection, to be served from the event loop.  Asking only
 * notes it.  Before the event loop waits, the request's event source has it
 * watch the queue; what the watch tells is received then, once, from an event.
 * So a worker takes a connection only when it has come back to its event loop,
 * and in turn with its files and timers.
 */

#include "request.h"
#include "attached.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "handler.h"
#include "keep.h"
#include "leave.h"
#include "loop.h"
#include "receive.h"

#include <errno.h>

#define ASSOC_KEY "socketserver"

/*
 * In milliseconds: when a worker that couldn't receive tries again; how long
 * files and timers may have to wait where a request receives first.
 */

#define RETRY_DELAY 50
#define EAGER 5

typedef struct Request {
    struct Request *nextPtr;	/* Of the same thread. */
    Tcl_Interp *interp;		/* Who asked. */
    SsPortUse use;		/* Of what; it lasts as long as this. */
    Tcl_Obj *handlerPtr;	/* Called with the connection. */
    Tcl_Obj *closedPtr;		/* Called at the queue's end, or NULL. */
    int process;		/* In which process a connection is asked for,
				 * as SsForkCount tells: a forked child hasn't
				 * asked.  -1: in none. */
    int isNew;			/* It hasn't waited since it was asked. */
    int isVain;			/* It was told of what wasn't there, where
				 * Tcl's own notifier tells too many. */
    int64_t looked;		/* When the event loop last looked at
				 * everything, where Tcl's own notifier runs
				 * it: SsMilliseconds. */
    int64_t retry;		/* Not to try again before, or 0. */
    int reported;		/* The errno that was reported last, 0: none
				 * since all went well. */
    SsWatch watch;		/* Waits for it. */
} Request;

static __thread Request *firstPtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's. */

/* A request that waits engages the process. */
static int
IsAsked(const Request *requestPtr)
{
    return requestPtr->process == SsForkCount();
}

static void
Answered(
    Request *requestPtr)	/* Asked. */
{
    requestPtr->process = -1;
    requestPtr->retry = 0;
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
    static const Tcl_Time none = { 0, 0 };
    static const Tcl_Time delay = { 0, RETRY_DELAY * 1000 };
    Request *requestPtr = (Request *) clientData;
    SsWatch *watchPtr = &requestPtr->watch;

    if (!(flags & TCL_FILE_EVENTS) || !IsAsked(requestPtr)) {
	SsWatchRest(watchPtr);
	return;
    }
    if (watchPtr->fired) {
	return;
    }
    if (requestPtr->use.portPtr->ended
	    || SsKeepHasUnread(requestPtr->use.portPtr)) {
	SsWatchFire(watchPtr, 0);
    } else if (requestPtr->retry != 0
	    && requestPtr->retry > SsMilliseconds()) {
	SsWatchRest(watchPtr);
	Tcl_SetMaxBlockTime(&delay);
    } else {
	SsWatchWant(watchPtr, requestPtr->use.portPtr->queueFd,
		requestPtr->use.portPtr->socketsPtr, requestPtr->isVain
			|| (requestPtr->isNew && SsConnectionsOpen() > 0));
	requestPtr->isNew = requestPtr->isVain = 0;
    }
    if (watchPtr->fired) {
	Tcl_SetMaxBlockTime(&none);
    }
}

static void
CheckProc(
    void *clientData,		/* The request. */
    int flags)
{
    if (!SsLoopIsDirect()) {
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
    Request **linkPtr = &firstPtr;

    while (*linkPtr != requestPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = requestPtr->nextPtr;
    if (IsAsked(requestPtr)) {
	Answered(requestPtr);
    }
    SsWatchClose(&requestPtr->watch);
    Tcl_DeleteEventSource(SetupProc, CheckProc, requestPtr);
    SetObj(&requestPtr->handlerPtr, NULL);
    SetObj(&requestPtr->closedPtr, NULL);
    SsForkLock();
    SsPortDropLocked(&requestPtr->use);
    SsForkUnlock();
    Tcl_Free((char *) requestPtr);
}

/* An interpreter goes away. */
static void
DeleteRequests(void *clientData, Tcl_Interp *interp)
{
    Request *requestPtr, *nextPtr;

    SsLeaveNever(interp);
    for (requestPtr = firstPtr; requestPtr != NULL; requestPtr = nextPtr) {
	nextPtr = requestPtr->nextPtr;
	if (requestPtr->interp == interp) {
	    DeleteRequest(requestPtr);
	}
    }
}

/* Forgets requests that ask for nothing, of ports that have ended. */
static void
Sweep(void)
{
    Request *requestPtr, *nextPtr;
    int over;

    for (requestPtr = firstPtr; requestPtr != NULL; requestPtr = nextPtr) {
	nextPtr = requestPtr->nextPtr;
	SsForkLock();
	over = SsPortAtEndLocked(requestPtr->use.portPtr);
	SsForkUnlock();
	if (over && !IsAsked(requestPtr)) {
	    DeleteRequest(requestPtr);
	}
    }
}

/* The queue has ended, or this worker is asked to retire. */
static void
Ended(
    Request *requestPtr,	/* Asked. */
    SsReceiveStatus status)
{
    Tcl_Interp *interp = requestPtr->interp;
    Tcl_Obj *closedPtr = requestPtr->closedPtr;	/* And its reference. */
    int inherited = SsPortInherited(requestPtr->use.portPtr);

    if (closedPtr == NULL && !inherited && status == SS_RECEIVE_RETIRE) {
	SsReceiveError(interp, requestPtr->use.portPtr, status, 0);
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
    requestPtr->closedPtr = NULL;
    SsAttachedRetire(requestPtr->use.portPtr);
    DeleteRequest(requestPtr);
    SsWorkerEnd(interp, inherited, closedPtr);
    SetObj(&closedPtr, NULL);
}

/*
 * Tells the application why this worker takes no connections, once; the others
 * do meanwhile.  What was no message was one the less.
 */
static void
Failed(
    Request *requestPtr,	/* Asked. */
    SsReceiveStatus status,
    int error)			/* An errno; as for SsReceiveError. */
{
    Tcl_Interp *interp = requestPtr->interp;

    if (status == SS_RECEIVE_REJECTED || error != requestPtr->reported) {
	SsReceiveError(interp, requestPtr->use.portPtr, status, error);
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
    if (status != SS_RECEIVE_REJECTED) {
	requestPtr->reported = error;
	requestPtr->retry = SsMilliseconds() + RETRY_DELAY;
    }
}

/*
 * Receives without waiting, and does what is to be done.  Being called once too
 * often does no harm.  Returns 1 if that has answered the request, which may be
 * gone.
 */
static int
Receive(
    Request *requestPtr)	/* Asked. */
{
    Tcl_Obj *handlerPtr = requestPtr->handlerPtr;
    SsPort *portPtr = requestPtr->use.portPtr;
    SsArrival arrival;
    SsReceiveStatus status = SsReceive(&portPtr, &arrival);

    switch (status) {
    case SS_RECEIVE_GOT:
	Tcl_IncrRefCount(handlerPtr);
	Answered(requestPtr);
	SsHandlerCall(requestPtr->interp, handlerPtr, portPtr, &arrival);
	Tcl_DecrRefCount(handlerPtr);
	return 1;
    case SS_RECEIVE_EMPTY:
	requestPtr->reported = 0;
	requestPtr->isVain = !SsLoopIsDirect();
	return 0;
    case SS_RECEIVE_END:
    case SS_RECEIVE_RETIRE:
	Ended(requestPtr, status);
	return 1;
    default:
	Failed(requestPtr, status,
		(status == SS_RECEIVE_LOST) ? EMFILE : errno);
	return 0;
    }
}

/*
 * Of an interpreter that is deleted inside its own event loop nobody would
 * close the connection, so it asks no more.
 */
static void
ReadyProc(
    void *clientData,		/* The request. */
    int error)			/* Why it can't wait, an errno, or 0. */
{
    Request *requestPtr = (Request *) clientData;

    if (!IsAsked(requestPtr)) {
	return;
    }
    if (Tcl_InterpDeleted(requestPtr->interp)) {
	Answered(requestPtr);
    } else if (error != 0) {
	Failed(requestPtr, SS_RECEIVE_FAILED, error);
    } else {
	(void) Receive(requestPtr);
    }
}

/*
 * Finds or makes an interpreter's request for a port, which lasts as long as
 * the interpreter or the port's queue.
 */
static Request *
GetRequest(Tcl_Interp *interp, SsPort *portPtr)
{
    Request *requestPtr;

    for (requestPtr = firstPtr; requestPtr != NULL;
	    requestPtr = requestPtr->nextPtr) {
	if (requestPtr->interp == interp
		&& requestPtr->use.portPtr == portPtr) {
	    return requestPtr;
	}
    }
    Sweep();
    requestPtr = (Request *) Tcl_Alloc(sizeof(Request));
    *requestPtr = (Request) {
	.nextPtr = firstPtr, .interp = interp, .process = -1
    };
    firstPtr = requestPtr;
    SsWatchInit(&requestPtr->watch, ReadyProc, requestPtr);
    Tcl_CreateEventSource(SetupProc, CheckProc, requestPtr);
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteRequests, NULL);
    SsForkLock();
    SsPortUseLocked(&requestPtr->use, portPtr);
    SsForkUnlock();
    return requestPtr;
}

/*
 * Each wait of Tcl's own notifier is a pipe and two context switches.  Where it
 * runs the event loop a request first receives without waiting, as long as
 * files and timers needn't wait for that too long.
 */
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
    if (!SsReceiveCanWait()) {
	return SsReceiveError(interp, portPtr, SS_RECEIVE_FAILED, ERANGE);
    }
    requestPtr = GetRequest(interp, portPtr);
    SetObj(&requestPtr->handlerPtr, handlerPtr);
    SetObj(&requestPtr->closedPtr, closedPtr);
    if (IsAsked(requestPtr)) {
	return TCL_OK;
    }
    requestPtr->isNew = 1;
    requestPtr->process = SsForkCount();
    SsEngage();
    if (!SsLoopIsDirect() && SsMilliseconds() - requestPtr->looked < EAGER) {
	SsWatchFire(&requestPtr->watch, 0);
    }
    return TCL_OK;
}

/* A connection that woke this worker woke nobody else. */
int
SsRequestWithdraw(
    Tcl_Interp *interp,
    int number)			/* The port's. */
{
    Request *requestPtr = firstPtr;

    while (requestPtr != NULL && (requestPtr->interp != interp
	    || requestPtr->use.portPtr->number != number
	    || !IsAsked(requestPtr))) {
	requestPtr = requestPtr->nextPtr;
    }
    if (requestPtr == NULL) {
	return 1;
    }
    if ((SsWatchReady(&requestPtr->watch)
	    || SsKeepHasUnread(requestPtr->use.portPtr))
	    && Receive(requestPtr)) {
	return 0;
    }
    Answered(requestPtr);
    return 1;
}
