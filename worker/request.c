/*
 * request.c --
 *
 *	"socket client": a request for one connection, to be served from the
 *	event loop.
 *
 *	A request first tries to receive without waiting, from an event, so
 *	that a worker takes a connection only when it has come back to its
 *	event loop; a busy server never pays for more than that.  When
 *	nothing is queued, a worker that has nothing else to do stays with the
 *	queue for a moment; only then does the helper thread wait.
 */

#include "request.h"
#include "connection.h"
#include "dwell.h"
#include "fork.h"
#include "handler.h"
#include "helper.h"
#include "leave.h"
#include "reserve.h"
#include "result.h"

#include <errno.h>
#include <string.h>

#define ASSOC_KEY "socketserver"

/*
 * After how many milliseconds a worker that couldn't receive tries again.
 */

#define RETRY_DELAY 50

/*
 * How many descriptors the first request in a process needs: a reserve, two to
 * wait with, a connection, and the pipe of Tcl's notifier, which Tcl opens
 * when the event loop first waits and which must not be out of select's reach.
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
    int waiting;		/* Whether the helper waits. */
    SsDwell dwell;		/* How long to do without the event loop. */
    int reported;		/* The errno that was reported last, 0: none
				 * since all went well. */
    Tcl_TimerToken timer;	/* Looks again later, or NULL. */
    SsHelper helper;		/* Waits for it. */
} Request;

typedef struct RequestEvent {
    Tcl_Event header;
    Request *requestPtr;
} RequestEvent;

static Request *GetRequest(Tcl_Interp *interp, SsPort *portPtr);
static void	Sweep(Tcl_Interp *interp);
static void	SetObj(Tcl_Obj **slotPtr, Tcl_Obj *objPtr);
static int	HasRoom(int queueFd);
static int	IsAsked(const Request *requestPtr);
static void	Ask(Request *requestPtr);
static void	Answered(Request *requestPtr);
static Tcl_Event *NewEvent(Request *requestPtr);
static void	LookSoon(Request *requestPtr);
static void	LookLater(Request *requestPtr, int delay);
static int	LookEventProc(Tcl_Event *evPtr, int flags);
static void	LookTimerProc(void *clientData);
static void	LookedProc(void *clientData, int flags);
static int	IsOfOthers(Tcl_Event *evPtr, void *clientData);
static void	Look(Request *requestPtr);
static SsReceiveStatus Receive(Request *requestPtr, int *errorPtr,
		    SsArrival *arrivalPtr);
static void	Act(Request *requestPtr, SsReceiveStatus status, int error,
		    const SsArrival *arrivalPtr);
static int	Dwell(Request *requestPtr);
static void	WaitInBackground(Request *requestPtr);
static int	Join(Request *requestPtr);
static int	IsAlone(void);
static void	Ended(Request *requestPtr, SsReceiveStatus status);
static void	Report(Request *requestPtr, int error);
static void	DeleteRequest(Request *requestPtr);
static void	DeleteRequests(void *clientData, Tcl_Interp *interp);
static int	IsEventOf(Tcl_Event *evPtr, void *clientData);
static void	ExitProc(void *clientData);

/*
 *----------------------------------------------------------------------
 *
 * SsRequest --
 *
 *	See request.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The handler is called from the event loop when a connection comes.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsRequest(
    Tcl_Interp *interp,
    SsPort *portPtr,		/* Used by the caller for as long as this
				 * runs. */
    Tcl_Obj *handlerPtr,
    Tcl_Obj *closedPtr)		/* May be NULL. */
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

