/*
 * fork_command.c --
 *
 *	The command ::socketserver::fork, and the fork of a worker.
 */

#include "commands.h"
#include "arguments.h"
#include "control.h"
#include "group.h"
#include "process.h"
#include "quit.h"
#include "result.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/*
 * Writes out what a standard channel holds back, or both processes would write
 * it.
 */

static int
FlushStandard(
    Tcl_Interp *interp,
    int type,			/* TCL_STDOUT or TCL_STDERR. */
    const char *name)		/* What the user calls it. */
{
    Tcl_Channel channel = Tcl_GetStdChannel(type);
    int error;

    if (channel == NULL || !(Tcl_GetChannelMode(channel) & TCL_WRITABLE)
	    || Tcl_Flush(channel) == TCL_OK) {
	return TCL_OK;
    }
    error = Tcl_GetErrno();
    return SsErrorPosix(interp, error, "can't flush %s before the fork: %s",
	    name, strerror(error));
}

/*
 * Signals are blocked until the child's fork handler has given the
 * application's dispositions back.
 */

static int
Fork(
    Tcl_Interp *interp,
    pid_t *pidPtr)		/* Set to the child's; in the child to 0. */
{
    sigset_t all, before;
    int error;

    if (FlushStandard(interp, TCL_STDOUT, "stdout") != TCL_OK
	    || FlushStandard(interp, TCL_STDERR, "stderr") != TCL_OK) {
	return TCL_ERROR;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    *pidPtr = fork();
    error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (*pidPtr < 0) {
	return SsErrorPosix(interp, error, "can't fork: %s",
		strerror(error));
    }
    if (*pidPtr == 0) {
	SsProcessesForget();
	SsSignalsRestore(interp);
	SsControlTidy();
    }
    return TCL_OK;
}

int
SsForkObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    pid_t pid;

    if (objc != 1) {
	return SsWrongArgs(interp, 1, objv, "");
    }
    if (Fork(interp, &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj((int) pid));
    return TCL_OK;
}

int
SsSpawn(Tcl_Interp *interp, Tcl_Obj *prefixPtr, pid_t *pidPtr)
{
    int status = 1;
    int code;

    if (Fork(interp, pidPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    SsGroupLead(*pidPtr);
    if (*pidPtr > 0) {
	return TCL_OK;
    }
    Tcl_IncrRefCount(prefixPtr);
    code = Tcl_EvalObjEx(interp, prefixPtr,
	    TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
    if (code != TCL_OK) {
	SsQuitSoon(status);
	Tcl_BackgroundException(interp, code);
	while (Tcl_DoOneEvent(TCL_IDLE_EVENTS | TCL_DONT_WAIT)) {
	    /* The application hears of it. */
	}
    } else if (Tcl_GetIntFromObj(NULL, Tcl_GetObjResult(interp), &status)
	    != TCL_OK) {
	status = 1;
    }
    SsQuit(interp, status);
}
