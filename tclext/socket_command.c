/*
 * socket_command.c --
 *
 *	The command ::socketserver::socket: arguments in, results and error
 *	codes out.
 */

#include "commands.h"
#include "accept.h"
#include "arguments.h"
#include "connection.h"
#include "fork.h"
#include "limit.h"
#include "listener.h"
#include "queue.h"
#include "request.h"
#include "result.h"
#include "serve.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* The options of the subcommands that take a connection. */

typedef struct TakeOptions {
    Tcl_Obj *portPtr;		/* NULL: the first. */
    int timeout;		/* Milliseconds; -1: none. */
    Tcl_Obj *closedPtr;		/* NULL: not given. */
} TakeOptions;

/* Sets all of the options. */
static int
GetTakeOptions(
    Tcl_Interp *interp,
    int count,			/* How many words, an even number. */
    Tcl_Obj *const objv[],	/* Options and values. */
    const char *const *names,	/* The first few of -port, -closed and
				 * -timeout, in this order. */
    TakeOptions *optionsPtr)
{
    enum { PORT, CLOSED, TIMEOUT };
    int i, index;
    Tcl_Size length;

    optionsPtr->portPtr = NULL;
    optionsPtr->timeout = -1;
    optionsPtr->closedPtr = NULL;
    for (i = 0; i < count; i += 2) {
	if (SsGetIndex(interp, objv[i], names, "option", &index) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (index == PORT) {
	    optionsPtr->portPtr = objv[i + 1];
	}
	if (index == TIMEOUT && SsGetNumber(interp, objv[i + 1], "-timeout", 0,
		INT_MAX, &optionsPtr->timeout) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (index == CLOSED) {
	    optionsPtr->closedPtr = objv[i + 1];
	    if (Tcl_ListObjLength(NULL, objv[i + 1], &length) != TCL_OK) {
		return SsBadValue(interp, objv[i + 1], "-closed",
			"a command prefix");
	    }
	}
    }
    return TCL_OK;
}

/* The names of all listeners of a port, kept as the interpreter's result. */
static Tcl_Obj *
NamesOf(Tcl_Interp *interp, int number)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    SsPort *portPtr;
    int i;

    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	for (i = 0; portPtr->serving && i < portPtr->numListeners; i++) {
	    if (portPtr->listeners[i].port == number) {
		Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
			portPtr->listeners[i].name, -1));
	    }
	}
    }
    SsForkUnlock();
    Tcl_SetObjResult(interp, listPtr);
    return listPtr;
}

static SsPort *
UseNamed(
    Tcl_Interp *interp,
    Tcl_Obj *namePtr)		/* What -port says. */
{
    const char *name = Tcl_GetString(namePtr);
    SsPort *portPtr;
    int number = 0, count;

    if (strchr(name, ':') == NULL && SsGetNumber(interp, namePtr, "-port", 1,
	    65535, &number) != TCL_OK) {
	return NULL;
    }
    SsForkLock();
    portPtr = SsPortNamedLocked(name, number, &count);
    if (portPtr != NULL) {
	SsPortUseLocked(portPtr);
    }
    SsForkUnlock();
    if (portPtr == NULL && count > 0) {
	SsErrorOurs(interp, "USAGE", "port %d has %d listeners: give the"
		" name of one of %s", number, count,
		Tcl_GetString(NamesOf(interp, number)));
    } else if (portPtr == NULL && number == 0) {
	SsErrorOurs(interp, "NOPORT", "listener \"%.100s\" is not served:"
		" serve it before the fork", name);
    } else if (portPtr == NULL) {
	SsErrorOurs(interp, "NOPORT", "port %d is not served: call"
		" \"::socketserver::socket server %d\" before the fork",
		number, number);
    }
    return portPtr;
}

/*
 * The port that a command's options mean, kept until DropPort; NULL leaves a
 * message in the interpreter.
 */
static SsPort *
UsePort(
    Tcl_Interp *interp,
    int count,			/* As for GetTakeOptions... */
    Tcl_Obj *const objv[],
    const char *const *names,
    TakeOptions *optionsPtr)	/* ...which sets this. */
{
    SsPort *portPtr;

    if (GetTakeOptions(interp, count, objv, names, optionsPtr) != TCL_OK) {
	return NULL;
    }
    if (optionsPtr->portPtr != NULL) {
	return UseNamed(interp, optionsPtr->portPtr);
    }
    SsForkLock();
    portPtr = SsPortFindLocked(0);
    if (portPtr != NULL) {
	SsPortUseLocked(portPtr);
    }
    SsForkUnlock();
    if (portPtr == NULL) {
	SsErrorOurs(interp, "NOPORT", "no port is served: call"
		" \"::socketserver::socket server\" before the fork");
    }
    return portPtr;
}

static void
DropPort(SsPort *portPtr)
{
    SsForkLock();
    SsPortDropLocked(portPtr);
    SsForkUnlock();
}

/*
 * Asking for a connection that can't come any more is an error where nobody
 * would hear of the queue's end otherwise.
 */
