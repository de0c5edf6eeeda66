/*
 * supervise_command.c --
 *
 *	The command ::socketserver::Supervise, which asks Go what becomes of a
 *	pool's workers: text in, text out.  internal/supervise/text.go says
 *	what stands in it.
 */

#include "commands.h"
#include "arguments.h"
#include "gate.h"
#include "result.h"

#include <limits.h>
#include <stdlib.h>

static SsSubcommandProc EndSubcommand;
static SsSubcommandProc NewSubcommand;
static SsSubcommandProc StepSubcommand;

const SsSubcommand ssSuperviseSubcommands[] = {
    { "end", EndSubcommand, 1, 1, "id" },
    { "new", NewSubcommand, 1, 1, "config" },
    { "step", StepSubcommand, 2, 2, "id snapshot" },
    { NULL, NULL, 0, 0, NULL }
};

static int	Failed(Tcl_Interp *interp, const SsGoError *errorPtr);

/*
 *----------------------------------------------------------------------
 *
 * NewSubcommand, StepSubcommand, EndSubcommand --
 *
 *	Supervise new config; Supervise step id snapshot; Supervise end id
 *
 * Results:
 *	TCL_OK with a number, with what to do, or with nothing; or TCL_ERROR.
 *
 * Side effects:
 *	Go has one more supervisor, has taken a step, or has one fewer.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
NewSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    SsGoError error;
    int id;

    (void) objc;
    id = SsGateSuperviseNew(Tcl_GetString(objv[2]), &error);
    if (id < 0) {
	return Failed(interp, &error);
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(id));
    return TCL_OK;
}

static int
StepSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    SsGoError error;
    char *reply = NULL;		/* Go's, ours to free. */
    int id;

    (void) objc;
    if (SsGetNumber(interp, objv[2], "supervisor", 1, INT_MAX, &id)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    if (SsGateSuperviseStep(id, Tcl_GetString(objv[3]), &reply, &error) < 0) {
	return Failed(interp, &error);
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(reply, -1));
    free(reply);
    return TCL_OK;
}

static int
EndSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    SsGoError error;
    int id;

    (void) objc;
    if (SsGetNumber(interp, objv[2], "supervisor", 1, INT_MAX, &id)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    return (SsGateSuperviseEnd(id, &error) < 0) ? Failed(interp, &error)
	    : TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * Failed --
 *
 *	Makes Go's error Tcl's.
 *
 * Results:
 *	TCL_ERROR.
 *
 * Side effects:
 *	The interpreter's result and errorCode are set.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
Failed(
    Tcl_Interp *interp,
    const SsGoError *errorPtr)
{
    if (errorPtr->posix != 0) {
	return SsErrorPosix(interp, errorPtr->posix, "%s",
		errorPtr->message);
    }
    return SsErrorOurs(interp, "USAGE", "%s", errorPtr->message);
}
