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

static int
CatchSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsSignalsCatch(interp, words[0].objPtr, 0, NULL);
}

/* Reads which signals a worker wants; those that steer can be had. */

static int
GetNames(Tcl_Interp *interp, Tcl_Obj *listPtr, int wanted[NSIG])
{
    Tcl_Obj **names;
    Tcl_Size i, count;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &names) != TCL_OK) {
	return SsUsageError(interp);
    }
    for (i = 0; i < count && i < NSIG - 1; i++) {
	wanted[i] = SsSignalNumber(Tcl_GetString(names[i]));
	if (!SsSignalsSteer(wanted[i])) {
	    return SsBadValue(interp, names[i], "signal",
		    "TERM, INT, HUP, TTIN, TTOU, USR1 or USR2");
	}
    }
    wanted[i] = 0;
    return TCL_OK;
}

static int
WorkerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int wanted[NSIG] = { 0 };

    if (words[1].objPtr != NULL
	    && GetNames(interp, words[1].objPtr, wanted) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsSignalsCatch(interp, words[0].objPtr, 1, wanted);
}

static int
RestoreSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsSignalsRestore(interp);
    return TCL_OK;
}

static const SsKind kinds[] = {
    { "cmdPrefix", 1, 0, SsPrefixKind },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssSignalsSubcommands[] = {
    { "catch", CatchSubcommand, "cmdPrefix", kinds },
    { "restore", RestoreSubcommand, "", kinds },
    { "worker", WorkerSubcommand, "cmdPrefix ?names?", kinds },
    { NULL, NULL, NULL, NULL }
};
