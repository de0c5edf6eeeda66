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
#include "info.h"
#include "limit.h"
#include "listener.h"
#include "park.h"
#include "queue.h"
#include "request.h"
#include "result.h"
#include "serve.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Options, in the order of acceptKinds. */

enum { PORT, CLOSED, TIMEOUT };

/* The names of all listeners of a port, a new list. */
static Tcl_Obj *
NamesOfLocked(int number)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    SsPort *portPtr;
    int i;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	for (i = 0; portPtr->serving && i < portPtr->numListeners; i++) {
	    if (portPtr->listeners[i].port == number) {
		Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
			portPtr->listeners[i].name, -1));
	    }
	}
    }
    return listPtr;
}

static SsPort *
FindLocked(
    Tcl_Interp *interp,
    const char *name,		/* What -port says; NULL: the first port... */
    int number)			/* ...and as a number; 0: it is none. */
{
    Tcl_Obj *namesPtr;
    int count = 0;
    SsPort *portPtr = (name == NULL) ? SsPortFindLocked(0)
	    : SsPortNamedLocked(name, number, &count);

    if (portPtr != NULL) {
	return portPtr;
    }
    if (count > 0) {
	namesPtr = NamesOfLocked(number);
	SsErrorOurs(interp, "USAGE", "port %d has %d listeners: give the"
		" name of one of %s", number, count, Tcl_GetString(namesPtr));
	Tcl_DecrRefCount(namesPtr);
    } else if (name == NULL) {
	SsErrorOurs(interp, "NOPORT", "no port is served: call"
		" \"::socketserver::socket server\" before the fork");
    } else if (number == 0) {
	SsErrorOurs(interp, "NOPORT", "listener \"%.100s\" is not served:"
		" serve it before the fork", name);
    } else {
	SsErrorOurs(interp, "NOPORT", "port %d is not served: call"
		" \"::socketserver::socket server %d\" before the fork",
		number, number);
    }
    return NULL;
}

/*
 * The port that -port means, kept until DropPort; NULL leaves a message in the
 * interpreter.
 */
static SsPort *
UsePort(
    Tcl_Interp *interp,
    Tcl_Obj *namePtr,		/* NULL: the first. */
    SsPortUse *usePtr)		/* Set. */
{
    const char *name = (namePtr == NULL) ? NULL : Tcl_GetString(namePtr);
    SsPort *portPtr;
    int number = 0;

    if (name != NULL && strchr(name, ':') == NULL && SsGetNumber(interp,
	    namePtr, "-port", 1, 65535, &number) != TCL_OK) {
	return NULL;
    }
    SsForkLock();
    portPtr = FindLocked(interp, name, number);
    if (portPtr != NULL) {
	SsPortUseLocked(usePtr, portPtr);
    }
    SsForkUnlock();
    return portPtr;
}

static void
DropPort(SsPortUse *usePtr)
{
    SsForkLock();
    SsPortDropLocked(usePtr);
    SsForkUnlock();
}

static int
ServerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsListenersServe(interp, words, 1,
	    &words[SS_LISTENER_OPTIONS].objPtr);
}

/*
 * Asking for a connection that can't come any more is an error where nobody
 * would hear of the queue's end otherwise.
 */
static int
ClientSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { HANDLER = 2 };
    SsPortUse use;
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr, &use);
    Tcl_Obj *closedPtr = words[CLOSED].objPtr;
    int told, code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    told = (closedPtr == NULL) ? SsPortInherited(portPtr)
	    : Tcl_GetCharLength(closedPtr) > 0;
    code = (portPtr->ended && !told) ? SsErrorClosed(interp, portPtr->number)
	    : SsRequest(interp, portPtr, words[HANDLER].objPtr, closedPtr);
    DropPort(&use);
    return code;
}

static int
AcceptSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPortUse use;
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr, &use);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = SsAccept(interp, portPtr,
	    words[TIMEOUT].objPtr ? words[TIMEOUT].number : -1,
	    words[CLOSED].objPtr);
    DropPort(&use);
    return code;
}

static int
CloseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPortUse use;
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr, &use);
    int number;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    number = portPtr->number;
    DropPort(&use);
    return SsServeAsk(interp, number, "close", 0);
}

