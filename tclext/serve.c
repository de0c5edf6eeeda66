/*
 * serve.c --
 *
 *	What the commands ask of the server.
 */

#include "serve.h"
#include "address.h"
#include "control.h"
#include "fork.h"
#include "ports.h"
#include "result.h"
#include "return.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A port that this process serves.
 */

typedef struct Served {
    struct Served *nextPtr;
    int64_t handle;		/* The server's name for it, never used again;
				 * what is asked or told later names it. */
    int port;
    int sending;		/* The number of the queue that is fed. */
    int listenFds[SS_MAX_LISTENERS];
				/* Copies of the listening sockets, for "ss"
				 * and "lsof" to show; on the list of those
				 * that a child closes. */
    int numListenFds;
    char asked[SS_ADDRESSES_SIZE];
				/* Where it was to listen; "": everywhere. */
    char bound[SS_ADDRESSES_SIZE];
				/* What of that this machine has; "" where
				 * that isn't known. */
    Tcl_Interp *interp;		/* Who hears of trouble, or NULL. */
    Tcl_ThreadId thread;	/* Its thread. */
} Served;

typedef struct NoticeEvent {
    Tcl_Event header;
    char name[16];		/* What is told... */
    int64_t handle;		/* ...of which service... */
    int posix;			/* ...and why: an errno; 0: of our own. */
} NoticeEvent;

static Served *firstServedPtr = NULL;
				/* Guarded by the fork lock. */
static Served *inheritedPtr = NULL;
				/* What the parent served: its descriptors
				 * are closed. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
				/* Held from a request that changes ports until
				 * what follows is noted. */

static int	AlreadyServed(int port);
static int	CheckAddresses(Tcl_Interp *interp,
		    const SsServeOptions *optionsPtr);
static Served *	FindPort(Served *servedPtr, int port);
static int	Ask(SsCall *callPtr, const char *name, int64_t handle,
		    int number);
static int	Register(Tcl_Interp *interp,
		    const SsServeOptions *optionsPtr, SsCall *callPtr);
static int	AddPortLocked(int port, int queueFd);
static int	Close(Tcl_Interp *interp, int64_t handle);
static int	Change(Tcl_Interp *interp, int port, const char *name,
		    int number, SsCall *callPtr);
static int	AddQueue(int port, const SsCall *callPtr);
static int64_t	HandleOf(int port);
static Served *	FindLocked(int64_t handle);
static void	CloseCopiesLocked(Served *servedPtr);
static int	NotServer(Tcl_Interp *interp, int port, const char *what);
static void	Notice(const char *name, int64_t handle, int posix);
static int	NoticeEventProc(Tcl_Event *evPtr, int flags);
static const char *Explain(const char *name);
static void	ForgetOwner(void *clientData, Tcl_Interp *interp);
static void	TidyPorts(void);

int
SsServe(
    Tcl_Interp *interp,
    const SsServeOptions *optionsPtr,
    int *portPtr)
{
    SsCall call = {
	.name = "serve", .text = optionsPtr->addresses,
	.numbers = { optionsPtr->port, optionsPtr->backlog,
		optionsPtr->reusePort }
    };
    int code = TCL_OK;

    TidyPorts();
    SsControlNotices(Notice);
    pthread_mutex_lock(&asking);
    if (AlreadyServed(optionsPtr->port)) {
	*portPtr = optionsPtr->port;
	code = CheckAddresses(interp, optionsPtr);
    } else if (SsAsk(&call) < 0) {
	code = SsAskError(interp, &call);
	if (call.done) {
	    Ask(&call, "close", call.numbers[0], 0);
	}
    } else {
	*portPtr = (int) call.numbers[1];
	code = Register(interp, optionsPtr, &call);
    }
    pthread_mutex_unlock(&asking);
    return code;
}

/*
 * Whether this process or a living one that it was forked from serves a port.
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
 * on is an error.
 */

static int
CheckAddresses(
    Tcl_Interp *interp,
    const SsServeOptions *optionsPtr)
{
    const char *wanted = optionsPtr->addresses;
    char where[SS_ADDRESSES_SIZE] = "";
    Served *servedPtr;
    int same = (wanted[0] == '\0');

    SsForkLock();
    servedPtr = FindPort(firstServedPtr, optionsPtr->port);
    if (servedPtr == NULL) {
	servedPtr = FindPort(inheritedPtr, optionsPtr->port);
    }
    if (servedPtr != NULL) {
	same |= SsAddressesSame(wanted, servedPtr->asked)
		|| SsAddressesSame(wanted, servedPtr->bound);
	strcpy(where, (servedPtr->asked[0] == '\0') ? "all addresses"
		: servedPtr->bound[0] ? servedPtr->bound : servedPtr->asked);
    }
    SsForkUnlock();
    if (same) {
	return TCL_OK;
    }
    return SsErrorOurs(interp, "USAGE",
	    "port %d is served already, on %.150s: close it first, to serve"
	    " it on %.150s", optionsPtr->port, where, wanted);
}

