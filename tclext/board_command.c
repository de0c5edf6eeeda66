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
#include <string.h>

static SsSubcommandProc CreateSubcommand;
static SsSubcommandProc DestroySubcommand;
static SsSubcommandProc ReadSubcommand;
static SsSubcommandProc ReleaseSubcommand;
static SsSubcommandProc StateSubcommand;
static SsSubcommandProc TakeSubcommand;

const SsSubcommand ssBoardSubcommands[] = {
    { "create", CreateSubcommand, 1, 1, "n" },
    { "destroy", DestroySubcommand, 1, 1, "id" },
    { "read", ReadSubcommand, 1, 2, "id ?slot?" },
    { "release", ReleaseSubcommand, 2, 2, "id slot" },
    { "state", StateSubcommand, 3, 3, "id slot state" },
    { "take", TakeSubcommand, 3, 4, "id slot generation ?handler?" },
    { NULL, NULL, 0, 0, NULL }
};

/*
 * The names of an SsBoardState from SS_BOARD_STARTING on.
 */

static const char *const stateNames[] = {
    "starting", "idle", "busy", "retiring", NULL
};

static int	GetBoard(Tcl_Interp *interp, Tcl_Obj *objPtr, int *boardPtr);
static int	GetSlot(Tcl_Interp *interp, Tcl_Obj *const objv[],
		    int *boardPtr, int *slotPtr);
static int	NoBoard(Tcl_Interp *interp, Tcl_Obj *objPtr);
static Tcl_Obj *Describe(int board, int slot);

/*
 *----------------------------------------------------------------------
 *
 * CreateSubcommand, DestroySubcommand --
 *
 *	Board create n; Board destroy id
 *
 * Results:
 *	TCL_OK, the first with a board's number as result, or TCL_ERROR.
 *
 * Side effects:
 *	Shared memory comes and goes.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
CreateSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int board, count, error;

    (void) objc;
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
DestroySubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int board;

    (void) objc;
    if (GetBoard(interp, objv[2], &board) != TCL_OK) {
	return TCL_ERROR;
    }
    return (SsBoardDestroy(board) < 0) ? NoBoard(interp, objv[2]) : TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * TakeSubcommand, StateSubcommand, ReleaseSubcommand --
 *
 *	Board take id slot generation ?handler?; Board state id slot state;
 *	Board release id slot
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The slot changes.
 *
 * Process:
 *	Worker; worker; both.
 *
 *----------------------------------------------------------------------
 */

static int
TakeSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int board, slot, generation;

    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || SsGetNumber(interp, objv[4], "generation", 0, INT_MAX,
		    &generation) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardTake(board, slot, generation,
	    (objc > 5) ? Tcl_GetString(objv[5]) : "");
    return TCL_OK;
}

static int
StateSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int board, slot, index;

    (void) objc;
    if (GetSlot(interp, objv, &board, &slot) != TCL_OK
	    || SsGetIndex(interp, objv[4], stateNames, "state", &index)
		    != TCL_OK) {
	return TCL_ERROR;
    }
    if (SsBoardSetState(board, slot, SS_BOARD_STARTING + index) < 0) {
	return SsErrorOurs(interp, "NOTOWNER",
		"slot %d is not this process's: take it first", slot);
    }
    return TCL_OK;
}

static int
ReleaseSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int board, slot;

    (void) objc;
    if (GetSlot(interp, objv, &board, &slot) != TCL_OK) {
	return TCL_ERROR;
    }
    SsBoardRelease(board, slot);
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * ReadSubcommand --
 *
 *	Board read id ?slot?
 *
 * Results:
 *	TCL_OK with a list of dicts, or one dict, or TCL_ERROR.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static int
ReadSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
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
 *----------------------------------------------------------------------
 *
 * Describe --
 *
 *	What a slot says.
 *
 * Results:
 *	A new dict, or NULL: it is not in use.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static Tcl_Obj *
Describe(
    int board,
    int slot)
{
    SsBoardEntry entry;
    Tcl_Obj *dictPtr;

    SsBoardRead(board, slot, &entry);
    if (entry.state < SS_BOARD_STARTING || entry.state > SS_BOARD_RETIRING) {
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
    SsPutNumber(dictPtr, "connections", entry.connections);
    return dictPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * GetBoard, GetSlot, NoBoard --
 *
 *	Read the number of a board, and of a slot of it.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

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
NoBoard(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr)		/* What the user called it. */
{
    return SsErrorOurs(interp, "NOBOARD", "there is no scoreboard \"%.100s\"",
	    Tcl_GetString(objPtr));
}