/*
 *----------------------------------------------------------------------
 *
 * SsRequestWithdraw --
 *
 *	See request.h.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	Whatever the handler does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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
    if (requestPtr->waiting && SsHelperCallOff(&requestPtr->helper)) {
	status = Receive(requestPtr, &error, &arrival);
    }
    requestPtr->waiting = 0;
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

/*
 *----------------------------------------------------------------------
 *
 * GetRequest --
 *
 *	Finds or makes an interpreter's request for a port.
 *
 * Results:
 *	The request.
 *
 * Side effects:
 *	May make one, which lasts as long as the interpreter or the port's
 *	queue.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static Request *
GetRequest(
    Tcl_Interp *interp,
    SsPort *portPtr)
{
    static int exitHandler = 0;	/* Guarded by the fork lock. */
    Request *firstPtr, *requestPtr;
    int firstEver;

    Sweep(interp);
    firstPtr = (Request *) Tcl_GetAssocData(interp, ASSOC_KEY, NULL);
    for (requestPtr = firstPtr; requestPtr != NULL;
	    requestPtr = requestPtr->nextPtr) {
	if (requestPtr->portPtr == portPtr) {
	    return requestPtr;
	}
    }
    requestPtr = (Request *) Tcl_Alloc(sizeof(Request));
    memset(requestPtr, 0, sizeof(Request));
    requestPtr->interp = interp;
    requestPtr->portPtr = portPtr;
    requestPtr->nextPtr = firstPtr;
    SsHelperInit(&requestPtr->helper);
    Tcl_CreateEventSource(NULL, LookedProc, requestPtr);
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteRequests, requestPtr);
    SsForkLock();
    SsPortUseLocked(portPtr);
    firstEver = !exitHandler;
    exitHandler = 1;
    SsForkUnlock();
    if (firstEver) {
	Tcl_CreateExitHandler(ExitProc, NULL);
    }
    return requestPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * Sweep --
 *
 *	Forgets an interpreter's requests that ask for nothing, of ports that
 *	have ended.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Receive ends may be closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
Sweep(
    Tcl_Interp *interp)
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
 *----------------------------------------------------------------------
 *
 * SetObj --
 *
 *	Replaces a value that is kept.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The old value may be freed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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

/*
 *----------------------------------------------------------------------
 *
 * HasRoom --
 *
 *	Whether there is room for what the first request of a process needs;
 *	true for all that follow.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	Remembers a process that had room.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
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
 *----------------------------------------------------------------------
 *
 * IsAsked, Ask, Answered --
 *
 *	Whether a request waits for a connection; makes it so; ends it.
 *
 * Results:
 *	IsAsked: 1 or 0.
 *
 * Side effects:
 *	A request that waits engages the process.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
IsAsked(
    const Request *requestPtr)
{
    return requestPtr->asked && requestPtr->process == SsForkCount();
}

static void
Ask(
    Request *requestPtr)	/* Not asked. */
{
    requestPtr->asked = 1;
    requestPtr->process = SsForkCount();
    requestPtr->waiting = 0;
    SsEngage();
    LookSoon(requestPtr);
}

static void
Answered(
    Request *requestPtr)	/* Asked. */
{
    requestPtr->asked = 0;
    requestPtr->reported = 0;
    SsDisengage();
}

/*
 *----------------------------------------------------------------------
 *
 * LookSoon, LookLater, NewEvent --
 *
 *	Let the event loop look at a request: next, or where files and timers
 *	have had to wait for long, after those; after a delay.
 *
 * Results:
 *	NewEvent: an event for Tcl's queue.
 *
 * Side effects:
 *	Queues an event, or starts a timer.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
LookSoon(
    Request *requestPtr)
{
    if (SsDwellLeft(&requestPtr->dwell) > 0) {
	Tcl_QueueEvent(NewEvent(requestPtr), TCL_QUEUE_TAIL);
    } else {
	LookLater(requestPtr, 0);
    }
}

static void
LookLater(
    Request *requestPtr,
    int delay)			/* Milliseconds. */
{
    if (requestPtr->timer == NULL) {
	requestPtr->timer = Tcl_CreateTimerHandler(delay, LookTimerProc,
		requestPtr);
    }
}

static Tcl_Event *
NewEvent(
    Request *requestPtr)
{
    RequestEvent *eventPtr =
	    (RequestEvent *) Tcl_Alloc(sizeof(RequestEvent));

    eventPtr->header.proc = LookEventProc;
    eventPtr->requestPtr = requestPtr;
    return &eventPtr->header;
}

