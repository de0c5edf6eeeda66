/*
 * timer_command.c --
 *
 *	The command ::socketserver::Timer: "after" on a clock that nobody sets.
 */

#include "commands.h"
#include "arguments.h"
#include "callback.h"
#include "fork.h"
#include "timer.h"

#include <limits.h>

#define ASSOC_KEY "socketserver::Timer"

/*
 * The timers of an interpreter, by number.
 */

typedef struct Timers {
    Tcl_Interp *interp;
    Tcl_HashTable table;	/* Of Timer. */
    int last;			/* The latest number. */
    int process;		/* Whose they are, as SsForkCount tells. */
} Timers;

typedef struct Timer {
    Tcl_HashEntry *entryPtr;
    Timers *timersPtr;
    Tcl_Obj *prefixPtr;		/* Evaluated when it fires. */
    SsTimer *tokenPtr;
} Timer;

static void
Delete(
    Timer *timerPtr)		/* Whose token is no more. */
{
    Tcl_DeleteHashEntry(timerPtr->entryPtr);
    Tcl_DecrRefCount(timerPtr->prefixPtr);
    Tcl_Free((char *) timerPtr);
}

/*
 * In a forked child the parent's tokens are left alone: SsTimersForget frees
 * what they stand for.
 */

static void
DeleteAll(Timers *timersPtr)
{
    Tcl_HashEntry *entryPtr;
    Tcl_HashSearch search;
    Timer *timerPtr;

    while ((entryPtr = Tcl_FirstHashEntry(&timersPtr->table, &search))
	    != NULL) {
	timerPtr = (Timer *) Tcl_GetHashValue(entryPtr);
	if (timersPtr->process == SsForkCount()) {
	    SsTimerCancel(timerPtr->tokenPtr);
	}
	Delete(timerPtr);
    }
}

static void
DeleteTimers(
    void *clientData,		/* An interpreter's timers. */
    Tcl_Interp *interp)		/* About to be deleted. */
{
    Timers *timersPtr = (Timers *) clientData;

    DeleteAll(timersPtr);
    Tcl_DeleteHashTable(&timersPtr->table);
    Tcl_Free((char *) timersPtr);
}

/* Makes them when first needed.  A forked child begins anew. */

static Timers *
GetTimers(Tcl_Interp *interp)
{
    Timers *timersPtr = (Timers *) Tcl_GetAssocData(interp, ASSOC_KEY, NULL);

    if (timersPtr == NULL) {
	timersPtr = (Timers *) Tcl_Alloc(sizeof(Timers));
	timersPtr->interp = interp;
	timersPtr->last = 0;
	timersPtr->process = SsForkCount();
	Tcl_InitHashTable(&timersPtr->table, TCL_ONE_WORD_KEYS);
	Tcl_SetAssocData(interp, ASSOC_KEY, DeleteTimers, timersPtr);
    } else if (timersPtr->process != SsForkCount()) {
	DeleteAll(timersPtr);
	timersPtr->process = SsForkCount();
    }
    return timersPtr;
}

static void
FireProc(
    void *clientData)		/* The timer. */
{
    Timer *timerPtr = (Timer *) clientData;
    Tcl_Interp *interp = timerPtr->timersPtr->interp;
    Tcl_Obj *prefixPtr = timerPtr->prefixPtr;

    Tcl_IncrRefCount(prefixPtr);
    Delete(timerPtr);
    SsCallbackEvaluate(interp, prefixPtr);
    Tcl_DecrRefCount(prefixPtr);
}

static int
StartSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Timers *timersPtr = GetTimers(interp);
    Timer *timerPtr;
    int milliseconds, isNew;

    if (SsGetNumber(interp, objv[2], "number of milliseconds", 0, INT_MAX,
	    &milliseconds) != TCL_OK
	    || SsCheckPrefix(interp, objv[3]) != TCL_OK) {
	return TCL_ERROR;
    }
    timerPtr = (Timer *) Tcl_Alloc(sizeof(Timer));
    timerPtr->timersPtr = timersPtr;
    timerPtr->tokenPtr = SsTimerStart(milliseconds, FireProc, timerPtr);
    timerPtr->prefixPtr = objv[3];
    Tcl_IncrRefCount(timerPtr->prefixPtr);
    do {
	timersPtr->last = timersPtr->last % INT_MAX + 1;
	timerPtr->entryPtr = Tcl_CreateHashEntry(&timersPtr->table,
		(void *) (intptr_t) timersPtr->last, &isNew);
    } while (!isNew);
    Tcl_SetHashValue(timerPtr->entryPtr, timerPtr);
    Tcl_SetObjResult(interp, Tcl_NewIntObj(timersPtr->last));
    return TCL_OK;
}

/* As with "after cancel", one that has fired or never was is no error. */

static int
CancelSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_HashEntry *entryPtr;
    Timer *timerPtr;
    int number;

    if (Tcl_GetIntFromObj(NULL, objv[2], &number) != TCL_OK) {
	return TCL_OK;
    }
    entryPtr = Tcl_FindHashEntry(&GetTimers(interp)->table,
	    (void *) (intptr_t) number);
    if (entryPtr != NULL) {
	timerPtr = (Timer *) Tcl_GetHashValue(entryPtr);
	SsTimerCancel(timerPtr->tokenPtr);
	Delete(timerPtr);
    }
    return TCL_OK;
}

const SsSubcommand ssTimerSubcommands[] = {
    { "cancel", CancelSubcommand, 1, 1, "id" },
    { "start", StartSubcommand, 2, 2, "ms cmdPrefix" },
    { NULL, NULL, 0, 0, NULL }
};
