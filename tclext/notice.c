/*
 * notice.c --
 *
 *	What an accept loop has to tell the application while it runs.
 */

#include "notice.h"
#include "boundary.h"
#include "fork.h"
#include "result.h"
#include "service.h"

#include <string.h>

typedef struct NoticeEvent {
    Tcl_Event header;
    int handle;			/* Of the service. */
    int notice;			/* SS_NOTICE_... */
    int posix;			/* Why, an errno; 0: an internal error. */
} NoticeEvent;

static int	NoticeEventProc(Tcl_Event *evPtr, int flags);
static const char *Explain(int notice);

/*
 *----------------------------------------------------------------------
 *
 * SsNoticePost --
 *
 *	See notice.h.  The lock is held so that no fork happens while Tcl's
 *	allocator and event queue are in use by a thread that a child
 *	wouldn't have.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Queues an event for the thread that serves.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

void
SsNoticePost(
    int handle,
    int notice,
    int posix)
{
    NoticeEvent *eventPtr;
    Tcl_ThreadId thread;
    int port;

    SsForkLock();
    if (notice == SS_NOTICE_FAILED) {
	SsServeFailedLocked(handle);
    }
    if (SsServeOwnerLocked(handle, &thread, &port) != NULL) {
	eventPtr = (NoticeEvent *) Tcl_Alloc(sizeof(NoticeEvent));
	eventPtr->header.proc = NoticeEventProc;
	eventPtr->handle = handle;
	eventPtr->notice = notice;
	eventPtr->posix = posix;
	Tcl_ThreadQueueEvent(thread, &eventPtr->header, TCL_QUEUE_TAIL);
	Tcl_ThreadAlert(thread);
    }
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * NoticeEventProc --
 *
 *	Reports a notice in the thread that serves.
 *
 * Results:
 *	Whether the event is done.
 *
 * Side effects:
 *	A background error, if the interpreter still exists.
 *
 * Process:
 *	Server; in a forked child that got a copy of the event it does
 *	nothing.
 *
 *----------------------------------------------------------------------
 */

static int
NoticeEventProc(
    Tcl_Event *evPtr,
    int flags)
{
    NoticeEvent *eventPtr = (NoticeEvent *) evPtr;
    Tcl_Interp *interp;
    Tcl_ThreadId thread;
    int port;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    SsForkLock();
    interp = SsServeOwnerLocked(eventPtr->handle, &thread, &port);
    SsForkUnlock();
    if (interp == NULL || thread != Tcl_GetCurrentThread()) {
	return 1;
    }
    if (eventPtr->notice == SS_NOTICE_FAILED) {
	(void) SsServeClose(interp, port);
    }
    Tcl_ResetResult(interp);
    if (eventPtr->posix != 0) {
	SsErrorPosix(interp, eventPtr->posix, "port %d: %s: %s", port,
		Explain(eventPtr->notice), strerror(eventPtr->posix));
    } else {
	SsErrorOurs(interp, "SERVER", "port %d: %s: internal error", port,
		Explain(eventPtr->notice));
    }
    Tcl_BackgroundException(interp, TCL_ERROR);
    return 1;
}

/*
 *----------------------------------------------------------------------
 *
 * Explain --
 *
 *	Says what a notice means to the user.
 *
 * Results:
 *	A text.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static const char *
Explain(
    int notice)			/* SS_NOTICE_... */
{
    switch (notice) {
    case SS_NOTICE_PAUSED:
	return "accepting pauses, and goes on by itself";
    case SS_NOTICE_HELD:
	return "a connection can't be handed over yet and is held";
    default:
	return "accepting has ended and the port is closed; serve it again";
    }
}
