#include "interrupt.h"
#include "asked.h"
#include "blocked.h"
#include "board.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "stack.h"
#include "turn.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE 65536	/* Of the thread; what is large is static. */

/* Milliseconds. */

#define SOON	    20		/* For Tcl to get a turn. */
#define LONG	    100		/* Another interpreter may run. */
#define NAP	    700		/* Tcl sleeps for 500 at a time; 9.1 doesn't
				 * look before the end. */
#define LATE	    2000	/* After that nothing is waited for. */

/*
 * What isn't atomic is the thread's while there is one, and else of who begins
 * and ends it.
 */
static struct {
    int callFd;			/* For SsBlockedLook, on the list of those a
				 * child closes; -1. */
    uint32_t seen;		/* What the word said last. */
    atomic_int ending, ended;	/* The thread is to end; has. */
} own = { .callFd = -1, .ended = 1 };

/* What is to be said where Tcl got no turn for so long; NULL: nothing yet. */
static const char *
Excuse(SsBlocked blocked, int64_t time, const char *text)
{
    switch (blocked) {
    case SS_BLOCKED_STUCK:
	return text;
    case SS_BLOCKED_WAITS:
	if (SsConnectionsOpen() == 0) {
	    return "waits for a connection";
	}
	return (time >= NAP) ? text : NULL;
    case SS_BLOCKED_NAPS:
	return (time >= NAP) ? text : NULL;
    case SS_BLOCKED_NOT:
	return (time < LATE) ? NULL
		: "runs, but no command of Tcl's has ended for 2 s";
    default:
	return (time < LATE) ? NULL
		: "no command of Tcl's has ended for 2 s";
    }
}

static void
TellLine(const char *line)
{
    static SsStack one;

    one.length = 0;
    SsStackLine(&one, line);
    SsAskedTell(one.text, one.length);
}

/* Tcl got no turn.  Returns whether it is told. */
static int
TellFor(int64_t time)
{
    static char text[1024];
    SsBlocked blocked;
    const char *line;

    if (SsTurnTellTraced()) {
	return 1;
    }
    blocked = SsBlockedLook(own.callFd, text, sizeof(text));
    if (blocked == SS_BLOCKED_NAPS || time >= LONG) {
	SsTurnMark();
    }
    line = Excuse(blocked, time, text);
    if (line != NULL && SsAskedMove(SS_ASKED_OPEN, SS_ASKED_TELLING)) {
	TellLine(line);
	return 1;
    }
    return 0;
}

static void
Heed(uint32_t value)
{
    int64_t begun = SsMilliseconds();

    if (!SsAskedPut(value >> 1)) {
	return;			/* The one before is still being told. */
    }
    if (value & 1) {
	SsTurnRaise();
    }
    SsTurnGive();
    while (!SsAskedAwait(SOON) && !own.ending
	    && !TellFor(SsMilliseconds() - begun)) {
	continue;
    }
}

static void *
ThreadMain(void *clientData)
{
    volatile uint32_t *wordPtr;
    uint32_t value;

    while (!own.ending && (wordPtr = SsBoardAskWord(&value)) != NULL) {
	if (value != own.seen) {
	    own.seen = value;
	    Heed(value);
	} else {
	    syscall(SYS_futex, wordPtr, FUTEX_WAIT, value, NULL, NULL, 0);
	}
    }
    own.ended = 1;
    return NULL;
}

/* Signals are for the application's threads. */
static int
StartThread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, ThreadMain, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

static void
OpenCall(void)
{
    pid_t thread = (pid_t) syscall(SYS_gettid);

    SsForkLock();
    own.callFd = SsBlockedOpen(thread);
    if (own.callFd >= 0) {
	SsForkCloses(own.callFd);
    }
    SsForkUnlock();
}

static void
CloseCall(void)
{
    SsForkLock();
    if (own.callFd >= 0 && SsAskedIsOwn()) {
	SsForkKeeps(own.callFd);
	close(own.callFd);
    }
    own.callFd = -1;
    SsForkUnlock();
}

int
SsInterruptBegin(Tcl_Interp *interp, const SsPort *portPtr)
{
    int error;

    SsInterruptEnd();
    if (SsBoardAskWord(&own.seen) == NULL) {
	return EINVAL;
    }
    error = SsAskedBegin(portPtr->returnFd);
    SsTurnBegin(interp);
    if (error == 0) {
	OpenCall();
	own.ending = own.ended = 0;
	error = StartThread();
    }
    if (error != 0) {
	own.ended = 1;
	SsInterruptEnd();
    }
    return error;
}

/* It may be about to sleep, so it is woken until it has seen it. */
static void
EndThread(void)
{
    volatile uint32_t *wordPtr;
    struct timespec moment = { 0, 1000000 };
    uint32_t value;

    own.ending = 1;
    wordPtr = SsBoardAskWord(&value);
    while (!own.ended) {
	syscall(SYS_futex, wordPtr, FUTEX_WAKE, INT_MAX);
	nanosleep(&moment, NULL);
    }
}

void
SsInterruptEnd(void)
{
    if (SsAskedIsOwn() && !own.ended) {
	EndThread();
    }
    SsTurnEnd();
    CloseCall();
    SsAskedEnd();
}
