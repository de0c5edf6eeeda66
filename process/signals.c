/*
 * Signals that steer a server or a worker.
 *
 * A handler does next to nothing: it writes the signal's number to a pipe,
 * whose other end the event loop reads.
 */

#include "signals.h"
#include "callback.h"
#include "fork.h"
#include "limit.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASSOC_KEY "socketserver::Signals"

typedef struct Catcher {	/* Who hears of signals in this process. */
    Tcl_Interp *interp;		/* NULL: nobody. */
    Tcl_Obj *prefixPtr;		/* Called with a signal's name; NULL: none. */
    int readFd;			/* The pipe's read end, owned; -1: none. */
    int process;		/* Of which process, as SsForkCount tells. */
} Catcher;

static Catcher catcher = { NULL, NULL, -1, 0 };
				/* Who it is the fork lock guards; the rest is
				 * that interpreter's thread's. */

/* What is done about a signal. */

typedef enum Effect { UNTAKEN, NOTHING, TELL, STOP } Effect;

typedef struct Taken {
    volatile Effect effect;
    struct sigaction before;	/* What held, if it is taken. */
} Taken;

static Taken signals[NSIG];

/* What the handler uses, too. */

static volatile sig_atomic_t writeFd = -1;
				/* The pipe's write end, owned; -1: none. */
static volatile pid_t handlersPid = 0;
				/* The process that hears.  One that was
				 * just forked may still have the handler. */
static volatile sig_atomic_t stopping = 0;
				/* TERM came to this worker. */

/* A signal that finds the pipe full is the last of thousands. */
static void
Handler(int number)
{
    const unsigned char byte = (unsigned char) number;
    Effect effect = signals[number].effect;
    int saved = errno;
    ssize_t written;

    if (effect != NOTHING && handlersPid == getpid()) {
	stopping |= (effect == STOP);
	written = write(writeFd, &byte, 1);
	(void) written;
    }
    errno = saved;
}

/* A second TERM has its default.  Other handlers wait. */
static void
Take(int number, Effect effect)
{
    struct sigaction action = { .sa_handler = Handler,
	.sa_flags = SA_RESTART | SA_ONSTACK
		| (effect == STOP ? (int) SA_RESETHAND : 0) };
    Taken *takenPtr = &signals[number];

    sigfillset(&action.sa_mask);
    if (takenPtr->effect == UNTAKEN) {
	takenPtr->effect = effect;
	sigaction(number, &action, &takenPtr->before);
    }
}

/* TERM has its default again once it has come to a worker. */
static int
IsOurs(int number, const struct sigaction *actionPtr)
{
    return !(actionPtr->sa_flags & SA_SIGINFO)
	    && (actionPtr->sa_handler == Handler
	    || (number == SIGTERM && stopping
		    && actionPtr->sa_handler == SIG_DFL));
}

void
SsSignalsGiveBack(void)
{
    struct sigaction now;
    int number, fd = writeFd;

    for (number = 1; number < NSIG; number++) {
	Taken *takenPtr = &signals[number];

	if (takenPtr->effect != UNTAKEN && sigaction(number, NULL, &now) == 0
		&& IsOurs(number, &now)) {
	    sigaction(number, &takenPtr->before, NULL);
	}
	takenPtr->effect = UNTAKEN;
    }
    writeFd = -1;
    if (fd >= 0) {
	close(fd);
    }
    stopping = 0;
}

void
SsSignalsRestore(Tcl_Interp *interp)
{
    Catcher dropped = { NULL, NULL, -1, 0 };

    SsForkLock();
    if (catcher.interp != NULL && (catcher.interp == interp
	    || catcher.process != SsForkCount())) {
	dropped = catcher;
	catcher.interp = NULL;
	SsSignalsGiveBack();
    }
    SsForkUnlock();
    if (dropped.readFd >= 0) {
	Tcl_DeleteFileHandler(dropped.readFd);
	close(dropped.readFd);
    }
    if (dropped.prefixPtr != NULL) {
	Tcl_DecrRefCount(dropped.prefixPtr);
    }
}

static void
InterpDeleted(void *clientData, Tcl_Interp *interp)
{
    SsSignalsRestore(interp);
}

/* One signal at a time: the command that is called may end this. */
static void
FileProc(void *clientData, int mask)
{
    char name[SS_SIGNAL_NAME_SIZE];
    unsigned char number;

    if (catcher.process != SsForkCount()) {
	SsSignalsRestore(NULL);	/* What came is the parent's. */
    } else if (read(catcher.readFd, &number, 1) == 1) {
	SsSignalName(number, name);
	SsCallbackTell(catcher.interp, catcher.prefixPtr,
		Tcl_NewStringObj(name, -1));
    }
}

/*
 * Returns 0 or an errno; ERANGE: this Tcl can't wait for a descriptor so high.
 * SsSignalsRestore closes what is open then.
 */
static int
OpenPipe(void)
{
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
	return errno;
    }
    catcher.readFd = SsForEventLoop(ends[0]);
    error = errno;
    writeFd = SsAboveStdio(ends[1]);
    return (catcher.readFd < 0) ? error : (writeFd < 0) ? errno : 0;
}

static int
Begin(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    int error, taken;

    SsSignalsRestore(NULL);
    SsForkLock();
    taken = (catcher.interp != NULL);
    if (!taken) {
	catcher = (Catcher) { interp, NULL, -1, SsForkCount() };
    }
    SsForkUnlock();
    if (taken) {
	return SsErrorOurs(interp, "CAUGHT",
		"signals are caught in this process already: restore them"
		" first");
    }
    error = OpenPipe();
    if (error != 0) {
	SsSignalsRestore(interp);
	return SsErrorPosix(interp, error, "can't catch signals: %s",
		strerror(error));
    }
    catcher.prefixPtr = prefixPtr;
    Tcl_IncrRefCount(prefixPtr);
    Tcl_CreateFileHandler(catcher.readFd, TCL_READABLE, FileProc, NULL);
    handlersPid = getpid();
    Tcl_SetAssocData(interp, ASSOC_KEY, InterpDeleted, NULL);
    return TCL_OK;
}

int
SsSignalsCatch(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    if (Begin(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    Take(SIGTERM, TELL);
    Take(SIGINT, TELL);
    Take(SIGHUP, TELL);
    Take(SIGTTIN, TELL);
    Take(SIGTTOU, TELL);
    Take(SIGUSR1, TELL);
    return TCL_OK;
}

/*
 * What does nothing has a handler, because a program that a worker starts with
 * exec would inherit that a signal is ignored.
 */
int
SsSignalsWorker(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    if (Begin(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    Take(SIGINT, NOTHING);
    Take(SIGHUP, NOTHING);
    Take(SIGTTIN, NOTHING);
    Take(SIGTTOU, NOTHING);
    Take(SIGUSR1, NOTHING);
    Take(SIGTERM, STOP);
    return TCL_OK;
}

int
SsSignalsStopping(void)
{
    return stopping;
}

void
SsSignalName(int number, char name[SS_SIGNAL_NAME_SIZE])
{
    const char *known = Tcl_SignalId(number);

    if (strncmp(known, "SIG", 3) == 0) {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%s", known + 3);
    } else {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%d", number);
    }
}

int
SsSignalNumber(const char *name)
{
    char known[SS_SIGNAL_NAME_SIZE];
    int number;

    if (strncmp(name, "SIG", 3) == 0) {
	name += 3;
    }
    for (number = 1; number < NSIG; number++) {
	SsSignalName(number, known);
	if (strcmp(known, name) == 0) {
	    return number;
	}
    }
    return 0;
}
