/*
 * connection_command.c --
 *
 *	The command ::socketserver::Connection.
 */

#include "commands.h"
#include "arguments.h"
#include "connection.h"
#include "keep.h"
#include "program.h"
#include "result.h"

#include <limits.h>

static int
ClosingSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const char *channel = Tcl_GetString(words[0].objPtr);

    return (SsConnectionWhenClosed(interp, channel, words[1].objPtr) == 0)
	    ? TCL_OK : SsErrorOurs(interp, "USAGE", "channel \"%s\" is no open"
	    " connection, or has such a command already", channel);
}

static int
CutSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp,
	    SsConnectionCut(Tcl_GetString(words[0].objPtr)) == 0);
}

static int
ExecSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsProgramServe(interp, Tcl_GetString(words[0].objPtr),
	    words[1].objPtr, words[2].number);
}

static int
KeepSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsConnectionKeep(interp, Tcl_GetString(words[0].objPtr));
}

static int
KeptSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp, SsConnectionKept());
}

static int
LingeringSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp, SsConnectionsLingering());
}

static int
ListenerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const char *channel = Tcl_GetString(words[0].objPtr);
    int number = SsConnectionListener(interp, channel);

    return (number >= 0) ? SsResultNumber(interp, number)
	    : SsErrorOurs(interp, "USAGE",
	    "channel \"%s\" is no open connection", channel);
}

static const SsKind kinds[] = {
    { "argv", 1, 0, SsPrefixKind },
    { "cmdPrefix", 1, 0, SsPrefixKind },
    { "fd", 3, INT_MAX, NULL },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssConnectionSubcommands[] = {
    { "closing", ClosingSubcommand, "channel cmdPrefix", kinds },
    { "cut", CutSubcommand, "channel", kinds },
    { "exec", ExecSubcommand, "channel argv fd", kinds },
    { "keep", KeepSubcommand, "channel", kinds },
    { "kept", KeptSubcommand, "", kinds },
    { "lingering", LingeringSubcommand, "", kinds },
    { "listener", ListenerSubcommand, "channel", kinds },
    { NULL, NULL, NULL, NULL }
};
