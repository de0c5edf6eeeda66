/*
 * board_command.c --
 *
 *	The command ::socketserver::Board.
 */

#include "commands.h"
#include "arguments.h"
#include "board.h"
#include "clock.h"
#include "result.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * The names of an SsBoardState from SS_BOARD_STARTING on.
 */

static const char *const stateNames[] = {
    "starting", "idle", "busy", "retiring", NULL
};

static int
NoBoard(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr)		/* What the user called it. */
{
    return SsErrorOurs(interp, "NOBOARD", "there is no scoreboard \"%.100s\"",
	    Tcl_GetString(objPtr));
}

static int
GetBoard(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    int *boardPtr)		/* Set to one that exists. */
{
    if (Tcl_GetIntFromObj(NULL, objPtr, boardPtr) != TCL_OK
	    || SsBoardSize(*boardPtr) < 0) {
	return NoBoard(interp, objPtr);
    }
    return TCL_OK;
}

static int
GetSlot(
    Tcl_Interp *interp,
    Tcl_Obj *const objv[],	/* The board comes third, then the slot. */
    int *boardPtr,
    int *slotPtr)
{
    if (GetBoard(interp, objv[2], boardPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsGetNumber(interp, objv[3], "slot", 0,
	    SsBoardSize(*boardPtr) - 1, slotPtr);
}

static int
GetGeneration(Tcl_Interp *interp, Tcl_Obj *objPtr, int *generationPtr)
{
    return SsGetNumber(interp, objPtr, "generation", 0, INT_MAX,
	    generationPtr);
}

/* Of what only who has the slot may do: whether it was done. */

static int
CheckOwner(
    Tcl_Interp *interp,
    int slot,
    int code)			/* Below 0: it wasn't. */
{
    return (code >= 0) ? TCL_OK : SsErrorOurs(interp, "NOTOWNER",
	    "slot %d is not this process's: take it first", slot);
}

static int
CreateSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, count, error;

    if (SsGetNumber(interp, objv[2], "number of slots", 1, SS_BOARD_MOST,
	    &count) != TCL_OK) {
	return TCL_ERROR;
    }
    board = SsBoardCreate(count);
    if (board < 0) {
	error = errno;
	return SsErrorPosix(interp, error, "can't make a scoreboard: %s",
		strerror(error));
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(board));
    return TCL_OK;
}

static int
DestroySubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board;

    if (GetBoard(interp, objv[2], &board) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardDestroy(board);
    return TCL_OK;
}

static int
AssignSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot, pid, generation;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || SsGetNumber(interp, objv[4], "pid", 1, INT_MAX, &pid) != TCL_OK
	    || GetGeneration(interp, objv[5], &generation) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardAssign(board, slot, pid, generation);
    return TCL_OK;
}

static int
TakeSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot, generation;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || GetGeneration(interp, objv[4], &generation) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardTake(board, slot, generation,
	    (objc > 5) ? Tcl_GetString(objv[5]) : "");
    return TCL_OK;
}

static int
StateSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot, index;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || SsGetIndex(interp, objv[4], stateNames, "state", &index)
		    != TCL_OK) {
	return TCL_ERROR;
    }
    return CheckOwner(interp, slot,
	    SsBoardSet(board, slot, SS_BOARD_STARTING + index, NULL, 0));
}

static int
NoteSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK) {
	return TCL_ERROR;
    }
    return CheckOwner(interp, slot,
	    SsBoardSet(board, slot, SS_BOARD_FREE, Tcl_GetString(objv[4]), 0));
}

static int
DismissedSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK) {
	return TCL_ERROR;
    }
    return CheckOwner(interp, slot, SsBoardSet(board, slot, SS_BOARD_FREE, NULL, 1));
}

static int
ReleaseSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardRelease(board, slot);
    return TCL_OK;
}

static int
KillSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int board, slot, limit, killed, error;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || SsGetNumber(interp, objv[4], "number of milliseconds", 0,
		    INT_MAX, &limit) != TCL_OK) {
	return TCL_ERROR;
    }
    killed = SsBoardKillLate(board, slot, limit);
    if (killed < 0) {
	error = errno;
	return SsErrorPosix(interp, error, "can't kill the worker of slot"
		" %d: %s", slot, strerror(error));
    }
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(killed));
    return TCL_OK;
}

/* NULL: the slot is not in use. */

