#include "interrupt.h"
#include "blocked.h"
#include "board.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "limit.h"
#include "result.h"
#include "return.h"
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE 65536	/* Of the thread; what is large is static. */

/* Milliseconds. */

#define SOON	    20		/* For Tcl to get a turn. */
#define LONG	    100		/* Another interpreter may run. */
#define NAP	    700		/* Tcl 8.6 sleeps for 500 at a time. */
#define LATE	    2000	/* After that nothing is waited for. */

/* What becomes of a question.  Who sets TELLING tells, and then sets NONE. */

enum { NONE, ASKED, TELLING, TRACING };

/* What becomes of the error that is asked for: to be raised; "vwait" ends. */

enum { NOT, WANTED, BOUND };

static struct {
    int process;		/* Whose all this is, as SsForkCount tells. */
    Tcl_Interp *interp;		/* NULL: deleted. */
    int depth;			/* What was evaluated there already. */
    Tcl_ThreadId thread;	/* Tcl's... */
    Tcl_AsyncHandler handler;	/* ...which has this, or NULL; guarded by the
				 * fork lock. */
    int returnFd;		/* On the list of those a child closes... */
    int callFd;			/* ...as is that for SsBlockedLook; or -1. */
    uint32_t seen;		/* What the word said last. */
    int limited;		/* The limit is set; guarded by it, too. */
    atomic_int ending, ended;	/* The thread is to end; has. */
} own = { .returnFd = -1, .callFd = -1, .ended = 1 };

static struct {
    atomic_int phase;
    uint32_t number;
    atomic_int raise;
    int64_t since;		/* For whose sake, as SsConnectionsSince has
				 * it. */
    uint32_t told;		/* Changes when it is answered. */
} asked;

static SsStack stack;		/* Of the Tcl thread, and of who tells what was
				 * traced. */

/* Of each thread that it has begun in: one that it has left goes on. */

static __thread struct {
    Tcl_AsyncHandler handler;	/* NULL: it never began there. */
    int isBusy;			/* It evaluates something for us. */
    int isQueued;		/* There is an event of ours. */
    Tcl_Trace trace;		/* Of the next command that is called... */
    Tcl_Interp *tracedInterp;	/* ...there, or NULL. */
    int hadLimit, limit;	/* Of commands, before the wait was bound. */
} here __attribute__((tls_model("initial-exec")));

static int
Is(atomic_int *phasePtr, int before, int after)
{
    return atomic_compare_exchange_strong(phasePtr, &before, after);
}

static int
IsOwn(void)
{
    return own.process == SsForkCount();
}

static int
IsHere(void)
{
    return IsOwn() && own.thread == Tcl_GetCurrentThread();
}

static void
Tell(const char *text, int length)
{
    SsReturnAnswer(own.returnFd, asked.number, text, length);
    atomic_store(&asked.phase, NONE);
    __atomic_add_fetch(&asked.told, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &asked.told, FUTEX_WAKE_PRIVATE, 1);
}

/*
 * In the Tcl thread.
 */

static int
UnlimitLocked(void)
{
    int wasLimited = (own.limited && own.interp != NULL);

    if (wasLimited) {
	Tcl_LimitTypeReset(own.interp, TCL_LIMIT_COMMANDS);
    }
    own.limited = 0;
    return wasLimited;
}

/* A child that was being made got its parent's limit, with no command left. */
static void
FreeChildren(Tcl_Interp *interp)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);
    int wasBusy = here.isBusy;
    Tcl_Interp *childPtr;
    Tcl_Obj **names;
    Tcl_Size count = 0;

    here.isBusy = 1;
    if (Tcl_EvalEx(interp, "::interp slaves", -1, TCL_EVAL_GLOBAL) == TCL_OK) {
	Tcl_ListObjGetElements(NULL, Tcl_GetObjResult(interp), &count, &names);
    }
    while (count > 0) {
	childPtr = Tcl_GetSlave(interp, Tcl_GetString(names[--count]));
	if (childPtr != NULL
		&& Tcl_LimitTypeEnabled(childPtr, TCL_LIMIT_COMMANDS)
		&& Tcl_LimitGetCommands(childPtr) == 0) {
	    Tcl_LimitTypeReset(childPtr, TCL_LIMIT_COMMANDS);
	}
    }
    here.isBusy = wasBusy;
    Tcl_RestoreInterpState(interp, state);
}

/* Takes back the thread's limit, by which nothing could be evaluated. */
static void
Unlimit(void)
{
    int wasLimited;

    SsForkLock();
    wasLimited = UnlimitLocked();
    SsForkUnlock();
    if (wasLimited) {
	FreeChildren(own.interp);
    }
}

