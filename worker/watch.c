#include "watch.h"

#include <string.h>

typedef struct WatchEvent {
    Tcl_Event header;
    SsWatch *watchPtr;
} WatchEvent;

static int	WatchEventProc(Tcl_Event *evPtr, int flags);
static int	IsEventOf(Tcl_Event *evPtr, void *clientData);

void
SsWatchInit(SsWatch *watchPtr, SsWatchProc *readyProc, void *clientData)
{
    memset(watchPtr, 0, sizeof(SsWatch));
    watchPtr->readyProc = readyProc;
    watchPtr->clientData = clientData;
    SsWaitInit(&watchPtr->wait);
}

void
SsWatchFire(SsWatch *watchPtr)
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
WatchEventProc(Tcl_Event *evPtr, int flags)
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
SsWatchFired(const SsWatch *watchPtr)
{
    return watchPtr->fired;
}

int
SsWatchError(SsWatch *watchPtr)
{
    int error = watchPtr->error;

    watchPtr->error = 0;
    return error;
}

void
SsWatchVain(SsWatch *watchPtr)
{
    watchPtr->vain = 1;
}

void
SsWatchForget(SsWatch *watchPtr)
{
    Tcl_DeleteEvents(IsEventOf, watchPtr);
    SsWaitClose(&watchPtr->wait);
}

static int
IsEventOf(Tcl_Event *evPtr, void *clientData)
{
    return evPtr->proc == WatchEventProc
	    && ((WatchEvent *) evPtr)->watchPtr == clientData;
}