static Tcl_Obj *
Describe(int board, int slot)
{
    SsBoardEntry entry;
    Tcl_Obj *dictPtr;

    if (!SsBoardRead(board, slot, &entry)) {
	return NULL;
    }
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "slot", slot);
    SsPutNumber(dictPtr, "pid", entry.pid);
    SsPutNumber(dictPtr, "generation", entry.generation);
    SsPutText(dictPtr, "state", stateNames[entry.state - SS_BOARD_STARTING]);
    SsPutNumber(dictPtr, "started", entry.started);
    SsPutNumber(dictPtr, "since", entry.since);
    SsPutNumber(dictPtr, "age", SsMilliseconds() - entry.since);
    SsPutNumber(dictPtr, "served", (Tcl_WideInt) entry.served);
    SsPutText(dictPtr, "peer", entry.peer);
    SsPutNumber(dictPtr, "peerPort", entry.peerPort);
    SsPutText(dictPtr, "handler", entry.handler);
    if (entry.listener != 0) {
	SsPutNumber(dictPtr, "listener", entry.listener);
    }
    SsPutNumber(dictPtr, "connections", entry.connections);
    SsPutNumber(dictPtr, "dismissed", entry.dismissed);
    SsPutText(dictPtr, "note", entry.note);
    return dictPtr;
}

static int
ReadSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *listPtr, *dictPtr;
    int board, slot, count;

    if (objc > 3) {
	if (GetSlot(interp, objv, &board, &slot) != TCL_OK) {
	    return TCL_ERROR;
	}
	dictPtr = Describe(board, slot);
	Tcl_SetObjResult(interp,
		(dictPtr != NULL) ? dictPtr : Tcl_NewObj());
	return TCL_OK;
    }
    if (GetBoard(interp, objv[2], &board) != TCL_OK) {
	return TCL_ERROR;
    }
    listPtr = Tcl_NewListObj(0, NULL);
    count = SsBoardSize(board);
    for (slot = 0; slot < count; slot++) {
	dictPtr = Describe(board, slot);
	if (dictPtr != NULL) {
	    Tcl_ListObjAppendElement(NULL, listPtr, dictPtr);
	}
    }
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/*
 * Two words: how many connections the children of this process have served,
 * and a line for each child as internal/supervise/text.go reads it.
 */

static int
LinesSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *words[2], *textPtr;
    int64_t now = SsMilliseconds();
    Tcl_WideInt served = 0;
    SsBoardEntry entry;
    int board, slot, count;
    char line[160];

    if (GetBoard(interp, objv[2], &board) != TCL_OK) {
	return TCL_ERROR;
    }
    textPtr = Tcl_NewObj();
    count = SsBoardSize(board);
    for (slot = 0; slot < count; slot++) {
	if (!SsBoardIsAssigned(board, slot)
		|| !SsBoardRead(board, slot, &entry)) {
	    continue;
	}
	served += (Tcl_WideInt) entry.served;
	snprintf(line, sizeof(line), "worker %d %d %d %s %lld %d %llu %d\n",
		(int) entry.pid, slot, (int) entry.generation,
		stateNames[entry.state - SS_BOARD_STARTING],
		(long long) (now > entry.since ? now - entry.since : 0),
		(int) entry.connections, (unsigned long long) entry.served,
		(int) entry.dismissed);
	Tcl_AppendToObj(textPtr, line, -1);
    }
    words[0] = Tcl_NewWideIntObj(served);
    words[1] = textPtr;
    Tcl_SetObjResult(interp, Tcl_NewListObj(2, words));
    return TCL_OK;
}

const SsSubcommand ssBoardSubcommands[] = {
    { "assign", AssignSubcommand, 4, 4, "id slot pid generation" },
    { "create", CreateSubcommand, 1, 1, "n" },
    { "destroy", DestroySubcommand, 1, 1, "id" },
    { "dismissed", DismissedSubcommand, 2, 2, "id slot" },
    { "kill", KillSubcommand, 3, 3, "id slot ms" },
    { "lines", LinesSubcommand, 1, 1, "id" },
    { "note", NoteSubcommand, 3, 3, "id slot text" },
    { "read", ReadSubcommand, 1, 2, "id ?slot?" },
    { "release", ReleaseSubcommand, 2, 2, "id slot" },
    { "state", StateSubcommand, 3, 3, "id slot state" },
    { "take", TakeSubcommand, 3, 4, "id slot generation ?handler?" },
    { NULL, NULL, 0, 0, NULL }
};