static void
Take(Tcl_Interp *interp)
{
    Unlimit();
    here.isBusy = 1;
    stack.length = stack.isOurs = stack.isInline = 0;
    if (interp != own.interp) {
	SsStackAppend(&stack, interp, 0);
    }
    if (own.interp != NULL) {
	SsStackAppend(&stack, own.interp, own.depth);
    }
    here.isBusy = 0;
}

static void
TellTaken(void)
{
    if (stack.length == 0) {
	SsStackLine(&stack, (SsConnectionsOpen() == 0)
		? "waits for a connection" : "waits in the worker's own loop");
    }
    Tell(stack.text, stack.length);
}

static void
UntraceProc(void *clientData)
{
    here.trace = NULL;
}

static void
Untrace(void)
{
    if (here.trace != NULL) {
	Tcl_DeleteTrace(here.tracedInterp, here.trace);
    }
}

/* An error is to be raised where the next command ends. */
static void
Mark(void)
{
    SsForkLock();
    if (own.handler != NULL) {
	Tcl_AsyncMark(own.handler);
    }
    SsForkUnlock();
}

/* A command is about to be called: now there is a line for it. */
static int
TraceProc(void *clientData, Tcl_Interp *interp, int level,
    const char *command, Tcl_Command token, int objc, Tcl_Obj *const objv[])
{
    if (here.isBusy) {
	return TCL_OK;
    }
    Untrace();
    if (IsHere() && Is(&asked.phase, TRACING, TELLING)) {
	Take(interp);
	TellTaken();
	if (atomic_load(&asked.raise) == WANTED && !stack.isOurs) {
	    Mark();
	}
    }
    return TCL_OK;
}

/*
 * Tells what an interpreter does.  Where it is in commands that are compiled,
 * the next one that is called is waited for; the thread tells what there is if
 * that takes long.  The trace lets them be compiled: else all bytecode would be
 * made anew, and what runs evaluate its commands one by one until it ends.
 */
static void
Answer(Tcl_Interp *interp, int mayTrace)
{
    if (interp == NULL) {
	stack.length = 0;
	TellTaken();
	return;
    }
    Take(interp);
    if (!mayTrace || !stack.isInline || stack.isOurs) {
	TellTaken();
	return;
    }
    here.tracedInterp = interp;
    atomic_store(&asked.phase, TRACING);
    here.trace = Tcl_CreateObjTrace(interp, 0, TCL_ALLOW_INLINE_COMPILATION,
	    TraceProc, NULL, UntraceProc);
}

/* Whether it is still to be raised, and may be here; it is tried once. */
static int
MayRaise(Tcl_Interp *interp)
{
    if (!Is(&asked.raise, WANTED, NOT) || interp == NULL || asked.since < 0
	    || SsConnectionsSince() != asked.since) {
	return 0;
    }
    Take(interp);
    return !stack.isOurs;
}

static int
Raise(Tcl_Interp *interp)
{
    Tcl_ResetResult(interp);
    Tcl_SetObjResult(interp, Tcl_NewStringObj("the connection's time is over:"
	    " it took longer than -timeout allows", -1));
    Tcl_SetErrorCode(interp, "SOCKETSERVER", "TIMEOUT", NULL);
    return TCL_ERROR;
}

/*
 * Ends a wait for events: "vwait" looks for limits after each one.  The handler
 * comes when it has ended, before anything else is evaluated.
 */
static void
Bind(Tcl_Interp *interp)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);

    here.hadLimit = Tcl_LimitTypeEnabled(interp, TCL_LIMIT_COMMANDS);
    here.limit = Tcl_LimitGetCommands(interp);
    Tcl_LimitSetCommands(interp, INT_MIN);
    Tcl_LimitTypeSet(interp, TCL_LIMIT_COMMANDS);
    here.isBusy = 1;
    Tcl_LimitCheck(interp);
    here.isBusy = 0;
    Tcl_RestoreInterpState(interp, state);
    atomic_store(&asked.raise, BOUND);
    Mark();
}

static void
Unbind(Tcl_Interp *interp)
{
    Tcl_LimitTypeReset(interp, TCL_LIMIT_COMMANDS);
    Tcl_LimitSetCommands(interp, here.limit);
    if (here.hadLimit) {
	Tcl_LimitTypeSet(interp, TCL_LIMIT_COMMANDS);
    }
}

