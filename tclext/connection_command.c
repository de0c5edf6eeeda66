/*
 * connection_command.c --
 *
 *	The command ::socketserver::Connection.
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

static int
ClosingSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_Channel channel = Tcl_GetChannel(interp,
	    Tcl_GetString(words[0].objPtr), NULL);
    ClosingEvent *eventPtr;

    if (channel == NULL) {
	return SsUsageError(interp);
    }
    eventPtr = (ClosingEvent *) Tcl_Alloc(sizeof(ClosingEvent));
    eventPtr->header.proc = ClosingEventProc;
    eventPtr->interp = interp;
    eventPtr->prefixPtr = words[1].objPtr;
    eventPtr->thread = Tcl_GetCurrentThread();
    eventPtr->process = SsForkCount();
    if (SsConnectionWhenClosed(channel, ClosedProc, eventPtr) < 0) {
	Tcl_Free((char *) eventPtr);
	return SsErrorOurs(interp, "USAGE", "channel \"%s\" is no open"
		" connection, or has such a command already",
		Tcl_GetString(words[0].objPtr));
    }
    Tcl_Preserve(interp);
    Tcl_IncrRefCount(eventPtr->prefixPtr);
    return TCL_OK;
}

static int
CutSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp,
	    SsConnectionCut(Tcl_GetString(words[0].objPtr)) == 0);
}

static int
LingeringSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp, SsConnectionsLingering());
}

static int
ListenerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const char *channel = Tcl_GetString(words[0].objPtr);
    int number = SsConnectionListener(channel);

    return (number >= 0) ? SsResultNumber(interp, number)
	    : SsErrorOurs(interp, "USAGE",
	    "channel \"%s\" is no open connection", channel);
}

static const SsKind kinds[] = {
    { "cmdPrefix", 1, 0, SsPrefixKind },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssConnectionSubcommands[] = {
    { "closing", ClosingSubcommand, "channel cmdPrefix", kinds },
    { "cut", CutSubcommand, "channel", kinds },
    { "lingering", LingeringSubcommand, "", kinds },
    { "listener", ListenerSubcommand, "channel", kinds },
    { NULL, NULL, NULL, NULL }
};