static Served *
FindPort(
    Served *servedPtr,		/* Where to begin. */
    int port)
{
    while (servedPtr != NULL && servedPtr->port != port) {
	servedPtr = servedPtr->nextPtr;
    }
    return servedPtr;
}

static int
Ask(
    SsCall *callPtr,		/* Filled. */
    const char *name,
    int64_t handle,
    int number)
{
    memset(callPtr, 0, sizeof(*callPtr));
    callPtr->name = name;
    callPtr->numbers[0] = handle;
    callPtr->numbers[1] = number;
    return SsAsk(callPtr);
}

/*
 * Notes a new service and its port, which own the descriptors of the answer.
 * After an error nothing of it is left.
 */

static int
Register(
    Tcl_Interp *interp,
    const SsServeOptions *optionsPtr,
    SsCall *callPtr)		/* Handle and port; the queue's receive end,
				 * copies of the listening sockets. */
{
    Served *servedPtr = (Served *) calloc(1, sizeof(Served));
    int port = (int) callPtr->numbers[1];
    int i, queue = 0;

    SsForkLock();
    if (servedPtr != NULL) {
	queue = AddPortLocked(port, callPtr->fds[0]);
    }
    if (queue > 0) {
	servedPtr->handle = callPtr->numbers[0];
	servedPtr->port = port;
	servedPtr->sending = queue;
	servedPtr->numListenFds = callPtr->numFds - 1;
	memcpy(servedPtr->listenFds, callPtr->fds + 1,
		(size_t) servedPtr->numListenFds * sizeof(int));
	snprintf(servedPtr->asked, SS_ADDRESSES_SIZE, "%s",
		optionsPtr->addresses);
	if (servedPtr->asked[0] != '\0') {
	    SsAddressesBound(servedPtr->numListenFds, servedPtr->listenFds,
		    servedPtr->bound);
	}
	servedPtr->interp = interp;
	servedPtr->thread = Tcl_GetCurrentThread();
	servedPtr->nextPtr = firstServedPtr;
	firstServedPtr = servedPtr;
    } else {
	for (i = 0; i < callPtr->numFds; i++) {
	    SsForkKeeps(callPtr->fds[i]);
	    close(callPtr->fds[i]);
	}
    }
    SsForkUnlock();
    if (queue == 0) {
	free(servedPtr);
	Ask(callPtr, "close", callPtr->numbers[0], 0);
	return SsErrorPosix(interp, ENOMEM, "can't serve port %d: %s", port,
		strerror(ENOMEM));
    }
    Tcl_DontCallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_CallWhenDeleted(interp, ForgetOwner, NULL);
    return TCL_OK;
}

/*
 * Makes a port, or one more queue of it, known.  Returns the queue's number; 0
 * without memory, and the descriptor is still the caller's.
 */

static int
AddPortLocked(
    int port,
    int queueFd)		/* On the list of those that a child closes;
				 * children need it. */
{
    SsPort *portPtr = SsPortAddLocked(port, queueFd);

    if (portPtr == NULL) {
	return 0;
    }
    SsForkKeeps(queueFd);
    return portPtr->queue;
}

int
SsServeClose(
    Tcl_Interp *interp,
    int port)
{
    int64_t handle = HandleOf(port);

    return (handle == 0) ? NotServer(interp, port, "close it")
	    : Close(interp, handle);
}

/*
 * The port counts as not served and is free when this returns; its queue ends
 * when the server has put on it what it had accepted.
 */

static int
Close(
    Tcl_Interp *interp,		/* NULL: nobody hears of an error. */
    int64_t handle)
{
    Served *servedPtr, **linkPtr;
    SsPort *portPtr;
    SsCall call;
    int code;

    pthread_mutex_lock(&asking);
    SsForkLock();
    servedPtr = FindLocked(handle);
    if (servedPtr != NULL) {
	for (linkPtr = &firstServedPtr; *linkPtr != servedPtr;
		linkPtr = &(*linkPtr)->nextPtr) {
	    /* To the link that leads to it. */
	}
	*linkPtr = servedPtr->nextPtr;
	for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
		portPtr = portPtr->nextPtr) {
	    if (portPtr->number == servedPtr->port
		    && SsPortServedHere(portPtr)) {
		portPtr->serving = 0;
	    }
	}
	CloseCopiesLocked(servedPtr);
	SsReturnCloseLocked(servedPtr->port);
	free(servedPtr);
    }
    SsForkUnlock();
    code = Ask(&call, "close", handle, 0);
    pthread_mutex_unlock(&asking);
    TidyPorts();
    return (code < 0 && interp != NULL) ? SsAskError(interp, &call) : TCL_OK;
}