/*
 *----------------------------------------------------------------------
 *
 * LookEventProc, LookTimerProc --
 *
 *	The event loop's ways to Look.
 *
 * Results:
 *	The first: whether the event is done.
 *
 * Side effects:
 *	Whatever the handler does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
LookEventProc(
    Tcl_Event *evPtr,
    int flags)
{
    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    Look(((RequestEvent *) evPtr)->requestPtr);
    return 1;
}

static void
LookTimerProc(
    void *clientData)		/* The request. */
{
    Request *requestPtr = (Request *) clientData;

    requestPtr->timer = NULL;
    Look(requestPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * LookedProc, IsOfOthers --
 *
 *	The event loop has looked at everything.  What it found is queued, but
 *	for timers: those of others are noticed where nothing else woke it.
 *
 * Results:
 *	IsOfOthers: always 0, keep the event.
 *
 * Side effects:
 *	Notes it, and whether it found something else than this request.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
LookedProc(
    void *clientData,		/* The request. */
    int flags)			/* Unused. */
{
    Request *requestPtr = (Request *) clientData;
    int disturbed = (requestPtr->timer == NULL
	    && !SsHelperIsDone(&requestPtr->helper));

    (void) flags;
    Tcl_DeleteEvents(IsOfOthers, &disturbed);
    SsDwellLooked(&requestPtr->dwell, disturbed);
}

static int
IsOfOthers(
    Tcl_Event *evPtr,
    void *clientData)		/* Set to 1 if it is. */
{
    if (evPtr->proc != LookEventProc) {
	*(int *) clientData = 1;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * Look --
 *
 *	Looks whether there is a connection for a request and does what is to
 *	be done.  Being called once too often does no harm.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the handler does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
Look(
    Request *requestPtr)
{
    SsReceiveStatus status = SS_RECEIVE_FAILED;
    SsArrival arrival;
    int error = 0;

    /*
     * Of an interpreter that is deleted inside its own event loop nobody
     * would close the connection.
     */

    if (!IsAsked(requestPtr) || Tcl_InterpDeleted(requestPtr->interp)) {
	return;
    }
    if (requestPtr->waiting && !SsHelperTake(&requestPtr->helper, &error)) {
	return;
    }
    requestPtr->waiting = 0;
    if (error == 0) {
	status = Receive(requestPtr, &error, &arrival);
    }
    if (status == SS_RECEIVE_EMPTY && Dwell(requestPtr)) {
	status = Receive(requestPtr, &error, &arrival);
    }
    Tcl_Preserve(requestPtr);
    Act(requestPtr, status, error, &arrival);
    Tcl_Release(requestPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * Receive --
 *
 *	Tries to receive a connection without waiting.
 *
 * Results:
 *	A status; with SS_RECEIVE_GOT the arrival is the caller's, with
 *	SS_RECEIVE_FAILED the error is set.
 *
 * Side effects:
 *	None but those of receiving.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static SsReceiveStatus
Receive(
    Request *requestPtr,
    int *errorPtr,		/* Set to an errno. */
    SsArrival *arrivalPtr)	/* Filled. */
{
    SsPort *portPtr = requestPtr->portPtr;
    SsReceiveStatus status;

    if (portPtr->ended) {
	return SS_RECEIVE_END;
    }
    status = SsReserveReceive(&requestPtr->helper.wait.reserve,
	    portPtr->queueFd, SsDescriptorBound(), arrivalPtr);
    *errorPtr = errno;
    return status;
}

/*
 *----------------------------------------------------------------------
 *
 * Act --
 *
 *	Does what an outcome asks for.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the handler does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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
	WaitInBackground(requestPtr);
	break;
    case SS_RECEIVE_END:
    case SS_RECEIVE_RETIRE:
	Ended(requestPtr, status);
	break;
    case SS_RECEIVE_LOST:
	SsConnectionDiscard(-1);
	Report(requestPtr, EMFILE);
	LookLater(requestPtr, RETRY_DELAY);
	break;
    case SS_RECEIVE_REJECTED:
	SsConnectionDiscard(-1);
	SsErrorMessage(requestPtr->interp, requestPtr->portPtr->number);
	Tcl_BackgroundException(requestPtr->interp, TCL_ERROR);
	LookSoon(requestPtr);
	break;
    default:			/* SS_RECEIVE_FAILED */
	Report(requestPtr, error);
	LookLater(requestPtr, RETRY_DELAY);
	break;
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Dwell --
 *
 *	Waits for a connection for a moment, in this thread.  Where they come
 *	one after the other, that saves waking two threads for each: the
 *	helper, and this one from its event loop.
 *
 * Results:
 *	Whether there is something to receive.
 *
 * Side effects:
 *	Sleeps, but not where anything else may want this thread.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
Dwell(
    Request *requestPtr)	/* Asked. */
{
    int left = SsDwellLeft(&requestPtr->dwell);

    return left > 0 && IsAlone() && SsDwellUndisturbed(&requestPtr->dwell)
	    && Join(requestPtr) == 0
	    && SsWaitSleep(&requestPtr->helper.wait, left, NULL)
		    == SS_WAIT_READY;
}

/*
 *----------------------------------------------------------------------
 *
 * WaitInBackground --
 *
 *	Lets the helper wait for a connection.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	May start the helper's thread.  What fails is tried again later.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
WaitInBackground(
    Request *requestPtr)	/* Asked. */
{
    SsHelper *helperPtr = &requestPtr->helper;
    Tcl_Event *eventPtr;
    int error;

    error = Join(requestPtr);
    if (error == 0) {
	eventPtr = NewEvent(requestPtr);
	error = SsHelperWait(helperPtr, requestPtr->portPtr->queueFd,
		eventPtr);
	if (error != 0) {
	    Tcl_Free((char *) eventPtr);
	}
    }
    if (error == 0) {
	requestPtr->waiting = 1;
	requestPtr->reported = 0;
    } else {
	Report(requestPtr, error);
	LookLater(requestPtr, RETRY_DELAY);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Join, IsAlone --
 *
 *	Get ready to wait.  A worker whom only this request engages is among
 *	the first to be woken, what it needs being still at hand in the
 *	processor's caches.  One with open connections goes behind the
 *	others each time, or the first would end up with all that stay open.
 *
 * Results:
 *	Join: 0 or an errno; IsAlone: 1 or 0.
 *
 * Side effects:
 *	The request's wait has a place at the queue, and holds a reserve.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
Join(
    Request *requestPtr)	/* Asked. */
{
    SsWait *waitPtr = &requestPtr->helper.wait;
    int queueFd = requestPtr->portPtr->queueFd;
    int error;

    error = SsWaitOpen(waitPtr);
    if (error == 0) {
	error = SsReserveHold(&waitPtr->reserve, queueFd,
		SsDescriptorBound());
    }
    if (error == 0) {
	error = SsWaitJoin(waitPtr, queueFd, !IsAlone());
    }
    return error;
}

static int
IsAlone(void)
{
    return SsEngagements() == 1;
}

/*
 *----------------------------------------------------------------------
 *
 * Report --
 *
 *	Tells the application once why this worker takes no connections; the
 *	others do meanwhile.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	A background error, unless it is the one that was reported last.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
Report(
    Request *requestPtr,
    int error)			/* An errno; ERANGE: a reserve at or above
				 * SsDescriptorBound. */
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
		" being: %s", requestPtr->portPtr->number, strerror(error));
    }
    Tcl_BackgroundException(interp, TCL_ERROR);
}

/*
 *----------------------------------------------------------------------
 *
 * Ended --
 *
 *	The queue has ended, or this worker is asked to retire.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Forgets the request.  May evaluate what -closed gave, or end the
 *	process.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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
 *----------------------------------------------------------------------
 *
 * DeleteRequest, DeleteRequests, IsEventOf --
 *
 *	Forget a request; all of an interpreter that goes away.
 *
 * Results:
 *	IsEventOf: whether an event is of a request.
 *
 * Side effects:
 *	A wait is called off.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
DeleteRequest(
    Request *requestPtr)
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
    SsHelperClose(&requestPtr->helper);
    if (IsAsked(requestPtr)) {
	Answered(requestPtr);
    }
    Tcl_DeleteEventSource(NULL, LookedProc, requestPtr);
    Tcl_DeleteTimerHandler(requestPtr->timer);
    Tcl_DeleteEvents(IsEventOf, requestPtr);
    SetObj(&requestPtr->handlerPtr, NULL);
    SetObj(&requestPtr->closedPtr, NULL);
    SsForkLock();
    SsPortDropLocked(requestPtr->portPtr);
    SsForkUnlock();
    Tcl_EventuallyFree(requestPtr, TCL_DYNAMIC);
}

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

static int
IsEventOf(
    Tcl_Event *evPtr,
    void *clientData)		/* The request. */
{
    return evPtr->proc == LookEventProc
	    && ((RequestEvent *) evPtr)->requestPtr == clientData;
}

/*
 *----------------------------------------------------------------------
 *
 * ExitProc --
 *
 *	The process exits: helpers must not call into a Tcl that is being
 *	torn down.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	No helper runs any more.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
ExitProc(
    void *clientData)
{
    (void) clientData;
    SsHelpersStop();
}