static int
PortsSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    SsPort *portPtr, *nextPtr;
    int i, done;

    /* The keys of a dict keep their order, and are there once. */
    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (!SsPortServedHere(portPtr) && (!SsPortInherited(portPtr)
		|| !portPtr->serving || SsPortAtEndLocked(portPtr))) {
	    continue;
	}
	for (i = 0; i < portPtr->numListeners; i++) {
	    Tcl_DictObjPut(NULL, dictPtr,
		    Tcl_NewIntObj(portPtr->listeners[i].port), Tcl_NewObj());
	}
    }
    SsForkUnlock();
    Tcl_DictObjFirst(NULL, dictPtr, &search, &keyPtr, &valuePtr, &done);
    for (; !done; Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	Tcl_ListObjAppendElement(NULL, listPtr, keyPtr);
    }
    Tcl_DecrRefCount(dictPtr);
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/* Sets the result. */
static int
Status(Tcl_Interp *interp, const SsPort *portPtr)
{
    Tcl_Obj *dictPtr;
    uint64_t received, discarded;
    int serving = SsPortServedHere(portPtr), limit, open;

    if (serving && SsServeAsk(interp, portPtr->number, "status", 0)
	    != TCL_OK) {
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
	Tcl_ListObjAppendList(NULL, dictPtr, Tcl_GetObjResult(interp));
    }
    if (serving) {
	SsLimitGet(&limit, &open);
	SsPutNumber(dictPtr, "limit", limit);
	SsPutNumber(dictPtr, "open", open);
    }
    SsConnectionCounts(&received, &discarded);
    SsPutNumber(dictPtr, "received", received);
    SsPutNumber(dictPtr, "discarded", discarded);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

static int
StatusSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPortUse use;
    SsPort *portPtr = UsePort(interp, words[PORT].objPtr, &use);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = Status(interp, portPtr);
    DropPort(&use);
    return code;
}

/* Options, in the order of parkKinds. */

enum { PARK_TAG, PARK_TIMEOUT, PARK_CHANNEL };

static int
ParkSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_Obj *tagPtr = words[PARK_TAG].objPtr;
    Tcl_Size length = 0;
    const char *tag = (tagPtr == NULL) ? ""
	    : Tcl_GetStringFromObj(tagPtr, &length);

    return SsConnectionPark(interp, Tcl_GetString(words[PARK_CHANNEL].objPtr),
	    words[PARK_TIMEOUT].number, tag, (int) length);
}

static int
InfoSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsConnectionInfo(interp, Tcl_GetString(words[0].objPtr));
}

#define PORT_KIND { "-port", 0, 0, NULL }
#define CLOSED_KIND { "-closed", 0, 0, SsPrefixKind }
#define LAST_KIND { NULL, 0, 0, NULL }

static const SsKind acceptKinds[] = {
    PORT_KIND, CLOSED_KIND, { "-timeout", 0, INT_MAX, NULL }, LAST_KIND
};
static const SsKind clientKinds[] = { PORT_KIND, CLOSED_KIND, LAST_KIND };
static const SsKind parkKinds[] = {
    { "-tag", 0, 0, NULL }, { "-timeout", 0, 0, SsSecondsKind }, LAST_KIND
};
static const SsKind portKinds[] = { PORT_KIND, LAST_KIND };

const SsSubcommand ssSocketSubcommands[] = {
    { "accept", AcceptSubcommand, "?-port port? ?-timeout ms? ?-closed cmd?",
	acceptKinds },
    { "client", ClientSubcommand, "?-port port? ?-closed cmd? handlerProc",
	clientKinds },
    { "close", CloseSubcommand, "?-port port?", portKinds },
    { "info", InfoSubcommand, "channel", portKinds },
    { "park", ParkSubcommand, "?-timeout seconds? ?-tag text? channel",
	parkKinds },
    { "ports", PortsSubcommand, "", portKinds },
    { "server", ServerSubcommand, SS_LISTENER_USAGE " port",
	ssListenerKinds },
    { "status", StatusSubcommand, "?-port port?", portKinds },
    { NULL, NULL, NULL, NULL }
};