static int64_t
HandleOf(
    int port)			/* 0: this process doesn't serve it. */
{
    Served *servedPtr;
    int64_t handle;

    SsForkLock();
    servedPtr = FindPort(firstServedPtr, port);
    handle = (servedPtr == NULL) ? 0 : servedPtr->handle;
    SsForkUnlock();
    return handle;
}

static Served *
FindLocked(
    int64_t handle)
{
    Served *servedPtr;

    for (servedPtr = firstServedPtr; servedPtr != NULL;
	    servedPtr = servedPtr->nextPtr) {
	if (servedPtr->handle == handle) {
	    break;
	}
    }
    return servedPtr;
}

static void
CloseCopiesLocked(
    Served *servedPtr)
{
    int i;

    for (i = 0; i < servedPtr->numListenFds; i++) {
	SsForkKeeps(servedPtr->listenFds[i]);
	close(servedPtr->listenFds[i]);
    }
    servedPtr->numListenFds = 0;
}

/*
 * Asks something of the server of a port, which another thread may close
 * meanwhile.
 */

static int
Change(
    Tcl_Interp *interp,
    int port,
    const char *name,
    int number,
    SsCall *callPtr)		/* Filled. */
{
    int64_t handle = HandleOf(port);

    if (handle == 0) {
	return NotServer(interp, port, "do this");
    }
    return (Ask(callPtr, name, handle, number) < 0)
	    ? SsAskError(interp, callPtr) : TCL_OK;
}

int
SsServeRenew(
    Tcl_Interp *interp,
    int port,
    int *queuePtr)
{
    SsCall call = { .done = 0 }, undo;
    int code;

    TidyPorts();
    pthread_mutex_lock(&asking);
    code = Change(interp, port, "renew", 0, &call);
    if (code == TCL_OK) {
	*queuePtr = AddQueue(port, &call);
	if (*queuePtr == 0) {
	    code = SsErrorPosix(interp, ENOMEM, "can't renew the queue of"
		    " port %d: %s", port, strerror(ENOMEM));
	}
    }
    if (code != TCL_OK && call.done) {
	Ask(&undo, "abandon", HandleOf(port), 0);
    }
    pthread_mutex_unlock(&asking);
    return code;
}

/*
 * Notes the second queue of a port.  Returns its number, or 0 without memory:
 * then its descriptor is closed.
 */

static int
AddQueue(
    int port,
    const SsCall *callPtr)	/* With the queue's receive end. */
{
    SsPort *olderPtr;
    int queue;

    SsForkLock();
    olderPtr = SsPortFindLocked(port);
    if (olderPtr != NULL) {
	olderPtr->serving = 0;
    }
    queue = AddPortLocked(port, callPtr->fds[0]);
    if (queue == 0) {
	if (olderPtr != NULL) {
	    olderPtr->serving = 1;
	}
	SsForkKeeps(callPtr->fds[0]);
	close(callPtr->fds[0]);
    }
    SsForkUnlock();
    return queue;
}

int
SsServeSwitch(
    Tcl_Interp *interp,
    int port)
{
    Served *servedPtr;
    SsPort *portPtr;
    SsCall call;
    int code;

    pthread_mutex_lock(&asking);
    code = Change(interp, port, "switch", 0, &call);
    SsForkLock();
    portPtr = SsPortFindLocked(port);
    servedPtr = FindPort(firstServedPtr, port);
    if (code == TCL_OK && servedPtr != NULL && portPtr != NULL) {
	servedPtr->sending = portPtr->queue;
    }
    SsForkUnlock();
    pthread_mutex_unlock(&asking);
    TidyPorts();
    return code;
}

int
SsServeAbandon(
    Tcl_Interp *interp,
    int port)
{
    SsPort *portPtr;
    SsCall call;
    int code;

    pthread_mutex_lock(&asking);
    code = Change(interp, port, "abandon", 0, &call);
    if (code == TCL_OK) {
	SsForkLock();
	SsPortGiveUpLocked(SsPortFindLocked(port));
	portPtr = SsPortQueueLocked(port, SsServeSendingLocked(port));
	if (portPtr != NULL) {
	    portPtr->serving = 1;
	}
	SsForkUnlock();
    }
    pthread_mutex_unlock(&asking);
    TidyPorts();
    return code;
}

int
SsServeRetire(
    Tcl_Interp *interp,
    int port,
    int workers)
{
    SsCall call;

    return Change(interp, port, "retire", workers, &call);
}

