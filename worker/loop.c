#include "loop.h"
#include "limit.h"
#include "notifier.h"

static void	WatchNested(SsWatch *watchPtr, int queueFd, int last);
static void	NestedProc(void *clientData, int mask);

void
SsLoopPrepare(void)
{
    SsNotifierPrepare();
}

void
SsLoopForked(void)
{
    SsNotifierForked(NestedProc);
    if (SsNotifierIsOurs()) {
	SsDescriptorsUnbound();
    }
    SsWaitsForget(!SsNotifierIsOurs());
}

int
SsLoopIsOurs(void)
{
    return SsNotifierIsOurs();
}

void
SsWatchWant(SsWatch *watchPtr, int queueFd, int last)
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
WatchNested(SsWatch *watchPtr, int queueFd, int last)
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
NestedProc(void *clientData, int mask)
{
    SsWatch *watchPtr = (SsWatch *) clientData;

    (void) mask;
    SsWatchStop(watchPtr);
    if (!watchPtr->fired) {
	watchPtr->readyProc(watchPtr->clientData);
    }
}

int
SsWatchReady(SsWatch *watchPtr)
{
    return watchPtr->fired || (watchPtr->wait.watched
	    && SsWaitSleep(&watchPtr->wait, 0, NULL) == SS_WAIT_READY);
}

void
SsWatchStop(SsWatch *watchPtr)
{
    watchPtr->wanted = 0;
    if (watchPtr->wait.watched) {
	watchPtr->wait.watched = 0;
	Tcl_DeleteFileHandler(watchPtr->wait.pollFd);
    }
}

void
SsWatchClose(SsWatch *watchPtr)
{
    SsWatchStop(watchPtr);
    SsNotifierUnwatch(watchPtr);
    SsWatchForget(watchPtr);
}
