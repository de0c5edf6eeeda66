/*
 * serve.c --
 *
 *	What the commands ask of the server.
 */

#include "serve.h"
#include "answer.h"
#include "control.h"
#include "fork.h"
#include "listener_text.h"
#include "passed.h"
#include "pools.h"
#include "result.h"
#include "served.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/*
 * What serves a port here: all queues of the port that are fed, or will be,
 * have it.
 */

typedef struct SsService {
    int id;			/* The server's name for it, never used again;
				 * nor by a process forked from this one. */
    Tcl_Interp *interp;		/* Who hears of trouble, or NULL. */
    int isClosing;		/* Nobody wants to hear of it any more. */
    int numFds;
    int fds[];			/* Copies of the listening sockets, for "ss"
				 * and "lsof" to show, but of UDP, which the
				 * queue has; on the list of those that a child
				 * closes. */
} SsService;

static int lastId = 0;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
				/* Held from a request until what follows is
				 * noted; guards lastId. */

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

/* The queue that a service feeds, which is its first; NULL: it has ended. */

SsPort *
SsServeFedLocked(int64_t service)
{
    SsPort *portPtr;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (portPtr->servicePtr != NULL && portPtr->servicePtr->id == service) {
	    break;
	}
    }
    return portPtr;
}

/*
 * What serves a port, or 0.  One that has failed, of which its thread hasn't
 * heard yet, is older than the one that was begun since.
 */

static int64_t
ServiceOfLocked(int number)
{
    const SsPort *portPtr;
    int id = 0;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (portPtr->number == number && portPtr->servicePtr != NULL
		&& portPtr->servicePtr->id > id) {
	    id = portPtr->servicePtr->id;
	}
    }
    return id;
}

/*
 * Makes a queue known, the newest of its port.  It owns the descriptors, which
 * children need.
 */

static SsPort *
AddLocked(SsService *servicePtr, const SsListener *listeners, int count,
    int queueFd, int returnFd, SsSockets *socketsPtr)
{
    SsPort *portPtr = SsPortAddLocked(listeners, count, queueFd, returnFd,
	    socketsPtr);

    portPtr->servicePtr = servicePtr;
    SsForkKeeps(queueFd);
    SsForkKeeps(returnFd);
    if (socketsPtr != NULL) {
	SsForkKeeps(socketsPtr->gateFd);
	SsForkKeeps(socketsPtr->tallyFd);
    }
    return portPtr;
}

static void
CloseLocked(int fd)
{
    SsForkKeeps(fd);
    close(fd);
}

static void
CloseAllLocked(const SsCall *callPtr)
{
    int i;

    for (i = 0; i < callPtr->numFds; i++) {
	CloseLocked(callPtr->fds[i]);
    }
}

/*
 * Notes that a port is served no more; its queue ends when the server has put
 * on it what it had accepted.
 */

static void
EndLocked(SsService *servicePtr)
{
    SsPort *portPtr, *nextPtr;
    int i;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (portPtr->servicePtr == servicePtr) {
	    portPtr->servicePtr = NULL;
	    portPtr->serving = 0;
	    if (portPtr->ended) {
		SsPortEndLocked(portPtr); /* It was kept until now. */
	    }
	}
    }
    for (i = 0; i < servicePtr->numFds; i++) {
	CloseLocked(servicePtr->fds[i]);
    }
    Tcl_Free((char *) servicePtr);
}

/*
 * The server tells something of a service, in the thread that began it, and
 * whether it has ended; or it forwards a command, to the interpreter that has
 * the service's pool.
 */

static Tcl_Interp *
Notice(const SsControlHeader *headerPtr, Tcl_Obj **namePtrPtr)
{
    int isCommand = (strcmp(headerPtr->name, "COMMAND") == 0);
    SsPort *portPtr;
    Tcl_Interp *interp = NULL;

    SsForkLock();
    portPtr = SsServeFedLocked(headerPtr->numbers[0]);
    if (isCommand) {
	interp = SsPoolInterpLocked(headerPtr->numbers[0]);
    } else if (portPtr != NULL && !portPtr->servicePtr->isClosing) {
	interp = portPtr->servicePtr->interp;
    }
    if (interp != NULL) {
	*namePtrPtr = (portPtr != NULL)
		? SsListenerPort(&portPtr->listeners[0]) : Tcl_NewObj();
    }
    if (!isCommand && portPtr != NULL && headerPtr->numbers[1]) {
	EndLocked(portPtr->servicePtr);
    }
    SsForkUnlock();
    return interp;
}

