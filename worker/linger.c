#include "linger.h"
#include "clock.h"
#include "loop.h"

#include <tcl.h>

#define SOON 20			/* How often it looks, in milliseconds. */

typedef struct ThreadData {
    int watching;
    int64_t looked;		/* When, as SsMilliseconds tells. */
    int (*noteProc)(void);
    int (*sweepProc)(void);
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static void	SetupProc(void *clientData, int flags);
static void	ThreadExitProc(void *clientData);

void
SsLingerWatch(int (*noteProc)(void), int (*sweepProc)(void))
{
    ThreadData *dataPtr;

    if (SsLoopIsOurs()) {
	return;
    }
    dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey, sizeof(ThreadData));
    if (!dataPtr->watching) {
	dataPtr->watching = 1;
	dataPtr->noteProc = noteProc;
	dataPtr->sweepProc = sweepProc;
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
	    || dataPtr->noteProc() == 0) {
	return;
    }
    passed = SsMilliseconds() - dataPtr->looked;
    if (passed >= SOON) {
	dataPtr->looked = SsMilliseconds();
	passed = 0;
	if (!dataPtr->sweepProc()) {
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
