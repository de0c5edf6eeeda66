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
#include <unistd.h>

/* The names of an SsBoardState from SS_BOARD_STARTING on. */

static const char *const stateNames[] = {
    "starting", "idle", "busy", "retiring", NULL
};

static int
BoardKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    if (Tcl_GetIntFromObj(NULL, wordPtr->objPtr, &wordPtr->number) != TCL_OK
	    || SsBoardSize(wordPtr->number) < 0) {
	return SsErrorOurs(interp, "NOBOARD",
		"there is no scoreboard \"%.100s\"",
		Tcl_GetString(wordPtr->objPtr));
    }
    return TCL_OK;
}

/* Of the board before it. */

static int
SlotKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    return SsGetNumber(interp, wordPtr->objPtr, "slot", 0,
	    SsBoardSize(wordPtr[-1].number) - 1, &wordPtr->number);
}

static int
StateKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    return SsGetIndex(interp, wordPtr->objPtr, stateNames,
	    sizeof(stateNames[0]), "state", &wordPtr->number);
}

static int
CreateSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int board = SsBoardCreate(words[0].number);

    return (board >= 0) ? SsResultNumber(interp, board)
	    : SsErrorPosix(interp, errno, "can't make a scoreboard: %m");
}

static int
DestroySubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsBoardDestroy(words[0].number);
    return TCL_OK;
}

static int
AssignSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsBoardAssign(words[0].number, words[1].number, words[2].number,
	    words[3].number);
    return TCL_OK;
}

static int
TakeSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsBoardTake(words[0].number, words[1].number, getpid(), words[2].number,
	    Tcl_GetString(words[3].objPtr));
    return TCL_OK;
}

/* What is {} or 0 stays. */

static int
SetSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const char *trouble = Tcl_GetString(words[3].objPtr);

    return (SsBoardSet(words[0].number, words[1].number,
	    SS_BOARD_STARTING + words[2].number, trouble[0] ? trouble : NULL,
	    words[4].number) == 0) ? TCL_OK : SsErrorOurs(interp, "NOTOWNER",
	    "slot %d is not this process's: take it first", words[1].number);
}

static int
ReleaseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsBoardRelease(words[0].number, words[1].number);
    return TCL_OK;
}

static int
KillSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int killed = SsBoardKillLate(words[0].number, words[1].number,
	    words[2].number);

    return (killed >= 0) ? SsResultNumber(interp, killed)
	    : SsErrorPosix(interp, errno, "can't kill the worker of slot"
	    " %d: %m", words[1].number);
}

static int
ReadSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsBoardEntry entry;
    Tcl_Obj *dictPtr;

    if (!SsBoardRead(words[0].number, words[1].number, &entry)) {
	return TCL_OK;
    }
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "slot", words[1].number);
    SsPutNumber(dictPtr, "pid", entry.pid);
    SsPutNumber(dictPtr, "generation", entry.generation);
    SsPutText(dictPtr, "state", stateNames[entry.state - SS_BOARD_STARTING]);
    SsPutNumber(dictPtr, "started", entry.started);
    SsPutNumber(dictPtr, "since", entry.since);
    SsPutNumber(dictPtr, "age", SsMilliseconds() - entry.since);
    SsPutNumber(dictPtr, "served", (Tcl_WideInt) entry.served);
    SsPutNumber(dictPtr, "taken", (Tcl_WideInt) entry.taken);
    SsPutNumber(dictPtr, "waited", (Tcl_WideInt) entry.waited);
    SsPutText(dictPtr, "peer", entry.peer);
    SsPutNumber(dictPtr, "peerPort", entry.peerPort);
    SsPutText(dictPtr, "handler", entry.handler);
    if (entry.listener != 0) {
	SsPutNumber(dictPtr, "listener", entry.listener);
    }
    SsPutNumber(dictPtr, "connections", entry.connections);
    SsPutNumber(dictPtr, "dismissed", entry.dismissed);
    SsPutText(dictPtr, "trouble", entry.trouble);
    SsPutText(dictPtr, "note", entry.note);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

/*
 * Three words: how many connections the children of this process have served,
 * a line for each child as internal/supervise/text.go reads it, and when that
 * was, so that ages and time agree.
 */

static int
LinesSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_Obj *result[3], *textPtr = Tcl_NewObj();
    int64_t now = SsMilliseconds();
    Tcl_WideInt served = 0;
    SsBoardEntry entry;
    int board = words[0].number, count = SsBoardSize(board), slot;
    char line[160];

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
    result[0] = Tcl_NewWideIntObj(served);
    result[1] = textPtr;
    result[2] = Tcl_NewWideIntObj(now);
    Tcl_SetObjResult(interp, Tcl_NewListObj(3, result));
    return TCL_OK;
}

static const SsKind kinds[] = {
    { "id", 0, 0, BoardKind },
    { "slot", 0, 0, SlotKind },
    { "slots", 1, SS_BOARD_MOST, NULL },
    { "pid", 1, INT_MAX, NULL },
    { "generation", 0, INT_MAX, NULL },
    { "state", 0, 0, StateKind },
    { "dismissed", 0, 1, NULL },
    { "ms", 0, INT_MAX, NULL },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssBoardSubcommands[] = {
    { "assign", AssignSubcommand, "id slot pid generation", kinds },
    { "create", CreateSubcommand, "slots", kinds },
    { "destroy", DestroySubcommand, "id", kinds },
    { "kill", KillSubcommand, "id slot ms", kinds },
    { "lines", LinesSubcommand, "id", kinds },
    { "read", ReadSubcommand, "id slot", kinds },
    { "release", ReleaseSubcommand, "id slot", kinds },
    { "set", SetSubcommand, "id slot state trouble dismissed", kinds },
    { "take", TakeSubcommand, "id slot generation handler", kinds },
    { NULL, NULL, NULL, NULL }
};
