/*
 * process_command.c --
 *
 *	The command ::socketserver::Process.
 */

#include "commands.h"
#include "arguments.h"
#include "clock.h"
#include "connection.h"
#include "identity.h"
#include "names.h"
#include "process.h"
#include "result.h"

#include <limits.h>

static SsSubcommandProc AccountSubcommand;
static SsSubcommandProc ClockSubcommand;
static SsSubcommandProc IdentitySubcommand;
static SsSubcommandProc KillSubcommand;
static SsSubcommandProc LingeringSubcommand;
static SsSubcommandProc UnwatchSubcommand;
static SsSubcommandProc WatchSubcommand;

const SsSubcommand ssProcessSubcommands[] = {
    { "account", AccountSubcommand, 1, 2, "user ?group?" },
    { "clock", ClockSubcommand, 0, 0, "" },
    { "identity", IdentitySubcommand, 1, 2, "user ?group?" },
    { "kill", KillSubcommand, 2, 2, "pid signal" },
    { "lingering", LingeringSubcommand, 0, 0, "" },
    { "unwatch", UnwatchSubcommand, 1, 1, "pid" },
    { "watch", WatchSubcommand, 2, 2, "pid cmdPrefix" },
    { NULL, NULL, 0, 0, NULL }
};

/*
 *----------------------------------------------------------------------
 *
 * WatchSubcommand, UnwatchSubcommand, KillSubcommand --
 *
 *	Process watch pid cmdPrefix; Process unwatch pid; Process kill pid
 *	signal
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	See process.h.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
WatchSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int pid;

    (void) objc;
    if (SsGetNumber(interp, objv[2], "pid", 1, INT_MAX, &pid) != TCL_OK
	    || SsCheckPrefix(interp, objv[3]) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsProcessWatch(interp, pid, objv[3]);
}

static int
UnwatchSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int pid;

    (void) objc;
    if (SsGetNumber(interp, objv[2], "pid", 1, INT_MAX, &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    SsProcessUnwatch(interp, pid);
    return TCL_OK;
}

static int
KillSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int pid, number;

    (void) objc;
    if (SsGetNumber(interp, objv[2], "pid", 1, INT_MAX, &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    number = SsSignalNumber(Tcl_GetString(objv[3]));
    if (number == 0) {
	return SsErrorOurs(interp, "USAGE", "there is no signal \"%.100s\"",
		Tcl_GetString(objv[3]));
    }
    return SsProcessKill(interp, pid, number);
}

/*
 *----------------------------------------------------------------------
 *
 * IdentitySubcommand, AccountSubcommand, ClockSubcommand,
 * LingeringSubcommand --
 *
 *	Process identity user ?group?; Process account user ?group?; Process
 *	clock; Process lingering
 *
 * Results:
 *	TCL_OK, the last two with milliseconds and a number as result, or
 *	TCL_ERROR.
 *
 * Side effects:
 *	See identity.h.
 *
 * Process:
 *	Worker; both; both; worker.
 *
 *----------------------------------------------------------------------
 */

static int
IdentitySubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    return SsIdentity(interp, Tcl_GetString(objv[2]),
	    (objc > 3) ? Tcl_GetString(objv[3]) : "");
}

static int
AccountSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    return SsIdentityKnown(interp, Tcl_GetString(objv[2]),
	    (objc > 3) ? Tcl_GetString(objv[3]) : "");
}

static int
ClockSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    (void) objc;
    (void) objv;
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(SsMilliseconds()));
    return TCL_OK;
}

static int
LingeringSubcommand(
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    (void) objc;
    (void) objv;
    Tcl_SetObjResult(interp, Tcl_NewIntObj(SsConnectionsLingering()));
    return TCL_OK;
}
