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
    int process;		/* Of which process, as SsForkCount tells. */
    Tcl_Interp *interp;
    Tcl_Obj *prefixPtr;		/* Called with a signal's name; NULL: none. */
    int readFd;			/* The pipe's read end, owned; -1: none. */
} Catcher;

static Catcher *catcherPtr = NULL;
				/* Guarded by the fork lock. */

typedef struct Taken {
    int taken;
    struct sigaction before;	/* What held, if it is taken. */
} Taken;

static Taken signals[NSIG];

/* What the handlers use. */

static volatile sig_atomic_t writeFd = -1;
				/* The pipe's write end, owned; -1: none. */
static volatile pid_t handlersPid = 0;
				/* The process that hears.  One that was
				 * just forked may still have the handlers. */
static volatile sig_atomic_t stopping = 0;
				/* TERM came to this worker. */

/*
 * Returns 0 or an errno; ERANGE: this Tcl can't wait for a descriptor so high.
 * SsSignalsRestore closes what is open then.
 */
static int
OpenPipe(
    int *readFdPtr)		/* Set; the write end is the handlers'. */
{
    int bound = SsDescriptorBound();
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
	return errno;
    }
    *readFdPtr = SsAboveStdio(ends[0]);
    error = errno;
    writeFd = SsAboveStdio(ends[1]);
    if (*readFdPtr < 0) {
	return error;
    }
    if (writeFd < 0) {
	return errno;
    }
    return (bound > 0 && *readFdPtr >= bound) ? ERANGE : 0;
}

/*
 * In a forked child it reads nothing, what came is the parent's, and forgets
 * the catcher.
 */
static void
FileProc(
    void *clientData,		/* The catcher. */
    int mask)
{
    Catcher *ownPtr = (Catcher *) clientData;
    char name[SS_SIGNAL_NAME_SIZE];
    unsigned char bytes[64];
    ssize_t i, count;

    (void) mask;
    if (ownPtr->process != SsForkCount()) {
	SsSignalsForget();
	return;
    }
    Tcl_Preserve(ownPtr);
    count = read(ownPtr->readFd, bytes, sizeof(bytes));
    for (i = 0; i < count && catcherPtr == ownPtr; i++) {
	SsSignalName(bytes[i], name);
	SsCallbackTell(ownPtr->interp, ownPtr->prefixPtr,
		Tcl_NewStringObj(name, -1));
    }
    Tcl_Release(ownPtr);
}

static void
InterpDeleted(
    void *clientData,
    Tcl_Interp *interp)		/* About to be deleted. */
{
    (void) clientData;
    SsSignalsRestore(interp);
}

static int
Begin(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr)		/* May be NULL. */
{
    Catcher *newPtr = (Catcher *) Tcl_Alloc(sizeof(Catcher));
    int error, taken;

    SsSignalsForget();
    newPtr->process = SsForkCount();
    newPtr->interp = interp;
    newPtr->prefixPtr = prefixPtr;
    newPtr->readFd = -1;
    SsForkLock();
    taken = (catcherPtr != NULL);
    if (!taken) {
	catcherPtr = newPtr;
    }
    SsForkUnlock();
    if (taken) {
	Tcl_Free((char *) newPtr);
	return SsErrorOurs(interp, "CAUGHT",
		"signals are caught in this process already: restore them"
		" first");
    }
    if (prefixPtr != NULL) {
	Tcl_IncrRefCount(prefixPtr);
	error = OpenPipe(&newPtr->readFd);
	if (error != 0) {
	    SsSignalsRestore(interp);
	    return SsErrorPosix(interp, error, "can't catch signals: %s",
		    strerror(error));
	}
	Tcl_CreateFileHandler(newPtr->readFd, TCL_READABLE, FileProc, newPtr);
    }
    handlersPid = getpid();
    Tcl_SetAssocData(interp, ASSOC_KEY, InterpDeleted, NULL);
    return TCL_OK;
}

static void
Take(
    int number,
    void (*handler)(int),
    int flags)			/* More of them. */
{
    Taken *takenPtr = &signals[number];
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART | SA_ONSTACK | flags;
    sigfillset(&action.sa_mask);
    if (!takenPtr->taken
	    && sigaction(number, &action, &takenPtr->before) == 0) {
	takenPtr->taken = 1;
    }
}

