/*
 * process_command.c --
 *
 *	The command ::socketserver::Process.
 */

#include "commands.h"
#include "arguments.h"
#include "clock.h"
#include "group.h"
#include "identity.h"
#include "limit.h"
#include "lines.h"
#include "process.h"
#include "result.h"
#include "run.h"
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define TITLE_SIZE 16		/* What the system keeps, NUL included. */

static int
SignalKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    wordPtr->number = SsSignalNumber(Tcl_GetString(wordPtr->objPtr));
    return (wordPtr->number != 0) ? TCL_OK : SsBadValue(interp,
	    wordPtr->objPtr, "signal", "the name of a signal");
}

static int
WatchSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsProcessWatch(interp, words[0].number, words[1].objPtr);
}

static int
RunSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsRun(interp, words[0].objPtr,
	    (words[1].objPtr != NULL) ? words[1].number : -1);
}

static int
HearSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsLinesOpen(interp, words[0].objPtr);
}

static int
UnhearSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsLinesClose(interp, words[0].number);
}

static int
KillSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return (SsGroupKill(words[0].number, words[1].number) == 0) ? TCL_OK
	    : SsErrorPosix(interp, errno, "can't send a signal to process %d"
	    " and its group: %m", words[0].number);
}

/* Not to its group, as "kill": what it has started may not expect it. */

static int
SignalSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return (kill(words[0].number, words[1].number) == 0) ? TCL_OK
	    : SsErrorPosix(interp, errno, "can't send a signal to process %d:"
	    " %m", words[0].number);
}

static int
PauseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    poll(NULL, 0, words[0].number);
    return TCL_OK;
}

static int
TitleSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    char before[TITLE_SIZE] = "", title[TITLE_SIZE];

    snprintf(title, sizeof(title), "%s", Tcl_GetString(words[0].objPtr));
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, title);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(before, -1));
    return TCL_OK;
}

static int
IdentitySubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsIdentity(interp, Tcl_GetString(words[0].objPtr),
	    Tcl_GetString(words[1].objPtr), strcmp(name, "identity") == 0);
}

static int
ClockSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp, SsMilliseconds());
}

static int
RaiseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int limit = SsLimitRaise(words[0].number);

    return (limit >= 0) ? SsResultNumber(interp, limit)
	    : SsErrorPosix(interp, errno,
	    "can't raise the limit of descriptors: %m");
}

static int
LimitSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int limit, open;

    SsLimitGet(&limit, &open);
    Tcl_SetObjResult(interp,
	    Tcl_ObjPrintf("limit %d open %d", limit, open));
    return TCL_OK;
}

static int
ArgvKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    Tcl_Size count;

    return (Tcl_ListObjLength(NULL, wordPtr->objPtr, &count) == TCL_OK
	    && count > 0) ? TCL_OK : SsBadValue(interp, wordPtr->objPtr,
	    kindPtr->name, "a list of a program and its arguments");
}

static const SsKind kinds[] = {
    { "argv", 0, 0, ArgvKind },
    { "cmdPrefix", 1, 0, SsPrefixKind },
    { "fd", 3, INT_MAX, NULL },
    { "limit", 1, INT_MAX, NULL },
    { "ms", 0, INT_MAX, NULL },
    { "pid", 1, INT_MAX, NULL },
    { "signal", 0, 0, SignalKind },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssProcessSubcommands[] = {
    { "account", IdentitySubcommand, "user group", kinds },
    { "clock", ClockSubcommand, "", kinds },
    { "hear", HearSubcommand, "cmdPrefix", kinds },
    { "identity", IdentitySubcommand, "user group", kinds },
    { "kill", KillSubcommand, "pid signal", kinds },
    { "limit", LimitSubcommand, "", kinds },
    { "pause", PauseSubcommand, "ms", kinds },
    { "raise", RaiseSubcommand, "limit", kinds },
    { "run", RunSubcommand, "argv ?fd?", kinds },
    { "signal", SignalSubcommand, "pid signal", kinds },
    { "spawn", SsSpawn, "cmdPrefix", kinds },
    { "title", TitleSubcommand, "text", kinds },
    { "unhear", UnhearSubcommand, "fd", kinds },
    { "watch", WatchSubcommand, "pid cmdPrefix", kinds },
    { NULL, NULL, NULL, NULL }
};
