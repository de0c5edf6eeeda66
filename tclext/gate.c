/*
 * gate.c --
 *
 *	The one way into Go.  No other C file knows Go's exports.
 *
 *	Each call enters Go on a thread of its own, with all signals blocked,
 *	for as long as the call takes.  The application's threads so never
 *	become Go's: none gets an alternate signal stack or another signal
 *	mask, none carries a part of Go through a fork and back into
 *	it when it ends, and a handler that the application installed without
 *	SA_ONSTACK never runs on the small stack of a goroutine.
 */

#include "gate.h"
#include "copy.h"
#include "dispositions.h"
#include "limit.h"
#include "notice.h"
#include "threads.h"
#include "fork.h"
#include "_cgo_export.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Go's exports, of this library or of a fresh copy.
 */

typedef struct Exports {
    __typeof__(&ssGoStart) start;
    __typeof__(&ssGoServe) serve;
    __typeof__(&ssGoClose) close;
    __typeof__(&ssGoCounts) counts;
    __typeof__(&ssGoRenew) renew;
    __typeof__(&ssGoSwitch) switchTo;
    __typeof__(&ssGoRetire) retire;
    __typeof__(&ssGoSuperviseNew) superviseNew;
    __typeof__(&ssGoSuperviseStep) superviseStep;
    __typeof__(&ssGoSuperviseEnd) superviseEnd;
} Exports;

/*
 * A call on its way to the thread that makes it.
 */

typedef struct Call {
    int (*callProc)(struct Call *callPtr);
				/* Makes the call, in Go. */
    int handle;			/* Arguments; see gate.h. */
    int number;
    SsRenewReply *renewPtr;
    SsServeRequest *requestPtr;
    SsServeReply *replyPtr;
    SsServeCounts *countsPtr;
    const char *text;
    char **textPtr;
    SsGoError *errorPtr;
    int result;			/* What it returned. */
} Call;

static Exports go = {
    ssGoStart, ssGoServe, ssGoClose, ssGoCounts,
    ssGoRenew, ssGoSwitch, ssGoRetire,
    ssGoSuperviseNew, ssGoSuperviseStep, ssGoSuperviseEnd
};
/*
 * Where a fresh copy's go.
 */

typedef struct ExportName {
    const char *name;
    size_t offset;		/* In Exports. */
} ExportName;

static const ExportName exportNames[] = {
    { "ssGoStart", offsetof(Exports, start) },
    { "ssGoServe", offsetof(Exports, serve) },
    { "ssGoClose", offsetof(Exports, close) },
    { "ssGoCounts", offsetof(Exports, counts) },
    { "ssGoRenew", offsetof(Exports, renew) },
    { "ssGoSwitch", offsetof(Exports, switchTo) },
    { "ssGoRetire", offsetof(Exports, retire) },
    { "ssGoSuperviseNew", offsetof(Exports, superviseNew) },
    { "ssGoSuperviseStep", offsetof(Exports, superviseStep) },
    { "ssGoSuperviseEnd", offsetof(Exports, superviseEnd) },
    { NULL, 0 }
};

static pid_t goPid = 0;		/* The process in which those are alive. */

static pthread_mutex_t gateMutex = PTHREAD_MUTEX_INITIALIZER;
				/* One call at a time. */

static SsHost host = {
    SsNoticePost, SsForkLock, SsForkUnlock, SsForkCloses, SsForkKeeps
};

