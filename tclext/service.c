/*
 * service.c --
 *
 *	The ports that this process serves.
 */

#include "service.h"
#include "address.h"
#include "fork.h"
#include "gate.h"
#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Service {
    struct Service *nextPtr;
    int process;		/* Who serves, as SsForkCount tells: a forked
				 * child serves nothing of its parent's. */
    SsServeReply reply;		/* The handle, and this process's copies of
				 * the descriptors, on the list of those that
				 * a child closes. */
    int sending;		/* The queue that the accept loop sends to. */
    int renewFd;		/* The send end of a second queue, on that
				 * list, too; -1: none. */
    char asked[SS_ADDRESSES_SIZE];
				/* Where it was to listen; "": everywhere. */
    char bound[SS_ADDRESSES_SIZE];
				/* What of that this machine has; "" where
				 * that isn't known. */
    Tcl_Interp *interp;		/* Who hears of trouble, or NULL. */
    Tcl_ThreadId thread;	/* Its thread. */
} Service;

static Service *firstServicePtr = NULL;
				/* Guarded by the fork lock. */

static int	AlreadyServed(int port);
static int	CheckAddresses(Tcl_Interp *interp,
		    const SsServeRequest *requestPtr);
static int	Register(Tcl_Interp *interp,
		    const SsServeRequest *requestPtr,
		    const SsServeReply *replyPtr);
static void	Abandon(SsServeReply *replyPtr);
static void	ReleaseListenersLocked(SsServeReply *replyPtr);
static Service *FindLocked(int port);
static Service *FindHandleLocked(int handle);
static Service *TakeService(int port);
static int	AddQueueLocked(int port, const SsRenewReply *replyPtr);
static int	TakeRenewed(Tcl_Interp *interp, int port, int *handlePtr);
static void	PutRenewed(int port, int sendFd);
static void	CloseSendLocked(int sendFd);
static int	NotServer(Tcl_Interp *interp, int port, const char *what);
static int	ReportError(Tcl_Interp *interp, const SsGoError *errorPtr);
static void	ForgetOwner(void *clientData, Tcl_Interp *interp);
static void	TidyPorts(void);

/*
 *----------------------------------------------------------------------
 *
 * SsServe --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The process listens; an accept loop runs.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServe(
    Tcl_Interp *interp,
    SsServeRequest *requestPtr,
    int *portPtr)		/* Set to the port that listens. */
{
    SsServeReply reply;
    SsGoError error;
    int code = TCL_OK;

    TidyPorts();

    /*
     * Descriptors that are open but not yet on the list must not be copied
     * by another thread's fork.
     */

    SsForkDefer();
    if (AlreadyServed(requestPtr->port)) {
	*portPtr = requestPtr->port;
	code = CheckAddresses(interp, requestPtr);
    } else if (SsGateServe(requestPtr, &reply, &error) < 0) {
	code = ReportError(interp, &error);
    } else {
	*portPtr = reply.port;
	code = Register(interp, requestPtr, &reply);
    }
    SsForkResume();
    return code;
}

/*
 *----------------------------------------------------------------------
 *
 * AlreadyServed --
 *
 *	Whether this process or a living one that it was forked from serves a
 *	port.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static int
AlreadyServed(
    int number)			/* 0: a free port, which isn't. */
{
    SsPort *portPtr;
    int served;

    if (number == 0) {
	return 0;
    }
    SsForkLock();
    portPtr = SsPortFindLocked(number);
    served = portPtr != NULL && (SsPortServedHere(portPtr)
	    || (SsPortInherited(portPtr) && !SsPortAtEndLocked(portPtr)));
    SsForkUnlock();
    return served;
}

/*
 * To serve a port again changes nothing, so an address that it doesn't listen
 * on is an error.  In a forked child the list has what its parent serves.
 */

