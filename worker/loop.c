#include "loop.h"
#include "fork.h"
#include "limit.h"
#include "notifier.h"

typedef struct WatchEvent {
    Tcl_Event header;
    SsWatch *watchPtr;
} WatchEvent;

static __thread SsWatch *firstPtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's. */
static int isOurs = 0;

int
SsLoopIsOurs(void)
{
    return isOurs;
}

int
SsLoopIsDirect(void)
{
    return isOurs || SsNotifierPoll() != NULL;
}

void
SsWatchInit(SsWatch *watchPtr, SsWatchProc *readyProc, void *clientData)
{
    *watchPtr = (SsWatch) {
	.nextPtr = firstPtr, .readyProc = readyProc, .clientData = clientData
    };
    firstPtr = watchPtr;
    SsPlaceInit(&watchPtr->place);
}

static int
WatchEventProc(Tcl_Event *evPtr, int flags)
{
    SsWatch *watchPtr = ((WatchEvent *) evPtr)->watchPtr;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    watchPtr->fired = 0;
    watchPtr->readyProc(watchPtr->clientData, watchPtr->error);
    return 1;
}

void
SsWatchFire(SsWatch *watchPtr, int error)
{
    WatchEvent *eventPtr;

    watchPtr->wanted = 0;
    watchPtr->error = error;
    if (!watchPtr->fired) {
	watchPtr->fired = 1;
	eventPtr = (WatchEvent *) Tcl_Alloc(sizeof(WatchEvent));
	eventPtr->header.proc = WatchEventProc;
	eventPtr->watchPtr = watchPtr;
	Tcl_QueueEvent(&eventPtr->header, TCL_QUEUE_TAIL);
    }
}

void
SsLoopNestedProc(void *clientData, int mask)
{
    SsWatch *watchPtr = (SsWatch *) clientData;

    (void) mask;
    SsWatchStop(watchPtr);
    SsWatchFire(watchPtr, 0);
}

/*
 * With an epoll of its own that Tcl watches a wait is never exclusive: an epoll
 * that another thing waits for is told, and the next in the order of places,
 * too.
 */
void
SsWatchWant(SsWatch *watchPtr, int queueFd, SsSockets *socketsPtr, int last)
{
    const SsLoopPoll *loopPtr = SsNotifierPoll();
    SsPlace *placePtr = &watchPtr->place;
    int error;

    if (SsLoopIsDirect()) {
	watchPtr->wanted = 1;
	watchPtr->queueFd = queueFd;
	watchPtr->socketsPtr = socketsPtr;
    }
    if (isOurs) {
	watchPtr->last |= last;
	return;
    }
    error = SsPlaceTake(placePtr, loopPtr, queueFd, socketsPtr, last);
    if (error != 0) {
	SsWatchFire(watchPtr, error);
    } else if (loopPtr == NULL && !placePtr->watched) {
	placePtr->watched = 1;
	Tcl_CreateFileHandler(placePtr->pollFd, TCL_READABLE,
		SsLoopNestedProc, watchPtr);
    }
}

/* Tcl 9 may have an event queued that fires it. */
int
SsWatchReady(SsWatch *watchPtr)
{
    struct epoll_event events[SS_PLACE_EVENTS];

    return watchPtr->fired || (watchPtr->wanted && SsNotifierPoll() != NULL)
	    || (watchPtr->place.watched
	    && SsPlaceSleep(&watchPtr->place, 0, NULL, events) > 0);
}

void
SsWatchStop(SsWatch *watchPtr)
{
    watchPtr->wanted = 0;
    if (watchPtr->place.watched) {
	watchPtr->place.watched = 0;
	Tcl_DeleteFileHandler(watchPtr->place.pollFd);
    }
}

/* Watches of one thread share their place at a queue. */
void
SsWatchRest(SsWatch *watchPtr)
{
    const SsLoopPoll *loopPtr = SsNotifierPoll();
    int queueFd = watchPtr->place.queueFd;
    SsWatch *otherPtr;

    if (loopPtr == NULL || queueFd < 0) {
	return;
    }
    for (otherPtr = firstPtr; otherPtr != NULL; otherPtr = otherPtr->nextPtr) {
	if (otherPtr->wanted && otherPtr->queueFd == queueFd) {
	    return;
	}
    }
    SsForkLock();
    SsPlacesLeaveLocked(loopPtr->fd, queueFd);
    SsForkUnlock();
}

static int
IsEventOf(Tcl_Event *evPtr, void *clientData)
{
    return evPtr->proc == WatchEventProc
	    && ((WatchEvent *) evPtr)->watchPtr == clientData;
}

void
SsWatchClose(SsWatch *watchPtr)
{
    SsWatch **linkPtr = &firstPtr;

    SsWatchStop(watchPtr);
    Tcl_DeleteEvents(IsEventOf, watchPtr);
    while (*linkPtr != watchPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = watchPtr->nextPtr;
    SsPlaceClose(&watchPtr->place);
}

/*
 * A thread that will sleep must not be woken for what nobody wants there.  One
 * that won't keeps its place meanwhile.
 */
int
SsLoopArrange(int pollFd, int timeout)
{
    const SsLoopPoll loop = { .fd = pollFd };
    SsWatch *watchPtr;
    int error, sleeps = (timeout != 0);

    for (watchPtr = firstPtr; watchPtr != NULL; watchPtr = watchPtr->nextPtr) {
	if (sleeps && !watchPtr->wanted && watchPtr->place.queueFd >= 0) {
	    SsForkLock();
	    SsPlacesLeaveLocked(pollFd, watchPtr->place.queueFd);
	    SsForkUnlock();
	}
    }
    for (watchPtr = firstPtr; watchPtr != NULL; watchPtr = watchPtr->nextPtr) {
	if (!watchPtr->wanted) {
	    continue;
	}
	error = SsPlaceTake(&watchPtr->place, &loop, watchPtr->queueFd,
		watchPtr->socketsPtr, sleeps && watchPtr->last);
	if (sleeps) {
	    watchPtr->last = 0;
	}
	if (error != 0) {
	    SsWatchFire(watchPtr, error);
	    timeout = 0;
	}
    }
    return timeout;
}

void
SsLoopFire(int queueFd, int error)
{
    SsWatch *watchPtr;

    for (watchPtr = firstPtr; watchPtr != NULL; watchPtr = watchPtr->nextPtr) {
	if (watchPtr->wanted
		&& (queueFd < 0 || watchPtr->queueFd == queueFd)) {
	    SsWatchFire(watchPtr, error);
	}
    }
}

void
SsLoopForked(int ours)
{
    SsWatch *watchPtr;

    isOurs = ours;
    if (ours) {
	SsDescriptorsUnbound();
    }
    for (watchPtr = firstPtr; watchPtr != NULL; watchPtr = watchPtr->nextPtr) {
	watchPtr->wanted = watchPtr->error = 0;
    }
    SsPlacesForget(!ours);
}