/*
 * A port is served on when the interpreter that began it is deleted; its
 * troubles are then only counted.
 */

static void
ForgetOwner(void *clientData, Tcl_Interp *interp)
{
    SsPort *portPtr;

    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (portPtr->servicePtr != NULL
		&& portPtr->servicePtr->interp == interp) {
	    portPtr->servicePtr->interp = NULL;
	}
    }
    SsForkUnlock();
}

/*
 * Notes a service and its queue, which take over the descriptors; of the UDP
 * sockets the queue has its own.
 */

static void
NoteServedLocked(Tcl_Interp *interp, const SsServing *servingPtr,
    const SsCall *callPtr, SsSockets *socketsPtr, int *numberPtr)
{
    int copied = (socketsPtr != NULL) ? socketsPtr->count : 0;
    int first = (socketsPtr != NULL) ? SS_ANSWER_SOCKETS + copied
	    : SS_ANSWER_GATE;
    int numFds = callPtr->numFds - first;
    SsService *servicePtr = (SsService *) Tcl_Alloc(
	    sizeof(SsService) + (unsigned) numFds * sizeof(int));

    servicePtr->id = lastId;
    servicePtr->interp = interp;
    servicePtr->isClosing = 0;
    servicePtr->numFds = numFds;
    memcpy(servicePtr->fds, callPtr->fds + first,
	    (size_t) numFds * sizeof(int));
    CloseLocked(callPtr->fds[SS_ANSWER_COUNTERS]);
    while (copied > 0) {
	CloseLocked(callPtr->fds[SS_ANSWER_SOCKETS + --copied]);
    }
    *numberPtr = AddLocked(servicePtr, servingPtr->listeners,
	    servingPtr->count, callPtr->fds[SS_ANSWER_QUEUE],
	    callPtr->fds[SS_ANSWER_RETURN], socketsPtr)->number;
    Tcl_DontCallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_CallWhenDeleted(interp, ForgetOwner, NULL);
}

/* Asks the server to undo something, and leaves the interpreter's error. */

static void
Undo(Tcl_Interp *interp, const SsCall *callPtr)
{
    SsCall undo = { .name = callPtr->undo };
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_ERROR);

    memcpy(undo.numbers, callPtr->numbers, sizeof(undo.numbers));
    SsAsk(interp, &undo);
    Tcl_RestoreInterpState(interp, state);
}

static int
Serve(Tcl_Interp *interp, SsServing *servingPtr, int *numberPtr)
{
    SsCall call = {
	.name = "serve", .numbers = { ++lastId },
	.text = Tcl_GetString(servingPtr->textPtr), .undo = "close",
	.sendFds = servingPtr->fds, .numSendFds = servingPtr->numFds
    };
    SsSockets *socketsPtr;
    int code;

    if (SsAsk(interp, &call) != TCL_OK) {
	return TCL_ERROR;
    }
    SsAnswerListeners(interp, servingPtr->listeners, servingPtr->count);
    SsForkLock();		/* A child has all of it or nothing. */
    code = SsAnswerCountersLocked(interp, &call);
    if (code == TCL_OK) {
	code = SsAnswerSocketsLocked(interp, servingPtr->listeners,
		servingPtr->count, &call, &socketsPtr);
    }
    if (code == TCL_OK) {
	NoteServedLocked(interp, servingPtr, &call, socketsPtr, numberPtr);
    } else {
	CloseAllLocked(&call);
    }
    SsForkUnlock();
    if (code != TCL_OK) {
	Undo(interp, &call);
	return TCL_ERROR;
    }
    SsPassedTaken(servingPtr->fds, servingPtr->numFds);
    servingPtr->numFds = 0;
    return TCL_OK;
}

