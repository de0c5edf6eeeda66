/*
 * loop.c --
 *
 *	What a worker needs of Tcl's event loop.
 */

#include "loop.h"
#include "notifier.h"

#include <string.h>

typedef struct WatchEvent {
    Tcl_Event header;
    SsWatch *watchPtr;
} WatchEvent;

static void	WatchNested(SsWatch *watchPtr, int queueFd, int last);
static void	NestedProc(void *clientData, int mask);
static int	WatchEventProc(Tcl_Event *evPtr, int flags);
static int	IsEventOf(Tcl_Event *evPtr, void *clientData);

void
SsLoopPrepare(void)
{
    SsNotifierPrepare();
}

void
SsLoopForked(void)
{
    SsNotifierForked(NestedProc);
    SsWaitsForget(!SsNotifierIsOurs());
}

int
SsLoopIsOurs(void)
{
    return SsNotifierIsOurs();
}

void
SsWatchInit(
    SsWatch *watchPtr,
    SsWatchProc *readyProc,
    void *clientData)
{
    memset(watchPtr, 0, sizeof(SsWatch));
    watchPtr->readyProc = readyProc;
    watchPtr->clientData = clientData;
    SsWaitInit(&watchPtr->wait);
}

void
SsWatchWant(
    SsWatch *watchPtr,
    int queueFd,
    int last)
{
    if (SsNotifierIsOurs()) {
	SsNotifierWatch(watchPtr, queueFd, last);
    } else {
	WatchNested(watchPtr, queueFd, last);
    }
}

/*
 * Such a wait is never exclusive: an epoll that another thing waits for is
 * told, and the next in the order of places, too.  Who was told in vain goes
 * behind, so that this happens no more than it must.
 */

static void
WatchNested(
    SsWatch *watchPtr,
    int queueFd,
    int last)
{
    SsWait *waitPtr = &watchPtr->wait;

    watchPtr->error = SsWaitOpen(waitPtr);
    if (watchPtr->error == 0) {
	watchPtr->error = SsWaitJoin(waitPtr, queueFd, 0,
		last || watchPtr->vain);
    }
    watchPtr->vain = 0;
    if (watchPtr->error != 0) {
	SsWatchFire(watchPtr);
    } else if (!waitPtr->watched) {
	waitPtr->watched = 1;
	Tcl_CreateFileHandler(waitPtr->pollFd, TCL_READABLE, NestedProc,
		watchPtr);
    }
}

static void
NestedProc(
    void *clientData,
    int mask)
{
    SsWatch *watchPtr = (SsWatch *) clientData;

    (void) mask;
    SsWatchStop(watchPtr);
    if (!watchPtr->fired) {
	watchPtr->readyProc(watchPtr->clientData);
    }
}

int
SsWatchError(
    SsWatch *watchPtr)
{
    int error = watchPtr->error;

    watchPtr->error = 0;
    return error;
}

void
SsWatchFire(
    SsWatch *watchPtr)
{
    WatchEvent *eventPtr;

    watchPtr->wanted = 0;
    if (!watchPtr->fired) {
	watchPtr->fired = 1;
	eventPtr = (WatchEvent *) Tcl_Alloc(sizeof(WatchEvent));
	eventPtr->header.proc = WatchEventProc;
	eventPtr->watchPtr = watchPtr;
	Tcl_QueueEvent(&eventPtr->header, TCL_QUEUE_TAIL);
    }
}

static int
WatchEventProc(
    Tcl_Event *evPtr,
    int flags)
{
    SsWatch *watchPtr = ((WatchEvent *) evPtr)->watchPtr;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    watchPtr->fired = 0;
    watchPtr->readyProc(watchPtr->clientData);
    return 1;
}

int
SsWatchFired(
    const SsWatch *watchPtr)
{
    return watchPtr->fired;
}

int
SsWatchReady(
    SsWatch *watchPtr)
{
    return watchPtr->fired || (watchPtr->wait.watched
	    && SsWaitSleep(&watchPtr->wait, 0, NULL) == SS_WAIT_READY);
}

void
SsWatchVain(
    SsWatch *watchPtr)
{
    watchPtr->vain = 1;
}

void
SsWatchStop(
    SsWatch *watchPtr)
{
    watchPtr->wanted = 0;
    if (watchPtr->wait.watched) {
	watchPtr->wait.watched = 0;
	Tcl_DeleteFileHandler(watchPtr->wait.pollFd);
    }
}

void
SsWatchClose(
    SsWatch *watchPtr)
{
    SsWatchStop(watchPtr);
    SsNotifierUnwatch(watchPtr);
    Tcl_DeleteEvents(IsEventOf, watchPtr);
    SsWaitClose(&watchPtr->wait);
}

static int
IsEventOf(
    Tcl_Event *evPtr,
    void *clientData)
{
    return evPtr->proc == WatchEventProc
	    && ((WatchEvent *) evPtr)->watchPtr == clientData;
}
