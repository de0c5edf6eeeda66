/*
 * Signals that steer a server or a worker.
 *
 * The handler does next to nothing: it writes the signal's number to a pipe,
 * whose other end the event loop reads.  Where signals shall do nothing there
 * is a handler, too, because a program that a worker starts with exec would
 * inherit that one is ignored.
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

/* What people send to steer a program. */

static const int numbers[] = {
    SIGTERM, SIGINT, SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2
};

#define COUNT (int) (sizeof(numbers) / sizeof(numbers[0]))

static struct sigaction before[COUNT];
				/* What held where the handler is ours. */

typedef struct Catcher {	/* Who hears of signals in this process. */
    Tcl_Interp *interp;		/* NULL: nobody. */
    Tcl_Obj *prefixPtr;		/* Called with a signal's name. */
    int readFd;			/* The pipe's read end, owned; -1: none. */
    int process;		/* Of which process, as SsForkCount tells. */
    Tcl_ThreadId thread;	/* In which thread. */
} Catcher;

static Catcher catcher;		/* Who it is the fork lock guards; the rest is
				 * that interpreter's thread's. */

/* What the handler uses, too. */

static volatile sig_atomic_t writeFd = -1;
				/* The pipe's write end, owned; -1: none. */
static volatile pid_t handlersPid = 0;
				/* The process that hears.  One that was
				 * just forked may still have the handler. */
static volatile sig_atomic_t isWorker = 0;
static volatile sig_atomic_t stopping = 0;
				/* TERM came to this worker. */
static volatile sig_atomic_t isWanted[NSIG];
				/* What a worker hears besides. */
static volatile sig_atomic_t hasCome[NSIG];
				/* Of that, what has come and wasn't told... */
static volatile sig_atomic_t anyHasCome = 0;
				/* ...if any was. */

/* A signal that finds the pipe full is the last of thousands. */
static void
Handler(int number)
{
    const unsigned char byte = (unsigned char) number;
    int saved = errno;
    ssize_t written;

    if (handlersPid == getpid() && (!isWorker || number == SIGTERM
	    || isWanted[number])) {
	if (isWorker && isWanted[number]) {
	    hasCome[number] = anyHasCome = 1;
	} else {
	    stopping = isWorker;
	}
	written = write(writeFd, &byte, 1);
	(void) written;
    }
    errno = saved;
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
    int i, fd = writeFd;

    for (i = 0; i < COUNT; i++) {
	sigaction(numbers[i], NULL, &now);
	if (IsOurs(numbers[i], &now)) {
	    sigaction(numbers[i], &before[i], NULL);
	}
    }
    writeFd = -1;
    if (fd >= 0) {
	close(fd);
    }
    stopping = anyHasCome = 0;
}

void
SsSignalsRestore(Tcl_Interp *interp)
{
    Catcher dropped;
    int isDropped;

    SsForkLock();
    isDropped = (catcher.interp != NULL && (catcher.interp == interp
	    || catcher.process != SsForkCount()));
    if (isDropped) {
	dropped = catcher;
	catcher.interp = NULL;
	SsSignalsGiveBack();
    }
    SsForkUnlock();
    if (isDropped) {
	if (dropped.readFd >= 0) {
	    Tcl_DeleteFileHandler(dropped.readFd);
	    close(dropped.readFd);
	}
	Tcl_DecrRefCount(dropped.prefixPtr);
    }
}

static void
InterpDeleted(void *clientData, Tcl_Interp *interp)
{
    SsSignalsRestore(interp);
}

static void
Tell(int number)
{
    char name[SS_SIGNAL_NAME_SIZE];

    SsSignalName(number, name);
    SsCallbackTell(catcher.interp, catcher.prefixPtr,
	    Tcl_NewStringObj(name, -1));
}

/*
 * One signal at a time: the command that is called may end this.  What a worker
 * hears besides TERM may have been told without an event loop.
 */
static void
FileProc(void *clientData, int mask)
{
    unsigned char number;

    if (catcher.process != SsForkCount()) {
	SsSignalsRestore(NULL);	/* What came is the parent's. */
    } else if (read(catcher.readFd, &number, 1) == 1
	    && (!isWanted[number] || hasCome[number])) {
	hasCome[number] = 0;
	Tell(number);
    }
}

int
SsSignalsWaiting(void)
{
    return anyHasCome && catcher.interp != NULL
	    && catcher.process == SsForkCount()
	    && catcher.thread == Tcl_GetCurrentThread();
}

/* What comes meanwhile is told, too, or next time. */
void
SsSignalsTell(void)
{
    int i, number;

    if (!SsSignalsWaiting()) {
	return;
    }
    anyHasCome = 0;
    for (i = 0; i < COUNT && catcher.interp != NULL; i++) {
	number = numbers[i];
	if (hasCome[number]) {
	    hasCome[number] = 0;
	    Tell(number);
	}
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

/* Makes an interpreter the one that hears; TCL_ERROR: there is one. */
static int
Begin(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    int isTaken;

    SsSignalsRestore(NULL);
    SsForkLock();
    isTaken = (catcher.interp != NULL);
    if (!isTaken) {
	catcher = (Catcher) { interp, prefixPtr, -1, SsForkCount(),
	    Tcl_GetCurrentThread() };
    }
    SsForkUnlock();
    if (isTaken) {
	return SsErrorOurs(interp, "CAUGHT",
		"signals are caught in this process already: restore them"
		" first");
    }
    Tcl_IncrRefCount(prefixPtr);
    Tcl_SetAssocData(interp, ASSOC_KEY, InterpDeleted, NULL);
    return TCL_OK;
}

static void
SetHandlers(int worker)
{
    struct sigaction action = { .sa_handler = Handler };
    int i;

    handlersPid = getpid();
    isWorker = worker;
    sigfillset(&action.sa_mask);
    for (i = 0; i < COUNT; i++) {
	action.sa_flags = SA_RESTART | SA_ONSTACK;
	if (worker && numbers[i] == SIGTERM) {
	    action.sa_flags |= (int) SA_RESETHAND;
	}
	sigaction(numbers[i], &action, &before[i]);
    }
}

int
SsSignalsCatch(Tcl_Interp *interp, Tcl_Obj *prefixPtr, int worker,
    const int *wanted)
{
    int i, error;

    if (Begin(interp, prefixPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    error = OpenPipe();
    if (error != 0) {
	SsSignalsRestore(interp);
	return SsErrorPosix(interp, error, "can't catch signals: %m");
    }
    Tcl_CreateFileHandler(catcher.readFd, TCL_READABLE, FileProc, NULL);
    for (i = 0; i < NSIG; i++) {
	isWanted[i] = hasCome[i] = 0;
    }
    anyHasCome = 0;
    for (i = 0; worker && wanted[i] != 0; i++) {
	isWanted[wanted[i]] = (wanted[i] != SIGTERM);
    }
    SetHandlers(worker);
    return TCL_OK;
}

int
SsSignalsSteer(int number)
{
    int i = 0;

    while (i < COUNT && numbers[i] != number) {
	i++;
    }
    return i < COUNT;
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