int
SsServeReturn(
    Tcl_Interp *interp,
    int port)
{
    SsCall call;
    int code, error;

    pthread_mutex_lock(&asking);
    code = Change(interp, port, "return", 1, &call);
    if (code == TCL_OK) {
	SsForkLock();
	error = SsReturnKeepLocked(port, call.fds[0]);
	SsForkKeeps(call.fds[0]);
	if (error != 0) {
	    close(call.fds[0]);
	}
	SsForkUnlock();
	if (error != 0) {
	    code = SsErrorPosix(interp, error, "port %d has no return: %s",
		    port, strerror(error));
	}
    }
    pthread_mutex_unlock(&asking);
    return code;
}

int
SsServeReturned(
    Tcl_Interp *interp,
    int port,
    int64_t *gotPtr,
    int64_t *refusedPtr)
{
    SsCall call;
    int code = Change(interp, port, "return", 0, &call);

    if (code == TCL_OK) {
	*gotPtr = call.numbers[0];
	*refusedPtr = call.numbers[1];
    }
    return code;
}

int
SsServeStatus(
    Tcl_Interp *interp,
    int port,
    SsServeCounts *countsPtr)
{
    SsCall call;

    if (Change(interp, port, "status", 0, &call) != TCL_OK) {
	return TCL_ERROR;
    }
    memcpy(countsPtr, call.numbers, sizeof(*countsPtr));
    return TCL_OK;
}

int
SsServeSendingLocked(
    int port)
{
    Served *servedPtr = FindPort(firstServedPtr, port);

    return (servedPtr == NULL) ? 0 : servedPtr->sending;
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

void
SsServeForget(void)
{
    if (firstServedPtr != NULL) {
	inheritedPtr = firstServedPtr;
	firstServedPtr = NULL;
    }
    pthread_mutex_init(&asking, NULL);
}

/*
 * The server tells something of a service, in the thread that began it.  Of one
 * that has failed the copies are closed at once; the rest can wait for the
 * event loop.
 */

static void
Notice(
    const char *name,
    int64_t handle,
    int posix)
{
    NoticeEvent *eventPtr;
    Served *servedPtr;

    SsForkLock();
    servedPtr = FindLocked(handle);
    if (servedPtr != NULL && strcmp(name, "failed") == 0) {
	CloseCopiesLocked(servedPtr);
    }
    SsForkUnlock();
    eventPtr = (NoticeEvent *) Tcl_Alloc(sizeof(NoticeEvent));
    eventPtr->header.proc = NoticeEventProc;
    memcpy(eventPtr->name, name, sizeof(eventPtr->name));
    eventPtr->handle = handle;
    eventPtr->posix = posix;
    Tcl_QueueEvent(&eventPtr->header, TCL_QUEUE_TAIL);
}

/*
 * Reports a notice, if the service and its interpreter still exist.  In a
 * forked child that got a copy of the event there is no such service.
 */

static int
NoticeEventProc(
    Tcl_Event *evPtr,
    int flags)
{
    NoticeEvent *eventPtr = (NoticeEvent *) evPtr;
    Tcl_Interp *interp = NULL;
    Served *servedPtr;
    int port = 0;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    SsForkLock();
    servedPtr = FindLocked(eventPtr->handle);
    if (servedPtr != NULL && servedPtr->thread == Tcl_GetCurrentThread()) {
	interp = servedPtr->interp;
	port = servedPtr->port;
    }
    SsForkUnlock();
    if (port != 0 && strcmp(eventPtr->name, "failed") == 0) {
	(void) Close(NULL, eventPtr->handle);
    }
    if (interp == NULL) {
	return 1;
    }
    Tcl_ResetResult(interp);
    if (eventPtr->posix != 0) {
	SsErrorPosix(interp, eventPtr->posix, "port %d: %s: %s", port,
		Explain(eventPtr->name), strerror(eventPtr->posix));
    } else {
	SsErrorOurs(interp, "SERVER", "port %d: %s: internal error", port,
		Explain(eventPtr->name));
    }
    Tcl_BackgroundException(interp, TCL_ERROR);
    return 1;
}

static const char *
Explain(
    const char *name)
{
    if (strcmp(name, "paused") == 0) {
	return "accepting pauses, and goes on by itself";
    }
    if (strcmp(name, "held") == 0) {
	return "a connection can't be handed over yet and is held";
    }
    return "accepting has ended and the port is closed; serve it again";
}

/*
 * A port is served on when the interpreter that began it is deleted; its
 * troubles are then only counted.
 */

static void
ForgetOwner(
    void *clientData,
    Tcl_Interp *interp)
{
    Served *servedPtr;

    (void) clientData;
    SsForkLock();
    for (servedPtr = firstServedPtr; servedPtr != NULL;
	    servedPtr = servedPtr->nextPtr) {
	if (servedPtr->interp == interp) {
	    servedPtr->interp = NULL;
	}
    }
    SsForkUnlock();
}

/*
 * A process that serves but doesn't work never receives the end of a queue that
 * it closed: closes the receive ends of those that are empty and closed.
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
