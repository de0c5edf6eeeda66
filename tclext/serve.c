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

#define PROBLEM_SIZE 512

/* A queue that this process feeds. */

typedef struct Served {
    struct Served *nextPtr;
    int64_t handle;		/* The server's name for it, never used again;
				 * what is asked or told later names it. */
    int port;			/* The first listener's. */
    int sending;		/* The number of the queue that is fed. */
    Tcl_Interp *interp;		/* Who hears of trouble, or NULL. */
    Tcl_ThreadId thread;	/* Its thread. */
    int numListenFds;
    int listenFds[];		/* Copies of the listening sockets, for "ss"
				 * and "lsof" to show; on the list of those
				 * that a child closes. */
} Served;

typedef struct NoticeEvent {
    Tcl_Event header;
    char name[16];		/* What is told... */
    int64_t handle;		/* ...of which service... */
    int posix;			/* ...and why: an errno; 0: of our own. */
} NoticeEvent;

static Served *firstServedPtr = NULL;
				/* Guarded by the fork lock. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
				/* Held from a request that changes ports until
				 * what follows is noted. */

static int	AddPortLocked(const SsListener *listeners, int count,
		    int queueFd);
static void	CloseLocked(int fd);

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

static Served *
FindLocked(int64_t handle)
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
CloseCopiesLocked(Served *servedPtr)
{
    int i;

    for (i = 0; i < servedPtr->numListenFds; i++) {
	CloseLocked(servedPtr->listenFds[i]);
    }
    servedPtr->numListenFds = 0;
}

/*
 * Makes a port, or one more queue of it, known.  Returns the queue's number; 0
 * without memory, and the descriptor is still the caller's.
 */
static int
AddPortLocked(
    const SsListener *listeners,
    int count,
    int queueFd)		/* On the list of those that a child closes;
				 * children need it. */
{
    SsPort *portPtr = SsPortAddLocked(listeners, count, queueFd);

    if (portPtr == NULL) {
	return 0;
    }
    SsForkKeeps(queueFd);
    return portPtr->queue;
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

static const char *
Explain(const char *name)
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
 * Reports a notice, if the service and its interpreter still exist.  In a
 * forked child that got a copy of the event there is no such service.
 */
static int
NoticeEventProc(Tcl_Event *evPtr, int flags)
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

/*
 * The server tells something of a service, in the thread that began it.  Of one
 * that has failed the copies are closed at once; the rest can wait for the
 * event loop.
 */
static void
Notice(const char *name, int64_t handle, int posix)
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

static SsPort *
ServedLocked(
    int number)			/* 0: a free port, which isn't. */
{
    SsPort *portPtr, *nextPtr;
    int i;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL && number != 0;
	    portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	for (i = 0; i < portPtr->numListeners
		&& portPtr->listeners[i].port != number; i++) {
	    /* To one with this port. */
	}
	if (i < portPtr->numListeners && (SsPortServedHere(portPtr)
		|| (SsPortInherited(portPtr)
			&& !SsPortAtEndLocked(portPtr)))) {
	    return portPtr;
	}
    }
    return NULL;
}

/*
 * Another set of listeners than those that are served is an error, and so is an
 * address that one of them doesn't listen on.
 */
static int
CompareLocked(
    const SsPort *portPtr,
    const SsServeOptions *wanted,
    int count,
    char problem[PROBLEM_SIZE])	/* Set where they aren't the same. */
{
    const SsListener *listenerPtr;
    const char *addresses, *where;
    int i;

    for (i = 0; i < count; i++) {
	listenerPtr = &portPtr->listeners[i];
	if (count != portPtr->numListeners
		|| wanted[i].port != listenerPtr->port) {
	    snprintf(problem, PROBLEM_SIZE, "port %d is served already, not"
		    " with the same listeners: close it first",
		    portPtr->number);
	    return 0;
	}
	addresses = wanted[i].addresses;
	if (addresses[0] != '\0'
		&& !SsAddressesSame(addresses, listenerPtr->asked)
		&& !SsAddressesSame(addresses, listenerPtr->bound)) {
	    where = (listenerPtr->asked[0] == '\0') ? "all addresses"
		    : listenerPtr->bound[0] ? listenerPtr->bound
		    : listenerPtr->asked;
	    snprintf(problem, PROBLEM_SIZE, "port %d is served already,"
		    " on %.150s: close it first, to serve it on %.150s",
		    wanted[i].port, where, addresses);
	    return 0;
	}
    }
    return 1;
}

/*
 * To serve again what this process or a living one that it was forked from
 * serves changes nothing; TCL_CONTINUE: none of it is served.
 */