/* A signal that finds the pipe full is the last of thousands. */
static void
TellHandler(int number)
{
    const unsigned char byte = (unsigned char) number;
    int saved = errno;
    ssize_t written;

    if (writeFd >= 0 && handlersPid == getpid()) {
	written = write(writeFd, &byte, 1);
	(void) written;
    }
    errno = saved;
}

int
SsSignalsCatch(
    Tcl_Interp *interp,
    int count,			/* How many signals... */
    const int *numbers,		/* ...and which. */
    Tcl_Obj *prefixPtr)
{
    int i;

    if (Begin(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    for (i = 0; i < count; i++) {
	Take(numbers[i], TellHandler, 0);
    }
    return TCL_OK;
}

static void
NothingHandler(int number)
{
    (void) number;
}

static void
StopHandler(int number)
{
    if (handlersPid == getpid()) {
	stopping = 1;
    }
    TellHandler(number);
}

int
SsSignalsWorker(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr)		/* May be NULL. */
{
    static const int quiet[] = { SIGINT, SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1 };
    size_t i;

    if (Begin(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }

    /*
     * Handlers, because a program that a worker starts with exec would
     * inherit that a signal is ignored.
     */
    for (i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
	Take(quiet[i], NothingHandler, 0);
    }
    Take(SIGTERM, StopHandler, (int) SA_RESETHAND);
    return TCL_OK;
}

int
SsSignalsStopping(void)
{
    return stopping;
}

/* TERM has its default again once StopHandler has run. */
static int
IsOurs(int number, const struct sigaction *actionPtr)
{
    if (actionPtr->sa_flags & SA_SIGINFO) {
	return 0;
    }
    return actionPtr->sa_handler == TellHandler
	    || actionPtr->sa_handler == StopHandler
	    || actionPtr->sa_handler == NothingHandler
	    || (number == SIGTERM && stopping
		    && actionPtr->sa_handler == SIG_DFL);
}

static void
DropCatcher(
    Catcher *droppedPtr)	/* Of this thread. */
{
    if (droppedPtr->readFd >= 0) {
	Tcl_DeleteFileHandler(droppedPtr->readFd);
	close(droppedPtr->readFd);
    }
    if (droppedPtr->prefixPtr != NULL) {
	Tcl_DecrRefCount(droppedPtr->prefixPtr);
    }
    Tcl_EventuallyFree(droppedPtr, TCL_DYNAMIC);
}

void
SsSignalsRestore(Tcl_Interp *interp)
{
    Catcher *droppedPtr = NULL;

    SsForkLock();
    if (catcherPtr != NULL && catcherPtr->interp == interp) {
	droppedPtr = catcherPtr;
	catcherPtr = NULL;
	SsSignalsGiveBack();
    }
    SsForkUnlock();
    if (droppedPtr != NULL) {
	DropCatcher(droppedPtr);
    }
}

void
SsSignalsForget(void)
{
    Catcher *droppedPtr = NULL;

    SsForkLock();
    if (catcherPtr != NULL && catcherPtr->process != SsForkCount()) {
	droppedPtr = catcherPtr;
	catcherPtr = NULL;
    }
    SsForkUnlock();
    if (droppedPtr != NULL) {
	DropCatcher(droppedPtr);
    }
}

void
SsSignalsGiveBack(void)
{
    struct sigaction now;
    int number, fd = writeFd;

    for (number = 1; number < NSIG; number++) {
	Taken *takenPtr = &signals[number];

	if (takenPtr->taken && sigaction(number, NULL, &now) == 0
		&& IsOurs(number, &now)) {
	    sigaction(number, &takenPtr->before, NULL);
	}
	takenPtr->taken = 0;
    }
    writeFd = -1;
    if (fd >= 0) {
	close(fd);
    }
    stopping = 0;
}

/* Tcl's name without SIG, or NULL. */
static const char *
Known(int number)
{
    const char *name = Tcl_SignalId(number);

    return (strncmp(name, "SIG", 3) == 0) ? name + 3 : NULL;
}

void
SsSignalName(int number, char name[SS_SIGNAL_NAME_SIZE])
{
    const char *known = Known(number);

    if (known != NULL) {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%s", known);
    } else {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%d", number);
    }
}

int
SsSignalNumber(const char *name)
{
    const char *known;
    int number;

    if (strncmp(name, "SIG", 3) == 0) {
	name += 3;
    }
    for (number = 1; number < NSIG; number++) {
	known = Known(number);
	if (known != NULL && strcmp(known, name) == 0) {
	    return number;
	}
    }
    return 0;
}
