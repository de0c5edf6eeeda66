/*
 * start.c --
 *
 *	The one way into Go.  No other C file knows Go's export.
 */

#include "start.h"
#include "copy.h"
#include "dispositions.h"
#include "limit.h"
#include "passed.h"
#include "_cgo_export.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define THREADS 8		/* What Go wants for the reactor. */

typedef __typeof__(&ssGoStart) StartProc;

/*
 * A call on its way to the thread that makes it.
 */

typedef struct Call {
    int fd;			/* The server's end of a control socket; -1:
				 * none. */
    SsStarted *startedPtr;
    int result;
} Call;

static StartProc start = ssGoStart;
				/* NULL in a forked child: Go is dead. */
static int isReady = 0;		/* That runtime has started... */
static int isRunning = 0;	/* ...and the reactor. */

/*
 * Gets this process a Go runtime of its own, for good; or fills the error.
 */

static void
LoadCopy(SsStarted *startedPtr)
{
    void *library;

    SsDispositionsSave();
    SsLimitSave();
    library = SsCopyLoad(startedPtr);
    if (library != NULL) {
	start = (StartProc) dlsym(library, "ssGoStart");
    }
    if (library != NULL && start == NULL) {
	SsStartFailed(startedPtr, ENOSYS, "the copy of this library for a"
		" forked process has no start");
    }
}

static void *
CallMain(void *clientData)
{
    Call *callPtr = (Call *) clientData;

    if (start == NULL) {
	LoadCopy(callPtr->startedPtr);
    }
    if (start != NULL) {
	callPtr->result = start(callPtr->fd, callPtr->startedPtr);
    }
    if (start != NULL && !isReady) {
	SsDispositionsCompare();
	SsLimitPutBack();
	isReady = 1;
    }
    return NULL;
}

static void *
WaitMain(void *clientData)
{
    pthread_mutex_lock((pthread_mutex_t *) clientData);
    pthread_mutex_unlock((pthread_mutex_t *) clientData);
    return NULL;
}

/*
 * Go aborts a process in which it can't start the threads that it wants: starts
 * as many, which wait for one another, and ends them.  Returns 0, or the errno
 * with which Go would fail.
 */

static int
ProbeThreads(void)
{
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    int count = 0, code = 0;

    pthread_mutex_lock(&held);
    while (count < THREADS && code == 0) {
	code = pthread_create(&threads[count], NULL, WaitMain, &held);
	count += (code == 0);
    }
    pthread_mutex_unlock(&held);
    while (count > 0) {
	pthread_join(threads[--count], NULL);
    }
    return code;
}

/*
 * Enters Go on a thread of its own, with all signals blocked, and waits for it.
 * The application's threads so never become Go's: none gets an alternate
 * signal stack or another signal mask, and none carries a part of Go through
 * a fork.
 */

int
SsStart(int fd, SsStarted *startedPtr)
{
    Call call = { fd, startedPtr, -1 };
    pthread_t thread;
    sigset_t all, before;
    int code;

    memset(startedPtr, 0, sizeof(*startedPtr));
    SsDispositionsOnStack();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = (fd < 0 || isRunning) ? 0 : ProbeThreads();
    if (code == 0) {
	code = pthread_create(&thread, NULL, CallMain, &call);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
	return SsStartFailed(startedPtr, code, "can't start the server's"
		" threads: %s: raise the limit of processes (ulimit -u)",
		strerror(code));
    }
    pthread_join(thread, NULL);
    isRunning |= (fd >= 0 && call.result == 0);
    return call.result;
}

int
SsStartInit(void)
{
    SsStarted started;

    if (SsStart(-1, &started) < 0) {
	return (started.posix != 0) ? started.posix : EIO;
    }
    SsPassedInit(&started);
    return SsCopyInit();
}

void
SsStartForget(void)
{
    start = NULL;
    isReady = isRunning = 0;
}