static int
AlreadyServed(Tcl_Interp *interp, const SsServeOptions *wanted, int count,
    int *portPtr)
{
    SsPort *servedPtr = NULL;
    char problem[PROBLEM_SIZE];
    int same = 1, i;

    SsForkLock();
    for (i = 0; i < count && servedPtr == NULL; i++) {
	servedPtr = ServedLocked(wanted[i].port);
    }
    if (servedPtr != NULL) {
	*portPtr = servedPtr->number;
	same = CompareLocked(servedPtr, wanted, count, problem);
    }
    SsForkUnlock();
    if (!same) {
	return SsErrorOurs(interp, "USAGE", "%s", problem);
    }
    return (servedPtr != NULL) ? TCL_OK : TCL_CONTINUE;
}

static int
NoMemory(Tcl_Interp *interp, int port)
{
    return SsErrorPosix(interp, ENOMEM, "can't serve port %d: %s", port,
	    strerror(ENOMEM));
}

/* The first listener makes the service; it begins to accept with the last. */
static int
Listen(
    Tcl_Interp *interp,
    const SsServeOptions *wantedPtr,
    int more,			/* How many follow. */
    Served *servedPtr,		/* Its handle, 0 with the first, and copies
				 * are set. */
    int *queueFdPtr,		/* Set with the first. */
    SsListener *listenerPtr)	/* Filled. */
{
    int isFirst = (servedPtr->handle == 0);
    SsCall call = {
	.name = isFirst ? "serve" : "listen", .text = wantedPtr->addresses,
	.numbers = { servedPtr->handle, wantedPtr->port, wantedPtr->backlog,
		wantedPtr->reusePort, more, wantedPtr->each }
    };
    int *copies = servedPtr->listenFds + servedPtr->numListenFds;
    int code = SsAsk(&call);

    if (code == 0 || call.done) {
	servedPtr->handle = call.numbers[0];
    }
    if (code < 0) {
	return SsAskError(interp, &call);
    }
    if (isFirst) {
	*queueFdPtr = call.fds[0];
    }
    call.numFds -= isFirst;
    memcpy(copies, call.fds + isFirst, (size_t) call.numFds * sizeof(int));
    servedPtr->numListenFds += call.numFds;
    listenerPtr->port = (int) call.numbers[1];
    snprintf(listenerPtr->name, SS_NAME_SIZE, "%.*s%d", SS_NAME_SIZE - 8,
	    wantedPtr->where, listenerPtr->port);
    strcpy(listenerPtr->asked, wantedPtr->addresses);
    if (listenerPtr->asked[0] != '\0') {
	SsAddressesBound(call.numFds, copies, listenerPtr->bound);
    }
    return TCL_OK;
}

/*
 * A port is served on when the interpreter that began it is deleted; its
 * troubles are then only counted.
 */
static void
ForgetOwner(void *clientData, Tcl_Interp *interp)
{
    Served *servedPtr;

    SsForkLock();
    for (servedPtr = firstServedPtr; servedPtr != NULL;
	    servedPtr = servedPtr->nextPtr) {
	if (servedPtr->interp == interp) {
	    servedPtr->interp = NULL;
	}
    }
    SsForkUnlock();
}

static int
Register(
    Tcl_Interp *interp,
    Served *servedPtr,		/* Becomes the list's. */
    const SsListener *listeners,
    int count,
    int queueFd)		/* Becomes the port's. */
{
    int i, j, queue;

    for (i = 0; i < count; i++) {
	for (j = 0; j < i; j++) {
	    if (strcmp(listeners[i].name, listeners[j].name) == 0) {
		return SsErrorOurs(interp, "USAGE", "there are two listeners"
			" \"%s\": write address:port", listeners[i].name);
	    }
	}
    }
    SsForkLock();
    queue = AddPortLocked(listeners, count, queueFd);
    if (queue > 0) {
	servedPtr->port = listeners[0].port;
	servedPtr->sending = queue;
	servedPtr->interp = interp;
	servedPtr->thread = Tcl_GetCurrentThread();
	servedPtr->nextPtr = firstServedPtr;
	firstServedPtr = servedPtr;
    }
    SsForkUnlock();
    if (queue == 0) {
	return NoMemory(interp, listeners[0].port);
    }
    Tcl_DontCallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_CallWhenDeleted(interp, ForgetOwner, NULL);
    return TCL_OK;
}

/*
 * Has the server listen, with one after the other, and notes the service, which
 * owns the descriptors of the answers.  After an error nothing of it is left.
 */
