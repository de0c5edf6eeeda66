/*
 * linger.c --
 *
 *	Channels that outlive their "close".  Nobody is told when Tcl has
 *	written the last byte and closes one, so the event loop, where that
 *	happens, looks at what is open: not each time that it has run, which
 *	would cost much with many connections, but soon after.
 */

#include "linger.h"
#include "clock.h"
#include "connection.h"

#include <tcl.h>

/*
 * How long a channel that is closed may count as open, in milliseconds.
 */

#define SOON 20

typedef struct ThreadData {
    int watching;
    int64_t looked;		/* When, as SsMilliseconds tells. */
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static void	SetupProc(void *clientData, int flags);
static void	ThreadExitProc(void *clientData);

/*
 *----------------------------------------------------------------------
 *
 * SsLingerWatch --
 *
 *	See linger.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The thread has one more event source, until it ends.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsLingerWatch(void)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    if (!dataPtr->watching) {
	dataPtr->watching = 1;
	Tcl_CreateEventSource(SetupProc, NULL, dataPtr);
	Tcl_CreateThreadExitHandler(ThreadExitProc, dataPtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SetupProc --
 *
 *	The event loop is about to wait.  It has run since it was here last, so
 *	something may have been closed.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Looks, or sees to it that the event loop comes back for that.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
SetupProc(
    void *clientData,		/* The thread's data. */
    int flags)			/* What the event loop looks for. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;
    Tcl_Time left = { 0, 0 };
    int64_t passed;

    if (!(flags & TCL_FILE_EVENTS) || SsConnectionsNote() == 0) {
	return;
    }
    passed = SsMilliseconds() - dataPtr->looked;
    if (passed >= SOON) {
	SsConnectionsSweep();
	dataPtr->looked = SsMilliseconds();
    } else {
	left.usec = (long) (SOON - passed) * 1000;
	Tcl_SetMaxBlockTime(&left);
    }
}

static void
ThreadExitProc(
    void *clientData)		/* The thread's data. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;

    dataPtr->watching = 0;
    Tcl_DeleteEventSource(SetupProc, NULL, dataPtr);
}
