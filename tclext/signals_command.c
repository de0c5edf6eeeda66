/*
 * signals_command.c --
 *
 *	The command ::socketserver::Signals.
 */

#include "commands.h"
#include "arguments.h"
#include "result.h"
#include "signals.h"

#include <signal.h>

/*
 * A signal that people send to steer a program; those that tell of a fault or
 * of a child are not for the event loop.
 */

static int
GetSignal(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    int *numberPtr)		/* Set. */
{
    int number = SsSignalNumber(Tcl_GetString(objPtr));

    switch (number) {
    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGTERM:
    case SIGTTIN:
    case SIGTTOU:
    case SIGUSR1:
    case SIGUSR2:
	*numberPtr = number;
	return TCL_OK;
    default:
	return SsBadValue(interp, objPtr, "signal",
		"HUP, INT, QUIT, TERM, TTIN, TTOU, USR1, or USR2");
    }
}

static int
CatchSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj **names;
    Tcl_Size i, count;
    int numbers[NSIG];

    if (Tcl_ListObjGetElements(interp, objv[2], &count, &names) != TCL_OK) {
	return SsUsageError(interp);
    }
    if (count >= NSIG) {
	return SsErrorOurs(interp, "USAGE", "too many signals");
    }
    for (i = 0; i < count; i++) {
	if (GetSignal(interp, names[i], &numbers[i]) != TCL_OK) {
	    return TCL_ERROR;
	}
    }
    if (SsCheckPrefix(interp, objv[3]) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsSignalsCatch(interp, (int) count, numbers, objv[3]);
}

static int
WorkerSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *prefixPtr = (objc > 2) ? objv[2] : NULL;

    if (prefixPtr != NULL && SsCheckPrefix(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsSignalsWorker(interp, prefixPtr);
}

static int
RestoreSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsSignalsRestore(interp);
    return TCL_OK;
}

static int
StoppingSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(SsSignalsStopping()));
    return TCL_OK;
}

const SsSubcommand ssSignalsSubcommands[] = {
    { "catch", CatchSubcommand, 2, 2, "names cmdPrefix" },
    { "restore", RestoreSubcommand, 0, 0, "" },
    { "stopping", StoppingSubcommand, 0, 0, "" },
    { "worker", WorkerSubcommand, 0, 1, "?cmdPrefix?" },
    { NULL, NULL, 0, 0, NULL }
};
