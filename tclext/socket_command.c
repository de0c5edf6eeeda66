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
#include "listener_options.h"
#include "named_port.h"
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

static int
ServerSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    int number;

    if (SsListenersServe(interp, words, 1,
	    &words[SS_LISTENER_OPTIONS].objPtr, NULL, &number) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    Tcl_SetObjResult(interp,
	    SsListenerPort(&SsPortFindLocked(number)->listeners[0]));
    SsForkUnlock();
    return TCL_OK;
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
    SsPort *portPtr = SsNamedPortUse(interp, words[PORT].objPtr, &use);
    Tcl_Obj *closedPtr = words[CLOSED].objPtr;
    int told, code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    told = (closedPtr == NULL) ? SsPortInherited(portPtr)
	    : Tcl_GetCharLength(closedPtr) > 0;
    code = (portPtr->ended && !told) ? SsErrorClosed(interp, portPtr->called)
	    : SsRequest(interp, portPtr, words[HANDLER].objPtr, closedPtr);
    SsNamedPortDrop(&use);
    return code;
}

static int
AcceptSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPortUse use;
    SsPort *portPtr = SsNamedPortUse(interp, words[PORT].objPtr, &use);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = SsAccept(interp, portPtr,
	    words[TIMEOUT].objPtr ? words[TIMEOUT].number : -1,
	    words[CLOSED].objPtr);
    SsNamedPortDrop(&use);
    return code;
}

static int
CloseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPortUse use;
    SsPort *portPtr = SsNamedPortUse(interp, words[PORT].objPtr, &use);
    int number;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    number = portPtr->number;
    SsNamedPortDrop(&use);
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
		    SsListenerPort(&portPtr->listeners[i]), Tcl_NewObj());
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
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("port", -1),
	    SsListenerPort(&portPtr->listeners[0]));
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
    SsPort *portPtr = SsNamedPortUse(interp, words[PORT].objPtr, &use);
    int code;

    if (portPtr == NULL) {
	return TCL_ERROR;
    }
    code = Status(interp, portPtr);
    SsNamedPortDrop(&use);
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