static int	Enter(Call *callPtr);
static void *	CallMain(void *clientData);
static int	LoadCopy(SsGoError *errorPtr);
static int	FindExports(void *library, Exports *exportsPtr);
static int	CallStart(Call *callPtr);
static int	CallServe(Call *callPtr);
static int	CallClose(Call *callPtr);
static int	CallCounts(Call *callPtr);
static int	CallRenew(Call *callPtr);
static int	CallSwitch(Call *callPtr);
static int	CallRetire(Call *callPtr);
static int	CallSuperviseNew(Call *callPtr);
static int	CallSuperviseStep(Call *callPtr);
static int	CallSuperviseEnd(Call *callPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsGateInit --
 *
 *	See gate.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	Undoes what Go's start did to signals that were ignored, and to the
 *	limit of descriptors.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsGateInit(void)
{
    Call call = { .callProc = CallStart };
    SsGoError error = { .posix = 0 };
    int code;

    code = SsCopyInit();
    if (code != 0) {
	return code;
    }
    goPid = getpid();
    call.errorPtr = &error;
    code = Enter(&call);
    SsDispositionsCompare();
    SsLimitPutBack();
    return (code < 0 && error.posix == 0) ? EIO : error.posix;
}

/*
 *----------------------------------------------------------------------
 *
 * SsGateServe, SsGateClose, SsGateCounts --
 *
 *	See gate.h.
 *
 * Results:
 *	0 or -1.
 *
 * Side effects:
 *	Those of the Go functions.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsGateServe(
    SsServeRequest *requestPtr,
    SsServeReply *replyPtr,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallServe, .requestPtr = requestPtr,
	.replyPtr = replyPtr, .errorPtr = errorPtr
    };
    int code = SsThreadsProbe();

    if (code != 0) {
	errorPtr->posix = code;
	snprintf(errorPtr->message, SS_ERROR_SIZE,
		"can't start the threads that a server needs: %s",
		strerror(code));
	return -1;
    }
    return Enter(&call);
}

int
SsGateClose(
    int handle,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallClose, .handle = handle, .errorPtr = errorPtr
    };

    return Enter(&call);
}

int
SsGateCounts(
    int handle,
    SsServeCounts *countsPtr,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallCounts, .handle = handle, .countsPtr = countsPtr,
	.errorPtr = errorPtr
    };

    return Enter(&call);
}

/*
 *----------------------------------------------------------------------
 *
 * SsGateRenew, SsGateSwitch, SsGateRetire --
 *
 *	See gate.h.
 *
 * Results:
 *	0 or -1.
 *
 * Side effects:
 *	Those of the Go functions.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsGateRenew(
    int handle,
    SsRenewReply *replyPtr,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallRenew, .handle = handle, .renewPtr = replyPtr,
	.errorPtr = errorPtr
    };

    return Enter(&call);
}

int
SsGateSwitch(
    int handle,
    int sendFd,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallSwitch, .handle = handle, .number = sendFd,
	.errorPtr = errorPtr
    };

    return Enter(&call);
}

int
SsGateRetire(
    int handle,
    int workers,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallRetire, .handle = handle, .number = workers,
	.errorPtr = errorPtr
    };

    return Enter(&call);
}

/*
 *----------------------------------------------------------------------
 *
 * SsGateSuperviseNew, SsGateSuperviseStep, SsGateSuperviseEnd --
 *
 *	See gate.h.
 *
 * Results:
 *	A number or 0; or -1.
 *
 * Side effects:
 *	Those of the Go functions.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsGateSuperviseNew(
    const char *config,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallSuperviseNew, .text = config, .errorPtr = errorPtr
    };

    return Enter(&call);
}

int
SsGateSuperviseStep(
    int number,
    const char *snapshot,
    char **replyPtr,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallSuperviseStep, .handle = number, .text = snapshot,
	.textPtr = replyPtr, .errorPtr = errorPtr
    };

    return Enter(&call);
}

int
SsGateSuperviseEnd(
    int number,
    SsGoError *errorPtr)
{
    Call call = {
	.callProc = CallSuperviseEnd, .handle = number, .errorPtr = errorPtr
    };

    return Enter(&call);
}

/*
 *----------------------------------------------------------------------
 *
 * SsGateForget --
 *
 *	See gate.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The next call loads a fresh copy.
 *
 * Process:
 *	Worker, in the child's fork handler.
 *
 *----------------------------------------------------------------------
 */

void
SsGateForget(void)
{
    goPid = 0;
    pthread_mutex_init(&gateMutex, NULL);
}

/*
 *----------------------------------------------------------------------
 *
 * Enter --
 *
 *	Makes a call on a thread of its own and waits for it.
 *
 * Results:
 *	What the call returned, or -1.
 *
 * Side effects:
 *	Those of the call.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
Enter(
    Call *callPtr)
{
    pthread_t thread;
    sigset_t all, before;
    int code;

    pthread_mutex_lock(&gateMutex);
    SsDispositionsOnStack();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&thread, NULL, CallMain, callPtr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0) {
	pthread_join(thread, NULL);
    } else {
	callPtr->errorPtr->posix = code;
	snprintf(callPtr->errorPtr->message, SS_ERROR_SIZE,
		"can't start a thread: %s", strerror(code));
	callPtr->result = -1;
    }
    pthread_mutex_unlock(&gateMutex);
    return callPtr->result;
}

/*
 *----------------------------------------------------------------------
 *
 * CallMain --
 *
 *	The thread: compares pids, then enters Go.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	In a forked child, loads a fresh copy of this library first.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void *
CallMain(
    void *clientData)		/* The call. */
{
    Call *callPtr = (Call *) clientData;

    if (goPid != getpid() && LoadCopy(callPtr->errorPtr) < 0) {
	callPtr->result = -1;
    } else {
	callPtr->result = callPtr->callProc(callPtr);
    }
    return NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * LoadCopy --
 *
 *	Gets this process a Go runtime of its own.
 *
 * Results:
 *	0, or -1 with the error filled.
 *
 * Side effects:
 *	One more library in the process, for good.
 *
 * Process:
 *	Server, in a forked child that becomes one.
 *
 *----------------------------------------------------------------------
 */

static int
LoadCopy(
    SsGoError *errorPtr)
{
    Exports fresh;
    void *library;
    int started;

    SsDispositionsSave();
    SsLimitSave();
    library = SsCopyLoad(errorPtr);
    if (library == NULL) {
	return -1;
    }
    started = FindExports(library, &fresh) && fresh.start(&host) == 0;
    SsLimitPutBack();
    if (!started) {
	errorPtr->posix = 0;
	snprintf(errorPtr->message, SS_ERROR_SIZE,
		"the copy of this library for a forked process doesn't"
		" start");
	return -1;
    }
    SsDispositionsCompare();
    go = fresh;
    goPid = getpid();
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * FindExports --
 *
 *	Finds Go's exports in a library.
 *
 * Results:
 *	1, or 0 when one is missing.
 *
 * Side effects:
 *	Fills the structure.
 *
 * Process:
 *	Server, in a forked child that becomes one.
 *
 *----------------------------------------------------------------------
 */

static int
FindExports(
    void *library,
    Exports *exportsPtr)
{
    const ExportName *namePtr;
    void *symbol;

    for (namePtr = exportNames; namePtr->name != NULL; namePtr++) {
	symbol = dlsym(library, namePtr->name);
	if (symbol == NULL) {
	    return 0;
	}
	memcpy((char *) exportsPtr + namePtr->offset, &symbol,
		sizeof(symbol));
    }
    return 1;
}

/*
 *----------------------------------------------------------------------
 *
 * CallStart, CallServe, CallClose, CallCounts, CallRenew, CallSwitch,
 * CallRetire --
 *
 *	Enter Go.
 *
 * Results:
 *	What Go returned.
 *
 * Side effects:
 *	Those of the Go functions.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
CallStart(
    Call *callPtr)
{
    (void) callPtr;
    return go.start(&host);
}

static int
CallServe(
    Call *callPtr)
{
    return go.serve(callPtr->requestPtr, callPtr->replyPtr,
	    callPtr->errorPtr);
}

static int
CallClose(
    Call *callPtr)
{
    return go.close(callPtr->handle, callPtr->errorPtr);
}

static int
CallCounts(
    Call *callPtr)
{
    return go.counts(callPtr->handle, callPtr->countsPtr,
	    callPtr->errorPtr);
}

static int
CallRenew(
    Call *callPtr)
{
    return go.renew(callPtr->handle, callPtr->renewPtr, callPtr->errorPtr);
}

static int
CallSwitch(
    Call *callPtr)
{
    return go.switchTo(callPtr->handle, callPtr->number, callPtr->errorPtr);
}

static int
CallRetire(
    Call *callPtr)
{
    return go.retire(callPtr->handle, callPtr->number, callPtr->errorPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * CallSuperviseNew, CallSuperviseStep, CallSuperviseEnd --
 *
 *	Enter Go, whose strings are never written to.
 *
 * Results:
 *	What Go returned.
 *
 * Side effects:
 *	Those of the Go functions.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
CallSuperviseNew(
    Call *callPtr)
{
    return go.superviseNew((char *) callPtr->text, callPtr->errorPtr);
}

static int
CallSuperviseStep(
    Call *callPtr)
{
    return go.superviseStep(callPtr->handle, (char *) callPtr->text,
	    callPtr->textPtr, callPtr->errorPtr);
}

static int
CallSuperviseEnd(
    Call *callPtr)
{
    return go.superviseEnd(callPtr->handle, callPtr->errorPtr);
}
