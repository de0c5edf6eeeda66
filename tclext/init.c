/*
 * init.c --
 *
 *	What happens when the library is loaded.
 */

#include "attached.h"
#include "board.h"
#include "commands.h"
#include "connection.h"
#include "control.h"
#include "dispositions.h"
#include "fork.h"
#include "leave.h"
#include "limit.h"
#include "lines.h"
#include "notifier.h"
#include "ports.h"
#include "result.h"
#include "serve.h"
#include "signals.h"
#include "start.h"

#include <pthread.h>
#include <signal.h>

/*
 * Constructors of a lower priority run earlier; those below 101 belong to the
 * compiler, and Go's has none, so it comes after ours.
 */

#define BEFORE_GO 101

static sigset_t loadersMask;	/* Signals blocked in the thread that loads. */
static int prepared = 0;	/* Whether Prepare succeeded; guarded by... */
static pthread_mutex_t prepareMutex = PTHREAD_MUTEX_INITIALIZER;

/*
 * Run when the library is loaded, before and after Go starts its first threads.
 * They inherit the mask of this thread, so that the application's signals never
 * reach them.  Constructors without a priority, such as Go's and the second of
 * these, run in the order in which they are linked, and cgo links Go first.
 */

static void __attribute__((constructor(BEFORE_GO)))
BeforeGo(void)
{
    sigset_t all;

    SsDispositionsSave();
    SsLimitSave();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &loadersMask);
}

static void __attribute__((constructor))
AfterGo(void)
{
    pthread_sigmask(SIG_SETMASK, &loadersMask, NULL);
}

/*
 * A forked child's last step before it goes on, between fork and exec perhaps:
 * what its parent asked for, received and started is not its own.
 */

static void
InChild(void)
{
    SsSignalsGiveBack();
    SsLimitForget();
    SsConnectionsForget();
    SsAttachedForget();
    SsLinesForget();
    SsBoardForget();
    SsLeaveForget();
    SsStartForget();
    SsControlForget();
    SsServeForget();
    SsPortsForget();
    SsNotifierForked();
    pthread_mutex_init(&prepareMutex, NULL);
}

/*
 * Makes sure of Tcl, and readies the process, once: Go has started, forks are
 * taken care of, signals are as the application had them.
 */

static int
Prepare(Tcl_Interp *interp)
{
    static const SsForkSteps steps = {
	SsNotifierBefore, SsNotifierAfter, SsNotifierClosing, InChild
    };
    int error = 0;

    if (Tcl_InitStubs(interp, "8.6-", 0) == NULL) {
	return TCL_ERROR;
    }
    pthread_mutex_lock(&prepareMutex);
    if (!prepared) {
	error = SsStartInit();
	if (error == 0) {
	    SsNotifierPrepare();
	    SsConnectionsPrepare();
	    error = SsForkInstall(&steps);
	}
	prepared = (error == 0);
    }
    pthread_mutex_unlock(&prepareMutex);
    if (error == 0) {
	error = SsNotifierBegin(interp);
    }
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't start socketserver: %m");
    }
    return TCL_OK;
}

typedef struct Command {
    const char *name;
    Tcl_ObjCmdProc *proc;
    const SsSubcommand *tablePtr;	/* What it is called with, or NULL. */
} Command;

static const Command commands[] = {
    { "::socketserver::socket", SsSubcommandObjCmd, ssSocketSubcommands },
    { "::socketserver::attach", SsAttachObjCmd, NULL },
    { "::socketserver::counter", SsSubcommandObjCmd, ssCounterSubcommands },
    { "::socketserver::fork", SsForkObjCmd, NULL },
    { "::socketserver::note", SsNoteObjCmd, NULL },
    { "::socketserver::Board", SsSubcommandObjCmd, ssBoardSubcommands },
    { "::socketserver::Connection", SsSubcommandObjCmd,
	ssConnectionSubcommands },
    { "::socketserver::Process", SsSubcommandObjCmd, ssProcessSubcommands },
    { "::socketserver::Queue", SsSubcommandObjCmd, ssQueueSubcommands },
    { "::socketserver::Signals", SsSubcommandObjCmd, ssSignalsSubcommands },
    { "::socketserver::Supervise", SsSubcommandObjCmd,
	ssSuperviseSubcommands },
    { "::socketserver::Timer", SsSubcommandObjCmd, ssTimerSubcommands },
    { NULL, NULL, NULL }
};

/* What Tcl calls when an interpreter loads the library. */

DLLEXPORT int
Socketserver_Init(Tcl_Interp *interp)
{
    const Command *commandPtr;

    if (Prepare(interp) != TCL_OK) {
	return TCL_ERROR;
    }
    for (commandPtr = commands; commandPtr->name != NULL; commandPtr++) {
	Tcl_CreateObjCommand(interp, commandPtr->name, commandPtr->proc,
		(void *) commandPtr->tablePtr, NULL);
    }
    return Tcl_PkgProvide(interp, "socketserver", PACKAGE_VERSION);
}

/* The same of a safe interpreter. */

DLLEXPORT int
Socketserver_SafeInit(Tcl_Interp *interp)
{
    if (Tcl_InitStubs(interp, "8.6-", 0) == NULL) {
	return TCL_ERROR;
    }
    return SsErrorOurs(interp, "SAFE",
	    "socketserver can't be loaded into a safe interpreter: load it"
	    " into the parent and alias what the safe one may do");
}