static int
Serve(Tcl_Interp *interp, const SsServeOptions *wanted, int count,
    int *portPtr)
{
    SsListener *listeners = calloc((size_t) count, sizeof(SsListener));
    Served *servedPtr = calloc(1, sizeof(Served)
	    + (size_t) count * SS_MAX_ADDRESSES * sizeof(int));
    int queueFd = -1, i, code = TCL_OK;
    SsCall call;

    if (listeners == NULL || servedPtr == NULL) {
	code = NoMemory(interp, wanted[0].port);
    }
    for (i = 0; i < count && code == TCL_OK; i++) {
	code = Listen(interp, &wanted[i], count - i - 1, servedPtr, &queueFd,
		&listeners[i]);
    }
    if (code == TCL_OK) {
	code = Register(interp, servedPtr, listeners, count, queueFd);
    }
    if (code == TCL_OK) {
	*portPtr = listeners[0].port;
    } else if (servedPtr != NULL) {
	SsForkLock();
	CloseCopiesLocked(servedPtr);
	CloseLocked(queueFd);
	SsForkUnlock();
	if (servedPtr->handle != 0) {
	    Ask(&call, "close", servedPtr->handle, 0);
	}
	free(servedPtr);
    }
    free(listeners);
    return code;
}

int
SsServe(Tcl_Interp *interp, const SsServeOptions *wanted, int count,
    int *portPtr)
{
    int code;

    TidyPorts();
    SsControlNotices(Notice);
    pthread_mutex_lock(&asking);
    code = AlreadyServed(interp, wanted, count, portPtr);
    if (code == TCL_CONTINUE) {
	code = Serve(interp, wanted, count, portPtr);
    }
    pthread_mutex_unlock(&asking);
    return code;
}

static Served *
FindPort(int port)
{
    Served *servedPtr = firstServedPtr;

    while (servedPtr != NULL && servedPtr->port != port) {
	servedPtr = servedPtr->nextPtr;
    }
    return servedPtr;
}

static int64_t
HandleOf(
    int port)			/* 0: this process doesn't serve it. */
{
    Served *servedPtr;
    int64_t handle;

    SsForkLock();
    servedPtr = FindPort(port);
    handle = (servedPtr == NULL) ? 0 : servedPtr->handle;
    SsForkUnlock();
    return handle;
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

int
SsServeClose(Tcl_Interp *interp, int port)
{
    int64_t handle = HandleOf(port);

    return (handle == 0) ? NotServer(interp, port, "close it")
	    : Close(interp, handle);
}

static void
CloseLocked(
    int fd)			/* On the list of those that a child closes;
				 * -1: none. */
{
    if (fd >= 0) {
	SsForkKeeps(fd);
	close(fd);
    }
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
    int queue = 0;

    SsForkLock();
    olderPtr = SsPortFindLocked(port);
    if (olderPtr != NULL) {
	olderPtr->serving = 0;
	queue = AddPortLocked(olderPtr->listeners, olderPtr->numListeners,
		callPtr->fds[0]);
    }
    if (queue == 0) {
	if (olderPtr != NULL) {
	    olderPtr->serving = 1;
	}
	CloseLocked(callPtr->fds[0]);
    }
    SsForkUnlock();
    return queue;
}

int
SsServeRenew(Tcl_Interp *interp, int port, int *queuePtr)
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

int
SsServeSwitch(Tcl_Interp *interp, int port)
{
    Served *servedPtr;
    SsPort *portPtr;
    SsCall call;
    int code;

    pthread_mutex_lock(&asking);
    code = Change(interp, port, "switch", 0, &call);
    SsForkLock();
    portPtr = SsPortFindLocked(port);
    servedPtr = FindPort(port);
    if (code == TCL_OK && servedPtr != NULL && portPtr != NULL) {
	servedPtr->sending = portPtr->queue;
    }
    SsForkUnlock();
    pthread_mutex_unlock(&asking);
    TidyPorts();
    return code;
}

int
SsServeAbandon(Tcl_Interp *interp, int port)
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
SsServeRetire(Tcl_Interp *interp, int port, int workers)
{
    SsCall call;

    return Change(interp, port, "retire", workers, &call);
}

int
SsServeReturn(Tcl_Interp *interp, int port)
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
SsServeReturned(Tcl_Interp *interp, int port, int64_t *gotPtr,
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
SsServeStatus(Tcl_Interp *interp, int port, SsServeCounts *countsPtr)
{
    SsCall call;

    if (Change(interp, port, "status", 0, &call) != TCL_OK) {
	return TCL_ERROR;
    }
    memcpy(countsPtr, call.numbers, sizeof(*countsPtr));
    return TCL_OK;
}

int
SsServeSendingLocked(int port)
{
    Served *servedPtr = FindPort(port);

    return (servedPtr == NULL) ? 0 : servedPtr->sending;
}

void
SsServeForget(void)
{
    firstServedPtr = NULL;
    pthread_mutex_init(&asking, NULL);
}
