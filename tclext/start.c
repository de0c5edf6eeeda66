/*
 * start.c --
 *
 *	The one way into Go.  No other C file knows Go's export.
 */

#include "start.h"
#include "copy.h"
#include "dispositions.h"
#include "limit.h"
#include "threads.h"
#include "_cgo_export.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef __typeof__(&ssGoStart) StartProc;

/*
 * A call on its way to the thread that makes it.
 */

typedef struct Call {
    const int *pair;		/* The door's ends. */
    SsStarted *startedPtr;
    int result;
} Call;

static StartProc start = ssGoStart;
				/* NULL in a forked child: Go is dead. */

/*
 * Gets this process a Go runtime of its own, for good.  Returns its export, or
 * NULL with the error filled.
 */

static StartProc
LoadCopy(SsGoError *errorPtr)
{
    SsStarted started;
    StartProc fresh;
    void *library;
    int isReady;

    SsDispositionsSave();
    SsLimitSave();
    library = SsCopyLoad(errorPtr);
    if (library == NULL) {
	return NULL;
    }
    fresh = (StartProc) dlsym(library, "ssGoStart");
    isReady = (fresh != NULL && fresh(-1, -1, &started) == 0);
    SsLimitPutBack();
    if (!isReady) {
	errorPtr->posix = 0;
	snprintf(errorPtr->message, SS_ERROR_SIZE,
		"the copy of this library for a forked process doesn't"
		" start");
	return NULL;
    }
    SsDispositionsCompare();
    return fresh;
}

static void *
CallMain(void *clientData)
{
    Call *callPtr = (Call *) clientData;

    if (start == NULL) {
	start = LoadCopy(&callPtr->startedPtr->error);
    }
    if (start != NULL) {
	callPtr->result = start(callPtr->pair[0], callPtr->pair[1],
		callPtr->startedPtr);
    }
    return NULL;
}

/*
 * Enters Go on a thread of its own, with all signals blocked, and waits for it.
 * The application's threads so never become Go's: none gets an alternate
 * signal stack or another signal mask, and none carries a part of Go through
 * a fork.
 */

int
SsStart(const int pair[2], SsStarted *startedPtr)
{
    Call call = { pair, startedPtr, -1 };
    pthread_t thread;
    sigset_t all, before;
    int code;

    memset(startedPtr, 0, sizeof(*startedPtr));
    SsDispositionsOnStack();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = (pair[0] < 0) ? 0 : SsThreadsProbe();
    if (code == 0) {
	code = pthread_create(&thread, NULL, CallMain, &call);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0) {
	pthread_join(thread, NULL);
    } else {
	startedPtr->error.posix = code;
	snprintf(startedPtr->error.message, SS_ERROR_SIZE,
		"can't start the server's threads: %s: raise the limit of"
		" processes (ulimit -u)", strerror(code));
    }
    return call.result;
}

int
SsStartInit(void)
{
    const int none[2] = { -1, -1 };
    SsStarted started;
    int code = SsCopyInit();

    if (code == 0 && SsStart(none, &started) < 0) {
	code = (started.error.posix != 0) ? started.error.posix : EIO;
    }
    SsDispositionsCompare();
    SsLimitPutBack();
    return code;
}

void
SsStartForget(void)
{
    start = NULL;
}
