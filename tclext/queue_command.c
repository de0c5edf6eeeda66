/*
 * queue_command.c --
 *
 *	The command ::socketserver::Queue.
 */

#include "commands.h"
#include "arguments.h"
#include "connection.h"
#include "fork.h"
#include "listener.h"
#include "ports.h"
#include "queue.h"
#include "request.h"
#include "result.h"
#include "return.h"
#include "serve.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MOST_RETIRED 65535	/* At once. */

static int
GetPort(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    int *portPtr)		/* Set. */
{
    int known;

    if (SsGetNumber(interp, objPtr, "port", 1, 65535, portPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    known = (SsPortFindLocked(*portPtr) != NULL);
    SsForkUnlock();
    if (!known) {
	return SsErrorOurs(interp, "NOPORT", "port %d is not served",
		*portPtr);
    }
    return TCL_OK;
}

/* -1: the queue has ended; then it is closed, and the port may be freed. */
static int
QueueLengthLocked(SsPort *portPtr)
{
    if (portPtr->ended
	    || (!portPtr->serving && SsPortAtEndLocked(portPtr))) {
	return -1;
    }
    return SsQueueLength(portPtr->queueFd);
}

/* As "socket server", with a list of each. */
static int
ServeSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *wordsPtr = (objc > 3) ? Tcl_DuplicateObj(objv[3])
	    : Tcl_NewListObj(0, NULL);
    SsServeOptions *wanted;
    Tcl_Obj **words;
    Tcl_Size numWords, count;
    int port, code;

    Tcl_IncrRefCount(wordsPtr);
    if (Tcl_ListObjLength(interp, objv[2], &count) != TCL_OK
	    || Tcl_ListObjAppendList(interp, wordsPtr, objv[2]) != TCL_OK
	    || Tcl_ListObjGetElements(interp, wordsPtr, &numWords, &words)
		    != TCL_OK) {
	Tcl_DecrRefCount(wordsPtr);
	return SsUsageError(interp);
    }
    if (count < 1 || count > SS_LISTENERS_MOST || (numWords - count) % 2) {
	Tcl_DecrRefCount(wordsPtr);
	return SsErrorOurs(interp, "USAGE", "a queue has 1 to %d listeners,"
		" and each option a value", SS_LISTENERS_MOST);
    }
    wanted = (SsServeOptions *) Tcl_Alloc((unsigned) count
	    * sizeof(SsServeOptions));
    code = SsListenersGet(interp, (int) numWords, words, (int) count, wanted);
    if (code == TCL_OK) {
	code = SsServe(interp, wanted, (int) count, &port);
    }
    if (code == TCL_OK) {
	Tcl_SetObjResult(interp, Tcl_NewIntObj(port));
    }
    Tcl_Free((char *) wanted);
    Tcl_DecrRefCount(wordsPtr);
    return code;
}

static int
ListenerSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int number = SsConnectionListener(Tcl_GetString(objv[2]));

    if (number < 0) {
	return SsErrorOurs(interp, "USAGE", "channel \"%s\" is no open"
		" connection", Tcl_GetString(objv[2]));
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(number));
    return TCL_OK;
}

static int
ListenersSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *listPtr;
    int port;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    listPtr = SsListenersDescribe(SsPortFindLocked(port));
    SsForkUnlock();
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

static int
RenewSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port, queue;

    if (GetPort(interp, objv[2], &port) != TCL_OK
	    || SsServeRenew(interp, port, &queue) != TCL_OK) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(queue));
    return TCL_OK;
}

static int
SwitchSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsServeSwitch(interp, port);
}

static int
AbandonSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsServeAbandon(interp, port);
}

static int
RetireSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port, workers = 1;

    if (GetPort(interp, objv[2], &port) != TCL_OK || (objc > 3
	    && SsGetNumber(interp, objv[3], "number of workers", 0,
		    MOST_RETIRED, &workers) != TCL_OK)) {
	return TCL_ERROR;
    }
    return SsServeRetire(interp, port, workers);
}

static int
ReturnSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    return SsServeReturn(interp, port);
}

static int
ReturnedSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Obj *dictPtr;
    int64_t got, refused;
    int port;

    if (GetPort(interp, objv[2], &port) != TCL_OK
	    || SsServeReturned(interp, port, &got, &refused) != TCL_OK) {
	return TCL_ERROR;
    }
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "got", got);
    SsPutNumber(dictPtr, "refused", refused);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

static int
TellSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port, number, error;

    if (GetPort(interp, objv[2], &port) != TCL_OK
	    || SsGetNumber(interp, objv[3], "number", 0, INT_MAX, &number)
		    != TCL_OK) {
	return TCL_ERROR;
    }
    error = SsReturnSend(port, SS_RETURN_ENDED, (uint32_t) number);
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't tell the server of port"
		" %d: %s", port, strerror(error));
    }
    return TCL_OK;
}

/*
 * In a worker, which doesn't know which one is fed, the newest queue counts as
 * the current.
 */
