#include "leave.h"
#include "callback.h"
#include "fork.h"

#include <stddef.h>

/* All guarded by the fork lock. */

static int engagements = 0;	/* What engages the process. */
static Tcl_Interp *leavingInterp = NULL;
				/* Evaluates exit, or NULL: stay. */
static Tcl_ThreadId leavingThread;
				/* Its thread. */

void
SsEngage(void)
{
    SsForkLock();
    engagements++;
    SsForkUnlock();
}

/*
 * Evaluates exit, so that an application that has wrapped it to tidy up has its
 * way, if still nothing engages the process.
 */
static int
LeaveEventProc(Tcl_Event *evPtr, int flags)
{
    Tcl_Interp *interp = NULL;
    int code;

    (void) evPtr;
    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    SsForkLock();
    if (engagements == 0 && leavingInterp != NULL) {
	interp = leavingInterp;
	leavingInterp = NULL;
    }
    SsForkUnlock();
    if (interp == NULL) {
	return 1;
    }
    Tcl_Preserve(interp);
    code = Tcl_EvalEx(interp, "::exit 0", -1, TCL_EVAL_GLOBAL);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
    return 1;
}

/* Lets the thread that should leave look whether it can. */
static void
AlertLocked(void)
{
    Tcl_Event *eventPtr;

    if (leavingInterp == NULL || engagements > 0) {
	return;
    }
    eventPtr = (Tcl_Event *) Tcl_Alloc(sizeof(Tcl_Event));
    eventPtr->proc = LeaveEventProc;
    Tcl_ThreadQueueEvent(leavingThread, eventPtr, TCL_QUEUE_TAIL);
    Tcl_ThreadAlert(leavingThread);
}

void
SsDisengage(void)
{
    SsForkLock();
    engagements--;
    AlertLocked();
    SsForkUnlock();
}

int
SsEngagements(void)
{
    int number;

    SsForkLock();
    number = engagements;
    SsForkUnlock();
    return number;
}

int
SsWorkerEnd(
    Tcl_Interp *interp,		/* Of this thread. */
    int inherited,		/* Whether the server is another process. */
    Tcl_Obj *closedPtr)		/* What -closed gave, or NULL. */
{
    if (closedPtr != NULL) {
	if (Tcl_GetCharLength(closedPtr) == 0) {
	    return 0;
	}
	SsCallbackTell(interp, closedPtr, NULL);
	return 1;
    }
    if (inherited) {
	SsForkLock();
	leavingInterp = interp;
	leavingThread = Tcl_GetCurrentThread();
	AlertLocked();
	SsForkUnlock();
    }
    return inherited;
}

int
SsLeaving(void)
{
    int leaving;

    SsForkLock();
    leaving = (leavingInterp != NULL);
    SsForkUnlock();
    return leaving;
}

void
SsLeaveNever(
    Tcl_Interp *interp)		/* About to be deleted. */
{
    SsForkLock();
    if (leavingInterp == interp) {
	leavingInterp = NULL;
    }
    SsForkUnlock();
}

void
SsLeaveForget(void)
{
    engagements = 0;
    leavingInterp = NULL;
}