static int
CheckOpen(
    Tcl_Interp *interp,
    const SsPort *portPtr,
    Tcl_Obj *closedPtr)		/* What -closed gave, or NULL. */
{
    int told = (closedPtr == NULL) ? SsPortInherited(portPtr)
	    : Tcl_GetCharLength(closedPtr) > 0;

    if (portPtr->ended && !told) {
	return SsErrorClosed(interp, portPtr->number);
    }
    return TCL_OK;
}

static int
ServerSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsServeOptions wanted;
    int port;

    if (SsListenersGet(interp, objc - 2, objv + 2, 1, &wanted) != TCL_OK
	    || SsServe(interp, &wanted, 1, &port) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(port));
    return TCL_OK;
}

static int
ClientSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const names[] = { "-port", "-closed", NULL };
    TakeOptions options;
    SsPort *portPtr;
    int code;

    portPtr = UsePort(interp, objc - 3, objv + 2, names, &options);
    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = CheckOpen(interp, portPtr, options.closedPtr);
    if (code == TCL_OK) {
	code = SsRequest(interp, portPtr, objv[objc - 1], options.closedPtr);
    }
    DropPort(portPtr);
    return code;
}

static int
AcceptSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const names[] = {
	"-port", "-closed", "-timeout", NULL
    };
    TakeOptions options;
    SsPort *portPtr;
    int code;

    portPtr = UsePort(interp, objc - 2, objv + 2, names, &options);
    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = SsAccept(interp, portPtr, options.timeout, options.closedPtr);
    DropPort(portPtr);
    return code;
}

static int
CloseSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const names[] = { "-port", NULL };
    TakeOptions options;
    SsPort *portPtr;
    int number;

    portPtr = UsePort(interp, objc - 2, objv + 2, names, &options);
    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    number = portPtr->number;
    DropPort(portPtr);
    return SsServeClose(interp, number);
}

static void
AddOnce(
    Tcl_Obj *listPtr,		/* Of numbers. */
    int number)
{
    Tcl_Obj **words;
    Tcl_Size i, count;
    int known;

    Tcl_ListObjGetElements(NULL, listPtr, &count, &words);
    for (i = 0; i < count; i++) {
	if (Tcl_GetIntFromObj(NULL, words[i], &known) == TCL_OK
		&& known == number) {
	    return;
	}
    }
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewIntObj(number));
}

static int
PortsSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *listPtr;
    SsPort *portPtr, *nextPtr;
    int i;

    listPtr = Tcl_NewListObj(0, NULL);
    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (!SsPortServedHere(portPtr) && (!SsPortInherited(portPtr)
		|| !portPtr->serving || SsPortAtEndLocked(portPtr))) {
	    continue;
	}
	for (i = 0; i < portPtr->numListeners; i++) {
	    AddOnce(listPtr, portPtr->listeners[i].port);
	}
    }
    SsForkUnlock();
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

static int
StatusSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    static const char *const names[] = { "-port", NULL };
    SsServeCounts counts;
    TakeOptions options;
    SsPort *portPtr;
    Tcl_Obj *dictPtr;
    uint64_t received, discarded;
    int serving, limit, open;

    portPtr = UsePort(interp, objc - 2, objv + 2, names, &options);
    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    serving = SsPortServedHere(portPtr);
    if (serving && SsServeStatus(interp, portPtr->number, &counts)
	    != TCL_OK) {
	DropPort(portPtr);
	return TCL_ERROR;
    }
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "port", portPtr->number);
    SsPutNumber(dictPtr, "serving", serving);
    SsPutNumber(dictPtr, "queued",
	    portPtr->ended ? 0 : SsQueueLength(portPtr->queueFd));
    if (serving) {
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("listeners", -1),
		SsListenersDescribe(portPtr));
	SsPutNumber(dictPtr, "accepted", counts.accepted);
	SsPutNumber(dictPtr, "handedOver", counts.handedOver);
	SsPutNumber(dictPtr, "held", counts.held);
	SsPutNumber(dictPtr, "lost", counts.lost);
	SsPutNumber(dictPtr, "waits", counts.waits);
	SsPutNumber(dictPtr, "retries", counts.retries);
	SsPutNumber(dictPtr, "pauses", counts.pauses);
    }
    if (serving && SsLimitGet(&limit, &open) == 0) {
	SsPutNumber(dictPtr, "limit", limit);
	SsPutNumber(dictPtr, "open", open);
    }
    SsConnectionCounts(&received, &discarded);
    SsPutNumber(dictPtr, "received", received);
    SsPutNumber(dictPtr, "discarded", discarded);
    DropPort(portPtr);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

const SsSubcommand ssSocketSubcommands[] = {
    { "accept", AcceptSubcommand, 0, SS_OPTIONS,
	"?-port port? ?-timeout ms? ?-closed cmd?" },
    { "client", ClientSubcommand, 1, SS_OPTIONS,
	"?-port port? ?-closed cmd? handlerProc" },
    { "close", CloseSubcommand, 0, SS_OPTIONS, "?-port port?" },
    { "ports", PortsSubcommand, 0, 0, "" },
    { "server", ServerSubcommand, 1, SS_OPTIONS,
	"?-myaddr addr? ?-backlog n? ?-reuseport bool? port" },
    { "status", StatusSubcommand, 0, SS_OPTIONS, "?-port port?" },
    { NULL, NULL, 0, 0, NULL }
};