/* A copy of a socket is closed with its service, or queue, by nobody else. */

static int
HasLocked(int fd)
{
    const SsPort *portPtr;
    const SsService *servicePtr;
    int i, has = 0;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	servicePtr = portPtr->servicePtr;
	for (i = 0; servicePtr != NULL && i < servicePtr->numFds; i++) {
	    has |= (servicePtr->fds[i] == fd);
	}
	has |= SsSocketsHas(portPtr->socketsPtr, fd);
    }
    return has;
}

/* Whether no socket is of what is served already. */

static int
CheckLocked(Tcl_Interp *interp, const SsServing *servingPtr)
{
    int i;

    for (i = 0; i < servingPtr->numFds; i++) {
	if (HasLocked(servingPtr->fds[i])) {
	    return SsErrorOurs(interp, "NOFD", "descriptor %d is that of a"
		    " listener that is served already", servingPtr->fds[i]);
	}
    }
    return TCL_OK;
}

int
SsServe(Tcl_Interp *interp, SsServing *servingPtr, int *numberPtr)
{
    SsPort *portPtr;
    int code = TCL_OK;

    TidyPorts();
    SsControlNotices(Notice);
    pthread_mutex_lock(&asking);
    SsForkLock();
    portPtr = SsServedLocked(servingPtr->listeners, servingPtr->count);
    if (portPtr == NULL) {
	code = CheckLocked(interp, servingPtr);
    } else {
	*numberPtr = portPtr->number;
	code = SsServedCompareLocked(interp, portPtr, servingPtr->listeners,
		servingPtr->count, servingPtr->hasMore);
    }
    SsForkUnlock();
    if (portPtr == NULL && code == TCL_OK && servingPtr->lacks[0] != '\0'
	    && !servingPtr->isTakeover) {
	code = SsPassedLacks(interp, servingPtr->lacks);
    } else if (portPtr == NULL && code == TCL_OK) {
	code = Serve(interp, servingPtr, numberPtr);
    }
    pthread_mutex_unlock(&asking);
    return code;
}

static int
NotServerLocked(Tcl_Interp *interp, int port, const char *request)
{
    const SsPort *portPtr = SsPortFindLocked(port);
    const char *called = (portPtr != NULL) ? portPtr->called : "the port";

    if (portPtr != NULL && !SsPortInherited(portPtr)) {
	return SsErrorOurs(interp, "NOTSERVER",
		"%s is closed already: serve it again first", called);
    }
    return SsErrorOurs(interp, "NOTSERVER",
	    "%s is not served by this process: %s where"
	    " \"::socketserver::socket server\" was called", called,
	    (strcmp(request, "close") == 0) ? "close it" : "do this");
}

int64_t
SsServeService(Tcl_Interp *interp, int port, const char *request)
{
    int64_t service;

    SsForkLock();
    service = ServiceOfLocked(port);
    if (service == 0) {
	NotServerLocked(interp, port, request);
    }
    SsForkUnlock();
    return service;
}

/*
 * What follows from a request for the queue that is fed, with the descriptors
 * that the answer has brought.  After TCL_ERROR the server is asked to undo it.
 */

typedef int (NoteProc)(Tcl_Interp *interp, SsPort *fedPtr,
	const SsCall *callPtr);

/*
 * The second queue has a return and UDP sockets of its own, the same for the
 * server; and a gate, which came with it.
 */