static int
CheckAddresses(
    Tcl_Interp *interp,
    const SsServeRequest *requestPtr)
{
    const char *wanted = requestPtr->addresses;
    char where[SS_ADDRESSES_SIZE] = "";
    Service *servicePtr;
    int same = (wanted[0] == '\0');

    SsForkLock();
    for (servicePtr = firstServicePtr; servicePtr != NULL && !same;
	    servicePtr = servicePtr->nextPtr) {
	if (servicePtr->reply.port == requestPtr->port) {
	    same = SsAddressesSame(wanted, servicePtr->asked)
		    || SsAddressesSame(wanted, servicePtr->bound);
	    strcpy(where, (servicePtr->asked[0] == '\0') ? "all addresses"
		    : servicePtr->bound[0] ? servicePtr->bound
		    : servicePtr->asked);
	    break;
	}
    }
    SsForkUnlock();
    if (same) {
	return TCL_OK;
    }
    return SsErrorOurs(interp, "USAGE",
	    "port %d is served already, on %.150s: close it first, to serve"
	    " it on %.150s", requestPtr->port, where, wanted);
}

/*
 *----------------------------------------------------------------------
 *
 * Register --
 *
 *	Notes a new service and its port.
 *
 * Results:
 *	TCL_OK, or TCL_ERROR, after which nothing of the service is left.
 *
 * Side effects:
 *	Takes over the descriptors.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
Register(
    Tcl_Interp *interp,
    const SsServeRequest *requestPtr,
    const SsServeReply *replyPtr)
{
    Service *servicePtr = (Service *) calloc(1, sizeof(Service));
    SsPort *portPtr = NULL;
    int i;

    if (servicePtr != NULL) {
	servicePtr->process = SsForkCount();
	servicePtr->reply = *replyPtr;
	servicePtr->renewFd = -1;
	snprintf(servicePtr->asked, SS_ADDRESSES_SIZE, "%s",
		requestPtr->addresses);
	if (servicePtr->asked[0] != '\0') {
	    SsAddressesBound(replyPtr->numListenFds, replyPtr->listenFds,
		    servicePtr->bound);
	}
	servicePtr->interp = interp;
	servicePtr->thread = Tcl_GetCurrentThread();
	SsForkLock();
	portPtr = SsPortAddLocked(replyPtr->port, replyPtr->queueFd);
	for (i = 0; portPtr != NULL && i < replyPtr->numListenFds; i++) {
	    SsForkCloses(replyPtr->listenFds[i]);
	}
	if (portPtr != NULL) {
	    SsForkCloses(replyPtr->controlFd);
	    servicePtr->sending = portPtr->queue;
	    servicePtr->nextPtr = firstServicePtr;
	    firstServicePtr = servicePtr;
	}
	SsForkUnlock();
    }
    if (portPtr == NULL) {
	SsServeReply reply = *replyPtr;

	free(servicePtr);
	Abandon(&reply);
	return SsErrorPosix(interp, ENOMEM, "can't serve port %d: %s",
		replyPtr->port, strerror(ENOMEM));
    }
    Tcl_DontCallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_CallWhenDeleted(interp, ForgetOwner, NULL);
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * Abandon --
 *
 *	Ends a service that could not be noted.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes everything of it.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
Abandon(
    SsServeReply *replyPtr)
{
    SsGoError error;

    SsForkLock();
    ReleaseListenersLocked(replyPtr);
    SsForkUnlock();
    SsGateClose(replyPtr->handle, &error);
    close(replyPtr->controlFd);
    close(replyPtr->queueFd);
}

/*
 *----------------------------------------------------------------------
 *
 * ReleaseListenersLocked --
 *
 *	Closes this process's copies of the listening sockets; the accept
 *	loop has its own.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	They are off the list of those that a child closes.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
ReleaseListenersLocked(
    SsServeReply *replyPtr)
{
    int i;

    for (i = 0; i < replyPtr->numListenFds; i++) {
	SsForkKeeps(replyPtr->listenFds[i]);
	close(replyPtr->listenFds[i]);
    }
    replyPtr->numListenFds = 0;
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeClose --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The port is free; the queue ends when the accept loop has put on it
 *	what it had accepted.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeClose(
    Tcl_Interp *interp,
    int port)
{
    Service *servicePtr = TakeService(port);
    SsGoError error;
    int code;

    if (servicePtr == NULL) {
	return NotServer(interp, port, "close it");
    }
    code = SsGateClose(servicePtr->reply.handle, &error);
    SsForkLock();
    SsForkKeeps(servicePtr->reply.controlFd);
    close(servicePtr->reply.controlFd);
    SsForkUnlock();
    free(servicePtr);
    TidyPorts();
    return (code < 0) ? ReportError(interp, &error) : TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * TakeService --
 *
 *	Finds the service of a port in this process and takes it off the list.
 *
 * Results:
 *	The service, which is the caller's to free, or NULL.
 *
 * Side effects:
 *	The port counts as not served; this process's listening sockets are
 *	closed.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static Service *
TakeService(
    int port)
{
    Service **linkPtr, *servicePtr;
    SsPort *portPtr;

    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	for (linkPtr = &firstServicePtr; *linkPtr != servicePtr;
		linkPtr = &(*linkPtr)->nextPtr) {
	    /* To the link that leads to it. */
	}
	*linkPtr = servicePtr->nextPtr;
	for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
		portPtr = portPtr->nextPtr) {
	    if (portPtr->number == port && SsPortServedHere(portPtr)) {
		portPtr->serving = 0;
	    }
	}
	ReleaseListenersLocked(&servicePtr->reply);
	CloseSendLocked(servicePtr->renewFd);
    }
    SsForkUnlock();
    return servicePtr;
}

