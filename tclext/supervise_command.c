/*
 * supervise_command.c --
 *
 *	The command ::socketserver::Supervise, which asks Go what becomes of a
 *	pool's workers: text in, text out.  internal/supervise/text.go says
 *	what stands in it.
 */

#include "commands.h"
#include "arguments.h"
#include "control.h"

#include <limits.h>
#include <stdlib.h>

/* Asks it of one supervisor. */

static int
AskOf(Tcl_Interp *interp, Tcl_Obj *idPtr, SsCall *callPtr)
{
    int id;

    if (SsGetNumber(interp, idPtr, "supervisor", 1, INT_MAX, &id) != TCL_OK) {
	return TCL_ERROR;
    }
    callPtr->numbers[0] = id;
    return (SsAsk(callPtr) < 0) ? SsAskError(interp, callPtr) : TCL_OK;
}

static int
NewSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsCall call = {
	.name = "supervise new", .text = Tcl_GetString(objv[2])
    };

    if (SsAsk(&call) < 0) {
	return SsAskError(interp, &call);
    }
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(call.numbers[0]));
    return TCL_OK;
}

static int
StepSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsCall call = {
	.name = "supervise step", .text = Tcl_GetString(objv[3])
    };

    if (AskOf(interp, objv[2], &call) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(
	    (call.reply == NULL) ? "" : call.reply, -1));
    free(call.reply);
    return TCL_OK;
}

static int
EndSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsCall call = { .name = "supervise end" };

    return AskOf(interp, objv[2], &call);
}

const SsSubcommand ssSuperviseSubcommands[] = {
    { "end", EndSubcommand, 1, 1, "id" },
    { "new", NewSubcommand, 1, 1, "config" },
    { "step", StepSubcommand, 2, 2, "id snapshot" },
    { NULL, NULL, 0, 0, NULL }
};
