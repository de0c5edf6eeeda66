/* The command ::socketserver::fork, and the fork of a worker. */

#include "commands.h"
#include "arguments.h"
#include "control.h"
#include "fork.h"
#include "group.h"
#include "notifier.h"
#include "process.h"
#include "quit.h"
#include "result.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
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

    if (channel == NULL || !(Tcl_GetChannelMode(channel) & TCL_WRITABLE)
	    || Tcl_Flush(channel) == TCL_OK) {
	return TCL_OK;
    }
    return SsErrorPosix(interp, Tcl_GetErrno(),
	    "can't flush %s before the fork: %m", name);
}

/* The child would have no event loop of its own. */
static int
Refused(
    Tcl_Interp *interp,
    int error)			/* As of SsForkProcess. */
{
    if (error == ENOSYS) {
	return SsErrorOurs(interp, "NOREPAIR",
		"can't fork: with Tcl 9 a child needs /proc to have an event"
		" loop of its own; mount it before this package is loaded");
    }
    return SsErrorPosix(interp, error,
	    "can't fork: no event loop for the child, which needs two more"
	    " descriptors: %m");
}

/*
 * The result is the pid.  Signals are blocked until the child's fork handler
 * has given the application's dispositions back.
 */
static int
Fork(
    Tcl_Interp *interp,
    pid_t *pidPtr)		/* Set to the child's; in the child to 0. */
{
    sigset_t all, before;
    int error, refused;

    if (FlushStandard(interp, TCL_STDOUT, "stdout") != TCL_OK
	    || FlushStandard(interp, TCL_STDERR, "stderr") != TCL_OK) {
	return TCL_ERROR;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    *pidPtr = SsForkProcess(&refused);
    error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refused) {
	return Refused(interp, error);
    }
    SsNotifierShared();
    if (*pidPtr < 0) {
	return SsErrorPosix(interp, error, "can't fork: %m");
    }
    if (*pidPtr == 0) {
	SsProcessesForget();
	SsSignalsRestore(interp);
	SsControlTidy();
    }
    return SsResultNumber(interp, *pidPtr);
}

int
SsForkObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    pid_t pid;

    return (objc == 1) ? Fork(interp, &pid)
	    : SsWrongArgs(interp, 1, objv, "");
}

int
SsSpawn(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int status = 1;
    pid_t pid;
    int code;

    if (Fork(interp, &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    SsGroupLead(pid);
    if (pid > 0) {
	return TCL_OK;
    }
    Tcl_IncrRefCount(words[0].objPtr);
    code = Tcl_EvalObjEx(interp, words[0].objPtr,
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
