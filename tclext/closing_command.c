/*
 * closing_command.c --
 *
 *	The commands ::socketserver::Closing, which tells a worker that a
 *	connection is closed, and ::socketserver::Cut, which ends one.
 */

#include "commands.h"
#include "arguments.h"
#include "callback.h"
#include "connection.h"
#include "fork.h"
#include "result.h"

/*
 * Made when the command is called, queued when the channel is closed; then
 * Tcl frees it.
 */

typedef struct ClosingEvent {
    Tcl_Event header;
    Tcl_Interp *interp;		/* Preserved. */
    Tcl_Obj *prefixPtr;		/* What to evaluate in it. */
    Tcl_ThreadId thread;	/* Whose interpreter it is. */
    int process;		/* Which, as SsForkCount tells. */
} ClosingEvent;

int
SsCutObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    if (objc != 2) {
	return SsWrongArgs(interp, 1, objv, "name");
    }
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(
	    SsConnectionCut(Tcl_GetString(objv[1])) == 0));
    return TCL_OK;
}

/* A forked child that got a copy of the event evaluates nothing. */

static int
ClosingEventProc(Tcl_Event *evPtr, int flags)
{
    ClosingEvent *eventPtr = (ClosingEvent *) evPtr;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    if (eventPtr->process == SsForkCount()
	    && !Tcl_InterpDeleted(eventPtr->interp)) {
	SsCallbackTell(eventPtr->interp, eventPtr->prefixPtr, NULL);
    }
    Tcl_DecrRefCount(eventPtr->prefixPtr);
    Tcl_Release(eventPtr->interp);
    return 1;
}

/* The channel is being closed, by whichever thread has it now. */

static void
ClosedProc(
    void *clientData)		/* The event, for the thread that asked. */
{
    ClosingEvent *eventPtr = (ClosingEvent *) clientData;

    SsForkLock();
    Tcl_ThreadQueueEvent(eventPtr->thread, &eventPtr->header,
	    TCL_QUEUE_TAIL);
    Tcl_ThreadAlert(eventPtr->thread);
    SsForkUnlock();
}

int
SsClosingObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    static const SsKind kinds[] = {
	{ "cmdPrefix", 1, 0, SsPrefixKind },
	{ NULL, 0, 0, NULL }
    };
    SsWord words[SS_WORDS_MOST];
    ClosingEvent *eventPtr;
    Tcl_Channel channel;

    if (SsReadWords(interp, "channel cmdPrefix", kinds, 1, objc, objv, words)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    channel = Tcl_GetChannel(interp, Tcl_GetString(objv[1]), NULL);
    if (channel == NULL) {
	return SsUsageError(interp);
    }
    eventPtr = (ClosingEvent *) Tcl_Alloc(sizeof(ClosingEvent));
    eventPtr->header.proc = ClosingEventProc;
    eventPtr->interp = interp;
    eventPtr->prefixPtr = objv[2];
    eventPtr->thread = Tcl_GetCurrentThread();
    eventPtr->process = SsForkCount();
    if (SsConnectionWhenClosed(channel, ClosedProc, eventPtr) < 0) {
	Tcl_Free((char *) eventPtr);
	return SsErrorOurs(interp, "USAGE", "channel \"%s\" is no open"
		" connection, or has such a command already",
		Tcl_GetString(objv[1]));
    }
    Tcl_Preserve(interp);
    Tcl_IncrRefCount(eventPtr->prefixPtr);
    return TCL_OK;
}