/*
 *----------------------------------------------------------------------
 *
 * FindLocked, FindHandleLocked, SsServeFailedLocked --
 *
 *	Find the service of a port in this process, or that with a handle; see
 *	service.h.
 *
 * Results:
 *	The first two: the service or NULL.
 *
 * Side effects:
 *	The last closes descriptors.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static Service *
FindLocked(
    int port)
{
    Service *servicePtr;

    for (servicePtr = firstServicePtr; servicePtr != NULL;
	    servicePtr = servicePtr->nextPtr) {
	if (servicePtr->reply.port == port
		&& servicePtr->process == SsForkCount()) {
	    break;
	}
    }
    return servicePtr;
}

static Service *
FindHandleLocked(
    int handle)			/* Go's; none is used twice. */
{
    Service *servicePtr;

    for (servicePtr = firstServicePtr; servicePtr != NULL;
	    servicePtr = servicePtr->nextPtr) {
	if (servicePtr->reply.handle == handle
		&& servicePtr->process == SsForkCount()) {
	    break;
	}
    }
    return servicePtr;
}

void
SsServeFailedLocked(
    int handle)
{
    Service *servicePtr = FindHandleLocked(handle);

    if (servicePtr != NULL) {
	ReleaseListenersLocked(&servicePtr->reply);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeRenew, AddQueueLocked --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.  AddQueueLocked: the queue's number, or 0 when
 *	the port isn't served any more, -1 without memory; the descriptors are
 *	then still the caller's.
 *
 * Side effects:
 *	The port has one more queue.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeRenew(
    Tcl_Interp *interp,
    int port,
    int *queuePtr)		/* Set. */
{
    Service *servicePtr;
    SsRenewReply reply;
    SsGoError error;
    int handle = 0, renewed = 0;

    TidyPorts();
    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	handle = servicePtr->reply.handle;
	renewed = (servicePtr->renewFd >= 0);
    }
    SsForkUnlock();
    if (servicePtr == NULL) {
	return NotServer(interp, port, "do this");
    }
    if (renewed) {
	return SsErrorOurs(interp, "RENEWED",
		"port %d has a second queue already: switch to it or abandon"
		" it first", port);
    }

    /*
     * The send end must not be copied by another thread's fork before it is
     * on the list.
     */

    SsForkDefer();
    if (SsGateRenew(handle, &reply, &error) < 0) {
	SsForkResume();
	return ReportError(interp, &error);
    }
    SsForkLock();
    *queuePtr = AddQueueLocked(port, &reply);
    SsForkUnlock();
    SsForkResume();
    if (*queuePtr > 0) {
	return TCL_OK;
    }
    close(reply.sendFd);
    close(reply.queueFd);
    return (*queuePtr == 0) ? NotServer(interp, port, "do this")
	    : SsErrorPosix(interp, ENOMEM, "can't renew the queue of port"
		    " %d: %s", port, strerror(ENOMEM));
}

static int
AddQueueLocked(
    int port,
    const SsRenewReply *replyPtr)
{
    Service *servicePtr = FindLocked(port);
    SsPort *olderPtr = SsPortFindLocked(port);
    SsPort *portPtr;

    if (servicePtr == NULL || servicePtr->renewFd >= 0) {
	return 0;
    }
    if (olderPtr != NULL) {
	olderPtr->serving = 0;
    }
    portPtr = SsPortAddLocked(port, replyPtr->queueFd);
    if (portPtr == NULL) {
	if (olderPtr != NULL) {
	    olderPtr->serving = 1;
	}
	return -1;
    }
    SsForkCloses(replyPtr->sendFd);
    servicePtr->renewFd = replyPtr->sendFd;
    return portPtr->queue;
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeSwitch --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The second queue is the only one that is sent to.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeSwitch(
    Tcl_Interp *interp,
    int port)
{
    Service *servicePtr;
    SsGoError error;
    int handle;
    int sendFd = TakeRenewed(interp, port, &handle);

    if (sendFd < 0) {
	return TCL_ERROR;
    }
    if (SsGateSwitch(handle, sendFd, &error) < 0) {
	PutRenewed(port, sendFd);
	return ReportError(interp, &error);
    }
    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	servicePtr->sending = SsPortFindLocked(port)->queue;
    }
    SsForkUnlock();
    TidyPorts();
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeAbandon --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	Closes both ends of the second queue; workers that have it see its
 *	end.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeAbandon(
    Tcl_Interp *interp,
    int port)
{
    SsPort *portPtr;
    int handle;
    int sendFd = TakeRenewed(interp, port, &handle);

    if (sendFd < 0) {
	return TCL_ERROR;
    }
    SsForkLock();
    CloseSendLocked(sendFd);
    SsPortGiveUpLocked(SsPortFindLocked(port));
    portPtr = SsPortQueueLocked(port, SsServeSendingLocked(port));
    if (portPtr != NULL) {
	portPtr->serving = 1;
    }
    SsForkUnlock();
    TidyPorts();
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * TakeRenewed, PutRenewed, CloseSendLocked --
 *
 *	Take the send end of a port's second queue; give it back to the
 *	service; close it.
 *
 * Results:
 *	TakeRenewed: the descriptor, the caller's until PutRenewed, or -1 with
 *	a message in the interpreter.
 *
 * Side effects:
 *	While it is taken, nobody else closes it.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
TakeRenewed(
    Tcl_Interp *interp,
    int port,
    int *handlePtr)		/* Set to the service's. */
{
    Service *servicePtr;
    int sendFd = -1;

    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	*handlePtr = servicePtr->reply.handle;
	sendFd = servicePtr->renewFd;
	servicePtr->renewFd = -1;
    }
    SsForkUnlock();
    if (servicePtr == NULL) {
	NotServer(interp, port, "do this");
    } else if (sendFd < 0) {
	SsErrorOurs(interp, "NOTRENEWED",
		"port %d has no second queue: renew it first", port);
    }
    return sendFd;
}

static void
PutRenewed(
    int port,
    int sendFd)
{
    Service *servicePtr;

    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	servicePtr->renewFd = sendFd;
    } else {
	CloseSendLocked(sendFd);
    }
    SsForkUnlock();
}

static void
CloseSendLocked(
    int sendFd)			/* On the list of those that a child closes;
				 * -1: none. */
{
    if (sendFd >= 0) {
	SsForkKeeps(sendFd);
	close(sendFd);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeRetire, SsServeSendingLocked, NotServer --
 *
 *	See service.h; tell of a port that isn't this process's.
 *
 * Results:
 *	TCL_OK or TCL_ERROR; a queue's number or 0; TCL_ERROR.
 *
 * Side effects:
 *	The first: as many workers end, whichever are free first.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeRetire(
    Tcl_Interp *interp,
    int port,
    int workers)
{
    Service *servicePtr;
    SsGoError error;
    int handle = 0;

    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	handle = servicePtr->reply.handle;
    }
    SsForkUnlock();
    if (servicePtr == NULL) {
	return NotServer(interp, port, "do this");
    }
    if (SsGateRetire(handle, workers, &error) < 0) {
	return ReportError(interp, &error);
    }
    return TCL_OK;
}

int
SsServeSendingLocked(
    int port)
{
    Service *servicePtr = FindLocked(port);

    return (servicePtr == NULL) ? 0 : servicePtr->sending;
}

static int
NotServer(
    Tcl_Interp *interp,
    int port,
    const char *what)		/* What to do elsewhere. */
{
    SsPort *portPtr;
    int here;

    SsForkLock();
    portPtr = SsPortFindLocked(port);
    here = (portPtr != NULL && !SsPortInherited(portPtr));
    SsForkUnlock();
    if (here) {
	return SsErrorOurs(interp, "NOTSERVER",
		"port %d is closed already: serve it again first", port);
    }
    return SsErrorOurs(interp, "NOTSERVER",
	    "port %d is not served by this process: %s where"
	    " \"::socketserver::socket server\" was called", port, what);
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeStatus --
 *
 *	See service.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsServeStatus(
    Tcl_Interp *interp,
    int port,
    SsServeCounts *countsPtr)
{
    Service *servicePtr;
    SsGoError error;
    int handle = 0;

    SsForkLock();
    servicePtr = FindLocked(port);
    if (servicePtr != NULL) {
	handle = servicePtr->reply.handle;
    }
    SsForkUnlock();
    if (SsGateCounts(handle, countsPtr, &error) < 0) {
	return ReportError(interp, &error);
    }
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * ReportError --
 *
 *	Makes Go's error Tcl's.
 *
 * Results:
 *	TCL_ERROR.
 *
 * Side effects:
 *	The interpreter's result and errorCode are set.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
ReportError(
    Tcl_Interp *interp,
    const SsGoError *errorPtr)
{
    if (errorPtr->posix != 0) {
	return SsErrorPosix(interp, errorPtr->posix, "%s",
		errorPtr->message);
    }
    return SsErrorOurs(interp, "SERVER", "%s", errorPtr->message);
}

/*
 *----------------------------------------------------------------------
 *
 * SsServeOwnerLocked, ForgetOwner --
 *
 *	Who hears of trouble with a port.  A port is served on when the
 *	interpreter that began it is deleted; its troubles are then only
 *	counted.
 *
 * Results:
 *	The interpreter or NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

Tcl_Interp *
SsServeOwnerLocked(
    int handle,
    Tcl_ThreadId *threadPtr,	/* Set to its thread. */
    int *portPtr)		/* Set to what it serves. */
{
    Service *servicePtr = FindHandleLocked(handle);

    if (servicePtr == NULL) {
	return NULL;
    }
    *portPtr = servicePtr->reply.port;
    *threadPtr = servicePtr->thread;
    return servicePtr->interp;
}

static void
ForgetOwner(
    void *clientData,
    Tcl_Interp *interp)		/* About to be deleted. */
{
    Service *servicePtr;

    (void) clientData;
    SsForkLock();
    for (servicePtr = firstServicePtr; servicePtr != NULL;
	    servicePtr = servicePtr->nextPtr) {
	if (servicePtr->interp == interp) {
	    servicePtr->interp = NULL;
	}
    }
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * TidyPorts --
 *
 *	A process that serves but doesn't work never receives the end of a
 *	queue that it closed.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes the receive ends of queues that are empty and closed.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
TidyPorts(void)
{
    SsPort *portPtr, *nextPtr;

    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (!SsPortInherited(portPtr) && !portPtr->serving) {
	    SsPortAtEndLocked(portPtr);
	}
    }
    SsForkUnlock();
}
