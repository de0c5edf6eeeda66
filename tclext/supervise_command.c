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
#include <stdio.h>

/* The last word is a text; that before it, or that itself, may be a number. */

static int
AskSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const SsWord *lastPtr = (words[1].objPtr != NULL) ? &words[1] : words;
    char request[40];
    SsCall call = {
	.name = request, .numbers = { words[0].number },
	.text = Tcl_GetString(lastPtr->objPtr)
    };

    snprintf(request, sizeof(request), "supervise %s", name);
    return SsAsk(interp, &call);
}

static const SsKind kinds[] = {
    { "id", 1, INT_MAX, NULL },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssSuperviseSubcommands[] = {
    { "end", AskSubcommand, "id", kinds },
    { "new", AskSubcommand, "config", kinds },
    { "step", AskSubcommand, "id snapshot", kinds },
    { NULL, NULL, NULL, NULL }
};
