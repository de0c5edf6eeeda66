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

/* Options, in the order of acceptKinds. */

enum { PORT, CLOSED, TIMEOUT };

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
 * The port that -port means, kept until DropPort; NULL leaves a message in the
 * interpreter.
 */
static SsPort *
UsePort(
    Tcl_Interp *interp,
    Tcl_Obj *namePtr)		/* NULL: the first. */
{
    SsPort *portPtr;

    if (namePtr != NULL) {
	return UseNamed(interp, namePtr);
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
ServerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { LISTENER = 3 };
    SsServeOptions wanted;
    int port;

    if (SsListenersGet(interp, words, 1, &words[LISTENER].objPtr, &wanted)
	    != TCL_OK || SsServe(interp, &wanted, 1, &port) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsResultNumber(interp, port);
}

static int
ClientSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { HANDLER = 2 };
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = CheckOpen(interp, portPtr, words[CLOSED].objPtr);
    if (code == TCL_OK) {
	code = SsRequest(interp, portPtr, words[HANDLER].objPtr,
		words[CLOSED].objPtr);
    }
    DropPort(portPtr);
    return code;
}

static int
AcceptSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = SsAccept(interp, portPtr,
	    words[TIMEOUT].objPtr ? words[TIMEOUT].number : -1,
	    words[CLOSED].objPtr);
    DropPort(portPtr);
    return code;
}

static int
CloseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr);
    int number;

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
PortsSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
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
StatusSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr);
    SsServeCounts counts;
    Tcl_Obj *dictPtr;
    uint64_t received, discarded;
    int serving, limit, open;

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

#define PORT_KIND { "-port", 0, 0, NULL }
#define CLOSED_KIND { "-closed", 0, 0, SsPrefixKind }
#define LAST_KIND { NULL, 0, 0, NULL }

static const SsKind acceptKinds[] = {
    PORT_KIND, CLOSED_KIND, { "-timeout", 0, INT_MAX, NULL }, LAST_KIND
};
static const SsKind clientKinds[] = { PORT_KIND, CLOSED_KIND, LAST_KIND };
static const SsKind portKinds[] = { PORT_KIND, LAST_KIND };

const SsSubcommand ssSocketSubcommands[] = {
    { "accept", AcceptSubcommand, "?-port port? ?-timeout ms? ?-closed cmd?",
	acceptKinds },
    { "client", ClientSubcommand, "?-port port? ?-closed cmd? handlerProc",
	clientKinds },
    { "close", CloseSubcommand, "?-port port?", portKinds },
    { "ports", PortsSubcommand, "", portKinds },
    { "server", ServerSubcommand, SS_LISTENER_USAGE " port",
	ssListenerKinds },
    { "status", StatusSubcommand, "?-port port?", portKinds },
    { NULL, NULL, NULL, NULL }
};