static int
NoteRenewed(Tcl_Interp *interp, SsPort *fedPtr, const SsCall *callPtr)
{
    int returnFd = fcntl(fedPtr->returnFd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    SsSockets *socketsPtr = NULL;
    SsPort *portPtr;

    if (returnFd >= 0 && fedPtr->socketsPtr != NULL) {
	socketsPtr = SsSocketsCopy(fedPtr->socketsPtr, callPtr->fds[1]);
	error = errno;
    }
    if (returnFd < 0 || (fedPtr->socketsPtr != NULL && socketsPtr == NULL)) {
	if (returnFd >= 0) {
	    close(returnFd);
	}
	CloseAllLocked(callPtr);
	return SsErrorPosix(interp, error, "can't make a second queue of"
		" %s: %m", fedPtr->called);
    }
    portPtr = AddLocked(fedPtr->servicePtr, fedPtr->listeners,
	    fedPtr->numListeners, callPtr->fds[0], returnFd, socketsPtr);
    fedPtr->serving = 0;
    Tcl_SetObjResult(interp, Tcl_NewIntObj(portPtr->queue));
    return TCL_OK;
}

static int
NoteClosed(Tcl_Interp *interp, SsPort *fedPtr, const SsCall *callPtr)
{
    EndLocked(fedPtr->servicePtr);
    return TCL_OK;
}

static int
NoteSwitched(Tcl_Interp *interp, SsPort *fedPtr, const SsCall *callPtr)
{
    fedPtr->servicePtr = NULL;
    return TCL_OK;
}

static int
NoteAbandoned(Tcl_Interp *interp, SsPort *fedPtr, const SsCall *callPtr)
{
    SsPort *portPtr = fedPtr->nextPtr;

    while (portPtr->servicePtr != fedPtr->servicePtr) {
	portPtr = portPtr->nextPtr;
    }
    portPtr->servicePtr = NULL;
    portPtr->serving = 0;
    SsPortEndLocked(portPtr);
    fedPtr->serving = 1;
    return TCL_OK;
}

/* Requests that change something here, and what undoes them. */

static const struct Change {
    const char *name;
    NoteProc *noteProc;
    const char *undo;
} changes[] = {
    { "abandon", NoteAbandoned, NULL },
    { "close", NoteClosed, NULL },
    { "renew", NoteRenewed, "abandon" },
    { "switch", NoteSwitched, NULL },
    { NULL, NULL, NULL }
};

/*
 * Notes what follows from a request that the server has done, unless another
 * thread was told meanwhile that the service has failed.
 */

static int
NoteLocked(Tcl_Interp *interp, const struct Change *changePtr,
    const SsCall *callPtr)
{
    SsPort *portPtr = SsServeFedLocked(callPtr->numbers[0]);

    if (portPtr != NULL && changePtr->name != NULL) {
	return changePtr->noteProc(interp, portPtr, callPtr);
    }
    CloseAllLocked(callPtr);
    return TCL_OK;
}

int
SsServeAsk(Tcl_Interp *interp, int port, const char *request, int number)
{
    const struct Change *changePtr = changes;
    SsCall call = { .name = request, .numbers = { 0, number } };
    SsPort *portPtr;
    int code, noted = TCL_OK;

    while (changePtr->name != NULL
	    && strcmp(changePtr->name, request) != 0) {
	changePtr++;
    }
    call.undo = changePtr->undo;
    pthread_mutex_lock(&asking);
    SsForkLock();
    call.numbers[0] = ServiceOfLocked(port);
    portPtr = SsServeFedLocked(call.numbers[0]);
    if (portPtr == NULL) {
	NotServerLocked(interp, port, request);
    } else {
	portPtr->servicePtr->isClosing = (strcmp(request, "close") == 0);
    }
    SsForkUnlock();
    code = (portPtr == NULL) ? TCL_ERROR : SsAsk(interp, &call);
    SsForkLock();
    portPtr = SsServeFedLocked(call.numbers[0]);
    if (portPtr != NULL) {
	portPtr->servicePtr->isClosing = 0;
    }
    if (code == TCL_OK) {
	noted = NoteLocked(interp, changePtr, &call);
    }
    SsForkUnlock();
    if (noted != TCL_OK) {
	Undo(interp, &call);
    }
    pthread_mutex_unlock(&asking);
    TidyPorts();
    return (code == TCL_OK) ? noted : code;
}

void
SsServeForget(void)
{
    SsPort *portPtr;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	portPtr->servicePtr = NULL;
    }
    SsPoolsForget();
    SsPassedForget();
    pthread_mutex_init(&asking, NULL);
}
