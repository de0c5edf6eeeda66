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

static int
NewSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCall call = {
	.name = "supervise new", .text = Tcl_GetString(words[0].objPtr)
    };

    return (SsAsk(&call) < 0) ? SsAskError(interp, &call)
	    : SsResultNumber(interp, call.numbers[0]);
}

static int
StepSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCall call = {
	.name = "supervise step", .numbers = { words[0].number },
	.text = Tcl_GetString(words[1].objPtr)
    };

    if (SsAsk(&call) < 0) {
	return SsAskError(interp, &call);
    }
    Tcl_SetObjResult(interp, Tcl_NewStringObj(call.reply, -1));
    free(call.reply);
    return TCL_OK;
}

static int
EndSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCall call = {
	.name = "supervise end", .numbers = { words[0].number }
    };

    return (SsAsk(&call) < 0) ? SsAskError(interp, &call) : TCL_OK;
}

static const SsKind kinds[] = {
    { "id", 1, INT_MAX, NULL },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssSuperviseSubcommands[] = {
    { "end", EndSubcommand, "id", kinds },
    { "new", NewSubcommand, "config", kinds },
    { "step", StepSubcommand, "id snapshot", kinds },
    { NULL, NULL, NULL, NULL }
};