/* Between two commands. */
static void
LimitProc(void *clientData, Tcl_Interp *interp)
{
    if (interp != own.interp) {
	return;
    }
    Unlimit();
    if (here.isBusy) {
	return;
    }
    if (atomic_load(&asked.phase) != TRACING) {
	Untrace();
    }
    if (!IsHere()) {
	return;
    }
    if (Is(&asked.phase, ASKED, TELLING)) {
	Answer(interp, 1);
    }
    if (atomic_load(&asked.phase) == NONE
	    && atomic_load(&asked.raise) == WANTED) {
	Mark();
    }
}

/* Where there is an error to be raised, or Tcl looks for signals. */
static int
HandlerProc(void *clientData, Tcl_Interp *interp, int code)
{
    if (here.isBusy || !IsHere()) {
	return code;
    }
    if (own.interp != NULL && Is(&asked.raise, BOUND, NOT)) {
	Unbind(own.interp);
	if (interp == own.interp && code == TCL_ERROR) {
	    code = Raise(interp);
	}
    }
    if (Is(&asked.phase, ASKED, TELLING)) {
	Answer((interp != NULL) ? interp : own.interp, interp != NULL);
    }
    if (interp != NULL && atomic_load(&asked.phase) == NONE
	    && MayRaise(interp)) {
	code = Raise(interp);
    }
    return code;
}

/* Inside of "vwait", "update", or what else waits for events. */
static int
EventProc(Tcl_Event *evPtr, int flags)
{
    here.isQueued = 0;
    if (!IsHere()) {
	return 1;
    }
    Unlimit();
    if (Is(&asked.phase, ASKED, TELLING)) {
	Answer(own.interp, 0);
    }
    if (atomic_load(&asked.phase) == NONE && MayRaise(own.interp)) {
	Bind(own.interp);
    }
    return 1;
}

static int
Wants(void)
{
    int phase = atomic_load_explicit(&asked.phase, memory_order_relaxed);
    int raise = atomic_load_explicit(&asked.raise, memory_order_relaxed);

    return (phase == ASKED || (phase == NONE && raise == WANTED)) && IsHere();
}

static void
SetupProc(void *clientData, int flags)
{
    static const Tcl_Time now = { 0, 0 };

    if (Wants()) {
	Tcl_SetMaxBlockTime(&now);
    }
}

static void
CheckProc(void *clientData, int flags)
{
    Tcl_Event *eventPtr;

    if (Wants() && !here.isQueued) {
	here.isQueued = 1;
	eventPtr = (Tcl_Event *) Tcl_Alloc(sizeof(Tcl_Event));
	eventPtr->proc = EventProc;
	Tcl_QueueEvent(eventPtr, TCL_QUEUE_HEAD);
    }
}

static void
InterpDeleted(void *clientData, Tcl_Interp *interp)
{
    SsForkLock();
    if (interp == own.interp) {
	own.interp = NULL;
    }
    SsForkUnlock();
}

static void
ThreadExitProc(void *clientData)
{
    SsForkLock();
    if (own.handler == here.handler) {
	own.handler = NULL;
    }
    SsForkUnlock();
    Tcl_DeleteEventSource(SetupProc, CheckProc, NULL);
    Tcl_AsyncDelete(here.handler);
    here.handler = NULL;
}

/*
 * In the thread that waits for questions.
 */

static void
Await(int milliseconds, uint32_t told)
{
    struct timespec time = { 0, milliseconds * 1000000L };

    syscall(SYS_futex, &asked.told, FUTEX_WAIT_PRIVATE, told, &time, NULL, 0);
}

/*
 * Has the Tcl thread look.  The limit of who has one already is his: then it is
 * found out by an asynchronous handler.
 */
static void
Poke(void)
{
    SsForkLock();
    if (own.handler != NULL && own.interp != NULL) {
	if (!Tcl_LimitTypeEnabled(own.interp, TCL_LIMIT_COMMANDS)) {
	    own.limited = 1;
	    Tcl_LimitSetCommands(own.interp, INT_MIN);
	    Tcl_LimitTypeSet(own.interp, TCL_LIMIT_COMMANDS);
	} else if (!own.limited) {
	    Tcl_AsyncMark(own.handler);
	}
	Tcl_ThreadAlert(own.thread);
    }
    SsForkUnlock();
}

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
    Tell(one.text, one.length);
}

