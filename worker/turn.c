#include "turn.h"
#include "asked.h"
#include "budget.h"
#include "connection.h"
#include "fork.h"
#include "stack.h"

#include <stdatomic.h>

/* What becomes of the error that is asked for: to be raised; "vwait" ends. */

enum { NOT, WANTED, BOUND };

/*
 * Written with the fork lock held, and read with it in other threads than
 * Tcl's.  The depth is the Tcl thread's.
 */
static struct {
    Tcl_Interp *interp;		/* NULL: deleted. */
    int depth;			/* What was evaluated there already. */
    Tcl_ThreadId thread;	/* Tcl's... */
    Tcl_AsyncHandler handler;	/* ...which has this, or NULL. */
    int limited;		/* The budget is spent, for a turn. */
} own;

/* Set by another thread, taken by the Tcl thread. */

static atomic_int wanted;
static atomic_llong since;	/* For whose sake, as SsConnectionsSince has
				 * it. */
static SsStack stack;		/* The Tcl thread's; while it traces, of who
				 * moves that to telling. */

/* Of each thread that it has begun in: one that it has left goes on. */

static __thread struct {
    Tcl_AsyncHandler handler;	/* NULL: it never began there. */
    int isBusy;			/* It evaluates something for us. */
    int isQueued;		/* There is an event of ours. */
    Tcl_Trace trace;		/* Of the next command that is called... */
    Tcl_Interp *tracedInterp;	/* ...there, or NULL. */
    SsBudget budget;		/* Before the wait was bound. */
} here __attribute__((tls_model("initial-exec")));

static int
Is(int before, int after)
{
    return atomic_compare_exchange_strong(&wanted, &before, after);
}

static int
IsHere(void)
{
    return SsAskedIsOwn() && own.thread == Tcl_GetCurrentThread();
}

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

/* The turn is taken: with its limit nothing could be evaluated. */
static void
Unlimit(void)
{
    int wasLimited, wasBusy = here.isBusy;

    SsForkLock();
    wasLimited = UnlimitLocked();
    SsForkUnlock();
    if (wasLimited) {
	here.isBusy = 1;
	SsBudgetFreeChildren(own.interp);
	here.isBusy = wasBusy;
    }
}

/* NULL: the interpreter is deleted, and there is nothing. */
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
    SsAskedTell(stack.text, stack.length);
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

void
SsTurnMark(void)
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
    if (IsHere() && SsAskedMove(SS_ASKED_TRACING, SS_ASKED_TELLING)) {
	Take(interp);
	TellTaken();
	if (atomic_load(&wanted) == WANTED && !stack.isOurs) {
	    SsTurnMark();
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
    Take(interp);
    if (!mayTrace || !stack.isInline || stack.isOurs) {
	TellTaken();
	return;
    }
    here.tracedInterp = interp;
    SsAskedMove(SS_ASKED_TELLING, SS_ASKED_TRACING);
    here.trace = Tcl_CreateObjTrace(interp, 0, TCL_ALLOW_INLINE_COMPILATION,
	    TraceProc, NULL, UntraceProc);
}

/* Whether it is still to be raised, and may be here; it is tried once. */
static int
MayRaise(Tcl_Interp *interp)
{
    if (!Is(WANTED, NOT) || interp == NULL || since < 0
	    || SsConnectionsSince() != since) {
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

    here.budget = SsBudgetSpend(interp);
    here.isBusy = 1;
    Tcl_LimitCheck(interp);
    here.isBusy = 0;
    Tcl_RestoreInterpState(interp, state);
    atomic_store(&wanted, BOUND);
    SsTurnMark();
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
    if (SsAskedNow() != SS_ASKED_TRACING) {
	Untrace();
    }
    if (!IsHere()) {
	return;
    }
    if (SsAskedMove(SS_ASKED_OPEN, SS_ASKED_TELLING)) {
	Answer(interp, 1);
    }
    if (SsAskedNow() == SS_ASKED_NOTHING && atomic_load(&wanted) == WANTED) {
	SsTurnMark();
    }
}

/* Where there is an error to be raised, or Tcl looks for signals. */
static int
HandlerProc(void *clientData, Tcl_Interp *interp, int code)
{
    if (here.isBusy || !IsHere()) {
	return code;
    }
    if (own.interp != NULL && Is(BOUND, NOT)) {
	SsBudgetRestore(own.interp, here.budget);
	if (interp == own.interp && code == TCL_ERROR) {
	    code = Raise(interp);
	}
    }
    if (SsAskedMove(SS_ASKED_OPEN, SS_ASKED_TELLING)) {
	Answer((interp != NULL) ? interp : own.interp, interp != NULL);
    }
    if (interp != NULL && SsAskedNow() == SS_ASKED_NOTHING
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
    if (SsAskedMove(SS_ASKED_OPEN, SS_ASKED_TELLING)) {
	Answer(own.interp, 0);
    }
    if (SsAskedNow() == SS_ASKED_NOTHING && MayRaise(own.interp)) {
	Bind(own.interp);
    }
    return 1;
}

static int
Wants(void)
{
    SsAskedPhase phase = SsAskedNow();

    return (phase == SS_ASKED_OPEN || (phase == SS_ASKED_NOTHING
	    && atomic_load(&wanted) == WANTED)) && IsHere();
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

/* What Tcl is told of us. */
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
    if (here.handler == NULL) {
	here.handler = Tcl_AsyncCreate(HandlerProc, NULL);
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    }
}

void
SsTurnBegin(Tcl_Interp *interp)
{
    atomic_store(&wanted, NOT);
    Prepare(interp);
    own.depth = SsStackDepth(interp);
    SsForkLock();
    own.interp = interp;
    own.thread = Tcl_GetCurrentThread();
    own.handler = here.handler;
    SsForkUnlock();
}

void
SsTurnEnd(void)
{
    SsForkLock();
    UnlimitLocked();
    SsForkUnlock();
}

/*
 * The limit of who has one already is his: then it is found out by the
 * asynchronous handler.
 */
void
SsTurnGive(void)
{
    SsForkLock();
    if (own.handler != NULL && own.interp != NULL) {
	if (!Tcl_LimitTypeEnabled(own.interp, TCL_LIMIT_COMMANDS)) {
	    own.limited = 1;
	    SsBudgetSpend(own.interp);
	} else if (!own.limited) {
	    Tcl_AsyncMark(own.handler);
	}
	Tcl_ThreadAlert(own.thread);
    }
    SsForkUnlock();
}

void
SsTurnRaise(void)
{
    atomic_store(&since, SsConnectionsSince());
    Is(NOT, WANTED);
}

int
SsTurnTellTraced(void)
{
    if (!SsAskedMove(SS_ASKED_TRACING, SS_ASKED_TELLING)) {
	return 0;
    }
    SsAskedTell(stack.text, stack.length);
    SsTurnGive();		/* The trace is still there. */
    return 1;
}
