/*
 * signals_command.c --
 *
 *	The command ::socketserver::Signals.
 */

#include "commands.h"
#include "arguments.h"
#include "signals.h"

static int
CatchSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsSignalsCatch(interp, words[0].objPtr, 0);
}

static int
WorkerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsSignalsCatch(interp, words[0].objPtr, 1);
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
    { "worker", WorkerSubcommand, "cmdPrefix", kinds },
    { NULL, NULL, NULL, NULL }
};