/* Tcl got no turn.  Returns whether it is told. */
static int
TellFor(int64_t time)
{
    static char text[1024];
    SsBlocked blocked;
    const char *line;

    if (Is(&asked.phase, TRACING, TELLING)) {
	Tell(stack.text, stack.length);
	Poke();			/* The trace is still there. */
	return 1;
    }
    blocked = SsBlockedLook(own.callFd, text, sizeof(text));
    if (blocked == SS_BLOCKED_NAPS || time >= LONG) {
	Mark();
    }
    line = Excuse(blocked, time, text);
    if (line != NULL && Is(&asked.phase, ASKED, TELLING)) {
	TellLine(line);
	return 1;
    }
    return 0;
}

static void
Heed(uint32_t value)
{
    int64_t begun = SsMilliseconds();
    uint32_t told = __atomic_load_n(&asked.told, __ATOMIC_SEQ_CST);

    if (atomic_load(&asked.phase) != NONE) {
	return;			/* The one before is still being told. */
    }
    asked.number = value >> 1;
    atomic_store(&asked.phase, ASKED);
    if (value & 1) {
	asked.since = SsConnectionsSince();
	Is(&asked.raise, NOT, WANTED);
    }
    Poke();
    do {
	Await(SOON, told);
    } while (atomic_load(&asked.phase) != NONE && !own.ending
	    && !TellFor(SsMilliseconds() - begun));
}

static void *
ThreadMain(void *clientData)
{
    volatile uint32_t *wordPtr;
    uint32_t value;

    while (!own.ending
	    && (wordPtr = SsBoardAskWord(&value)) != NULL) {
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

/*
 * Beginning and end, in the Tcl thread.
 */

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
CloseDescriptors(void)
{
    int *fds[] = { &own.returnFd, &own.callFd }, i;

    SsForkLock();
    for (i = 0; i < 2; i++) {
	if (*fds[i] >= 0 && IsOwn()) {
	    SsForkKeeps(*fds[i]);
	    close(*fds[i]);
	}
	*fds[i] = -1;
    }
    SsForkUnlock();
}

static int
OpenDescriptors(int returnFd)
{
    pid_t thread = (pid_t) syscall(SYS_gettid);
    int error = 0;

    SsForkLock();
    own.returnFd = fcntl(returnFd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (own.returnFd < 0) {
	error = errno;
    } else {
	SsForkCloses(own.returnFd);
	own.callFd = SsBlockedOpen(thread);
	if (own.callFd >= 0) {
	    SsForkCloses(own.callFd);
	}
    }
    SsForkUnlock();
    return error;
}

/* What Tcl's thread needs; it stays when this ends. */
static void
Prepare(Tcl_Interp *interp)
{
    if (own.interp != interp) {
	Tcl_DontCallWhenDeleted(interp, InterpDeleted, NULL);
	Tcl_CallWhenDeleted(interp, InterpDeleted, NULL);
	Tcl_LimitRemoveHandler(interp, TCL_LIMIT_COMMANDS, LimitProc, NULL);
	Tcl_LimitAddHandler(interp, TCL_LIMIT_COMMANDS, LimitProc, NULL,
		NULL);
    }
    own.interp = interp;
    own.depth = SsStackDepth(interp);
    if (here.handler == NULL) {
	here.handler = Tcl_AsyncCreate(HandlerProc, NULL);
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    }
    own.thread = Tcl_GetCurrentThread();
    own.handler = here.handler;
}

int
SsInterruptBegin(Tcl_Interp *interp, const SsPort *portPtr)
{
    int error;

    SsInterruptEnd();
    if (SsBoardAskWord(&own.seen) == NULL) {
	return EINVAL;
    }
    own.process = SsForkCount();
    atomic_store(&asked.phase, NONE);
    atomic_store(&asked.raise, NOT);
    error = OpenDescriptors(portPtr->returnFd);
    if (error == 0) {
	Prepare(interp);
	own.ending = own.ended = 0;
	error = StartThread();
    }
    if (error != 0) {
	own.ended = 1;
	CloseDescriptors();
    }
    return error;
}

/* It may be about to sleep, so it is woken until it has seen it. */
void
SsInterruptEnd(void)
{
    volatile uint32_t *wordPtr;
    struct timespec moment = { 0, 1000000 };
    uint32_t value;

    if (IsOwn() && !own.ended) {
	own.ending = 1;
	wordPtr = SsBoardAskWord(&value);
	while (!own.ended) {
	    syscall(SYS_futex, wordPtr, FUTEX_WAKE, INT_MAX);
	    nanosleep(&moment, NULL);
	}
    }
    SsForkLock();
    UnlimitLocked();
    SsForkUnlock();
    CloseDescriptors();
}
