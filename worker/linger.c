/*
 * linger.c --
 *
 *	Channels that outlive their "close".  Nobody is told when Tcl has
 *	written the last byte and closes one, so an event loop that Tcl's own
 *	notifier runs, where that happens, looks at a few of them now and then.
 */

#include "linger.h"
#include "clock.h"
#include "connection.h"
#include "loop.h"

#include <tcl.h>

/*
 * How often it looks, in milliseconds.
 */

#define SOON 20

typedef struct ThreadData {
    int watching;
    int64_t looked;		/* When, as SsMilliseconds tells. */
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static void	SetupProc(void *clientData, int flags);
static void	ThreadExitProc(void *clientData);

void
SsLingerWatch(void)
{
    ThreadData *dataPtr;

    if (SsLoopIsOurs()) {
	return;
    }
    dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey, sizeof(ThreadData));
    if (!dataPtr->watching) {
	dataPtr->watching = 1;
	Tcl_CreateEventSource(SetupProc, NULL, dataPtr);
	Tcl_CreateThreadExitHandler(ThreadExitProc, dataPtr);
    }
}

/*
 * The event loop is about to wait.  It has run since it was here last, so
 * something may have been closed.
 */

static void
SetupProc(
    void *clientData,		/* The thread's data. */
    int flags)
{
    ThreadData *dataPtr = (ThreadData *) clientData;
    Tcl_Time left = { 0, 0 };
    int64_t passed;

    if (!(flags & TCL_FILE_EVENTS) || SsLoopIsOurs()
	    || SsConnectionsNote() == 0) {
	return;
    }
    passed = SsMilliseconds() - dataPtr->looked;
    if (passed >= SOON) {
	dataPtr->looked = SsMilliseconds();
	passed = 0;
	if (!SsConnectionsSweep()) {
	    return;
	}
    }
    left.usec = (long) (SOON - passed) * 1000;
    Tcl_SetMaxBlockTime(&left);
}

static void
ThreadExitProc(
    void *clientData)		/* The thread's data. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;

    dataPtr->watching = 0;
    Tcl_DeleteEventSource(SetupProc, NULL, dataPtr);
}
