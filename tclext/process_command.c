/*
 * process_command.c --
 *
 *	The command ::socketserver::Process.
 */

#include "commands.h"
#include "arguments.h"
#include "clock.h"
#include "connection.h"
#include "group.h"
#include "identity.h"
#include "limit.h"
#include "process.h"
#include "result.h"
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define TITLE_SIZE 16		/* What the system keeps, NUL included. */

static int
GetPid(Tcl_Interp *interp, Tcl_Obj *objPtr, int *pidPtr)
{
    return SsGetNumber(interp, objPtr, "pid", 1, INT_MAX, pidPtr);
}

static int
GetPidAndSignal(
    Tcl_Interp *interp,
    Tcl_Obj *const objv[],	/* They come third and fourth. */
    int *pidPtr,
    int *numberPtr)
{
    if (GetPid(interp, objv[2], pidPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    *numberPtr = SsSignalNumber(Tcl_GetString(objv[3]));
    if (*numberPtr == 0) {
	return SsBadValue(interp, objv[3], "signal", "the name of a signal");
    }
    return TCL_OK;
}

static int
WatchSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int pid;

    if (GetPid(interp, objv[2], &pid) != TCL_OK
	    || SsCheckPrefix(interp, objv[3]) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsProcessWatch(interp, pid, objv[3]);
}

static int
UnwatchSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int pid;

    if (GetPid(interp, objv[2], &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    SsProcessUnwatch(interp, pid);
    return TCL_OK;
}

static int
KillSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int pid, number;

    if (GetPidAndSignal(interp, objv, &pid, &number) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsProcessKill(interp, pid, number);
}

static int
KillGroupSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int pid, number, error;

    if (GetPidAndSignal(interp, objv, &pid, &number) != TCL_OK) {
	return TCL_ERROR;
    }
    if (SsGroupKill(pid, number) < 0) {
	error = errno;
	return SsErrorPosix(interp, error, "can't send a signal to process"
		" %d and its group: %s", pid, strerror(error));
    }
    return TCL_OK;
}

static int
PauseSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int milliseconds;

    if (SsGetNumber(interp, objv[2], "number of milliseconds", 0, INT_MAX,
	    &milliseconds) != TCL_OK) {
	return TCL_ERROR;
    }
    poll(NULL, 0, milliseconds);
    return TCL_OK;
}

static int
SpawnSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    pid_t pid;

    if (SsCheckPrefix(interp, objv[2]) != TCL_OK
	    || SsSpawn(interp, objv[2], &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj((int) pid));
    return TCL_OK;
}

static int
TitleSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    char before[TITLE_SIZE] = "", title[TITLE_SIZE];

    snprintf(title, sizeof(title), "%s", Tcl_GetString(objv[2]));
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, title);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(before, -1));
    return TCL_OK;
}

static int
IdentitySubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    return SsIdentity(interp, Tcl_GetString(objv[2]),
	    (objc > 3) ? Tcl_GetString(objv[3]) : "");
}

static int
AccountSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    return SsIdentityKnown(interp, Tcl_GetString(objv[2]),
	    (objc > 3) ? Tcl_GetString(objv[3]) : "");
}

static int
ClockSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(SsMilliseconds()));
    return TCL_OK;
}

static int
LingeringSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_SetObjResult(interp, Tcl_NewIntObj(SsConnectionsLingering()));
    return TCL_OK;
}

static int
LimitSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *dictPtr;
    int wanted, limit, open, error;

    if (objc > 2) {
	if (SsGetNumber(interp, objv[2], "limit", 1, INT_MAX, &wanted)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	if (SsLimitRaise(wanted) < 0) {
	    error = errno;
	    return SsErrorPosix(interp, error,
		    "can't raise the limit of descriptors: %s",
		    strerror(error));
	}
    }
    error = SsLimitGet(&limit, &open);
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't count descriptors: %s",
		strerror(error));
    }
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "limit", limit);
    SsPutNumber(dictPtr, "open", open);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

const SsSubcommand ssProcessSubcommands[] = {
    { "account", AccountSubcommand, 1, 2, "user ?group?" },
    { "clock", ClockSubcommand, 0, 0, "" },
    { "identity", IdentitySubcommand, 1, 2, "user ?group?" },
    { "kill", KillSubcommand, 2, 2, "pid signal" },
    { "killgroup", KillGroupSubcommand, 2, 2, "pid signal" },
    { "limit", LimitSubcommand, 0, 1, "?wanted?" },
    { "lingering", LingeringSubcommand, 0, 0, "" },
    { "pause", PauseSubcommand, 1, 1, "ms" },
    { "spawn", SpawnSubcommand, 1, 1, "cmdPrefix" },
    { "title", TitleSubcommand, 1, 1, "text" },
    { "unwatch", UnwatchSubcommand, 1, 1, "pid" },
    { "watch", WatchSubcommand, 2, 2, "pid cmdPrefix" },
    { NULL, NULL, 0, 0, NULL }
};