static int
LengthSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsPort *portPtr, *nextPtr;
    Tcl_Obj *dictPtr;
    Tcl_WideInt current = 0, old = 0;
    int port, sending, queue, length;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    sending = SsServeSendingLocked(port);
    if (sending == 0) {
	sending = SsPortFindLocked(port)->queue;
    }
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	queue = portPtr->queue;
	if (portPtr->number != port || queue > sending) {
	    continue;
	}
	length = QueueLengthLocked(portPtr);
	if (length >= 0) {
	    *((queue == sending) ? &current : &old) += length;
	}
    }
    SsForkUnlock();
    dictPtr = Tcl_NewDictObj();
    SsPutNumber(dictPtr, "current", current);
    SsPutNumber(dictPtr, "old", old);
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

static int
ListSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsPort *portPtr, *nextPtr;
    Tcl_Obj *dictPtr;
    int port, queue, length;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    dictPtr = Tcl_NewDictObj();
    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	queue = portPtr->queue;
	if (portPtr->number != port) {
	    continue;
	}
	length = QueueLengthLocked(portPtr);
	if (length >= 0) {
	    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewIntObj(queue),
		    Tcl_NewIntObj(length));
	}
    }
    SsForkUnlock();
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

/*
 * Closes what is queued.  A descriptor for which there is no room the system
 * closes itself.
 */
static int
DiscardLocked(
    SsPort *portPtr)		/* Freed if its queue has ended. */
{
    SsArrival arrival;
    int count = 0;

    for (;;) {
	switch (SsQueueReceive(portPtr->queueFd, &arrival)) {
	case SS_RECEIVE_GOT:
	    close(arrival.fd);
	    count++;
	    break;
	case SS_RECEIVE_LOST:
	    count++;
	    break;
	case SS_RECEIVE_RETIRE:
	case SS_RECEIVE_REJECTED:
	    break;
	case SS_RECEIVE_END:
	    SsPortEndLocked(portPtr);
	    return count;
	default:
	    return count;
	}
    }
}

static int
DiscardSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsPort *portPtr, *nextPtr;
    int port, count = 0;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (portPtr->number == port && !portPtr->ended) {
	    count += DiscardLocked(portPtr);
	}
    }
    SsForkUnlock();
    Tcl_SetObjResult(interp, Tcl_NewIntObj(count));
    return TCL_OK;
}

static int
NumberSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port, queue;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    queue = SsPortFindLocked(port)->queue;
    SsForkUnlock();
    Tcl_SetObjResult(interp, Tcl_NewIntObj(queue));
    return TCL_OK;
}

static int
UseSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    SsPort *portPtr;
    int port, queue, inherited = 1;

    if (GetPort(interp, objv[2], &port) != TCL_OK
	    || SsGetNumber(interp, objv[3], "queue", 1, INT_MAX, &queue)
		    != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    portPtr = SsPortQueueLocked(port, queue);
    if (portPtr != NULL) {
	inherited = SsPortInherited(portPtr);
    }
    if (portPtr != NULL && inherited) {
	SsPortKeepLocked(portPtr);
    }
    SsForkUnlock();
    if (portPtr == NULL) {
	return SsErrorOurs(interp, "NOQUEUE", "port %d has no queue %d",
		port, queue);
    }
    if (!inherited) {
	return SsErrorOurs(interp, "SERVER",
		"port %d is served by this process, which needs all of its"
		" queues: do this in a worker", port);
    }
    return TCL_OK;
}

static int
WithdrawSubcommand(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int port, withdrawn;

    if (GetPort(interp, objv[2], &port) != TCL_OK) {
	return TCL_ERROR;
    }
    withdrawn = SsRequestWithdraw(interp, port);
    Tcl_SetObjResult(interp, Tcl_NewBooleanObj(withdrawn));
    return TCL_OK;
}

const SsSubcommand ssQueueSubcommands[] = {
    { "abandon", AbandonSubcommand, 1, 1, "port" },
    { "discard", DiscardSubcommand, 1, 1, "port" },
    { "length", LengthSubcommand, 1, 1, "port" },
    { "list", ListSubcommand, 1, 1, "port" },
    { "listener", ListenerSubcommand, 1, 1, "channel" },
    { "listeners", ListenersSubcommand, 1, 1, "port" },
    { "number", NumberSubcommand, 1, 1, "port" },
    { "renew", RenewSubcommand, 1, 1, "port" },
    { "retire", RetireSubcommand, 1, 2, "port ?n?" },
    { "return", ReturnSubcommand, 1, 1, "port" },
    { "returned", ReturnedSubcommand, 1, 1, "port" },
    { "serve", ServeSubcommand, 1, 2, "listeners ?options?" },
    { "switch", SwitchSubcommand, 1, 1, "port" },
    { "tell", TellSubcommand, 2, 2, "port n" },
    { "use", UseSubcommand, 2, 2, "port number" },
    { "withdraw", WithdrawSubcommand, 1, 1, "port" },
    { NULL, NULL, 0, 0, NULL }
};
