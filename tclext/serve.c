/*
 * serve.c --
 *
 *	What the commands ask of the server.
 */

#include "serve.h"
#include "address.h"
#include "control.h"
#include "fork.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
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
				 * and "lsof" to show; on the list of those
				 * that a child closes. */
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

static SsPort *
FedLocked(int64_t id)
{
    SsPort *portPtr;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (portPtr->servicePtr != NULL && portPtr->servicePtr->id == id) {
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
    int queueFd, int returnFd)
{
    SsPort *portPtr = SsPortAddLocked(listeners, count, queueFd, returnFd);

    portPtr->servicePtr = servicePtr;
    SsForkKeeps(queueFd);
    SsForkKeeps(returnFd);
    return portPtr;
}

static void
CloseLocked(int fd)
{
    SsForkKeeps(fd);
    close(fd);
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
 * The server tells something of a service, in the thread that began it: its
 * number, and whether it has ended.
 */

static Tcl_Interp *
Notice(const int64_t *numbers, int *numberPtr)
{
    SsPort *portPtr;
    Tcl_Interp *interp = NULL;

    SsForkLock();
    portPtr = FedLocked(numbers[0]);
    if (portPtr != NULL && !portPtr->servicePtr->isClosing) {
	interp = portPtr->servicePtr->interp;
	*numberPtr = portPtr->number;
    }
    if (portPtr != NULL && numbers[1]) {
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
 * A queue with a listener of this port that this process or a living one that
 * it was forked from serves, or NULL.
 */

static SsPort *
ServedLocked(int number)
{
    SsPort *portPtr, *nextPtr;
    int i;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
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
 * To serve again what is served changes nothing.  Another set of listeners is
 * an error, and so is an address that one of them doesn't listen on.
 */

static int
CompareLocked(Tcl_Interp *interp, const SsPort *portPtr,
    const SsListener *wanted, int count)
{
    const SsListener *listenerPtr;
    const char *asked;
    int i;

    for (i = 0; i < count; i++) {
	listenerPtr = &portPtr->listeners[i];
	if (count != portPtr->numListeners
		|| wanted[i].port != listenerPtr->port) {
	    return SsErrorOurs(interp, "USAGE", "port %d is served already,"
		    " not with the same listeners: close it first",
		    portPtr->number);
	}
	asked = wanted[i].asked;
	if (asked[0] != '\0' && !(SsAddressesIn(listenerPtr->bound, asked)
		&& SsAddressesIn(asked, listenerPtr->asked))) {
	    return SsErrorOurs(interp, "USAGE", "port %d is served already,"
		    " on %.150s: close it first, to serve it on %.150s",
		    wanted[i].port, (listenerPtr->bound[0] == '\0')
			    ? "all addresses" : listenerPtr->bound, asked);
	}
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj(portPtr->number));
    return TCL_OK;
}

/*
 * Notes what the server has answered: the result, and descriptors: the queue,
 * its return, the listening sockets.
 */

static void
NoteServed(Tcl_Interp *interp, SsListener *listeners, int count,
    const SsCall *callPtr)
{
    int i, numFds = callPtr->numFds - 2;
    SsService *servicePtr = (SsService *) Tcl_Alloc(
	    sizeof(SsService) + (unsigned) numFds * sizeof(int));
    Tcl_Obj **words;
    Tcl_Size numWords;

    Tcl_ListObjGetElements(NULL, Tcl_GetObjResult(interp), &numWords, &words);
    for (i = 0; i < count; i++, words += 3) {
	snprintf(listeners[i].name, SS_NAME_SIZE, "%s",
		Tcl_GetString(words[0]));
	Tcl_GetIntFromObj(NULL, words[1], &listeners[i].port);
	snprintf(listeners[i].bound, SS_ADDRESSES_SIZE, "%s",
		Tcl_GetString(words[2]));
    }
    servicePtr->id = lastId;
    servicePtr->interp = interp;
    servicePtr->isClosing = 0;
    servicePtr->numFds = numFds;
    memcpy(servicePtr->fds, callPtr->fds + 2, (size_t) numFds * sizeof(int));
    SsForkLock();
    AddLocked(servicePtr, listeners, count, callPtr->fds[0], callPtr->fds[1]);
    SsForkUnlock();
    Tcl_DontCallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_CallWhenDeleted(interp, ForgetOwner, NULL);
    Tcl_SetObjResult(interp, Tcl_NewIntObj(listeners[0].port));
}

static int
Serve(Tcl_Interp *interp, SsListener *listeners, int count, const char *text)
{
    SsCall call = {
	.name = "serve", .numbers = { ++lastId }, .text = text,
	.undo = "close"
    };
    int code = SsAsk(interp, &call);

    if (code == TCL_OK) {
	NoteServed(interp, listeners, count, &call);
    }
    return code;
}

int
SsServe(Tcl_Interp *interp, SsListener *listeners, int count,
    const char *text)
{
    SsPort *portPtr = NULL;
    int i, code = TCL_OK;

    TidyPorts();
    SsControlNotices(Notice);
    pthread_mutex_lock(&asking);
    SsForkLock();
    for (i = 0; i < count && portPtr == NULL; i++) {
	portPtr = ServedLocked(listeners[i].port);
    }
    if (portPtr != NULL) {
	code = CompareLocked(interp, portPtr, listeners, count);
    }
    SsForkUnlock();
    if (portPtr == NULL) {
	code = Serve(interp, listeners, count, text);
    }
    pthread_mutex_unlock(&asking);
    return code;
}

static int
NotServerLocked(Tcl_Interp *interp, int port, const char *request)
{
    const SsPort *portPtr = SsPortFindLocked(port);

    if (portPtr != NULL && !SsPortInherited(portPtr)) {
	return SsErrorOurs(interp, "NOTSERVER",
		"port %d is closed already: serve it again first", port);
    }
    return SsErrorOurs(interp, "NOTSERVER",
	    "port %d is not served by this process: %s where"
	    " \"::socketserver::socket server\" was called", port,
	    (strcmp(request, "close") == 0) ? "close it" : "do this");
}

/*
 * What follows from a request for the queue that is fed, with the descriptor
 * that the answer has brought.  After TCL_ERROR the server is asked to undo it.
 */

typedef int (NoteProc)(Tcl_Interp *interp, SsPort *fedPtr, int fd);

/* The second queue has a return of its own, the same for the server. */

static int
NoteRenewed(Tcl_Interp *interp, SsPort *fedPtr, int fd)
{
    int returnFd = fcntl(fedPtr->returnFd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    SsPort *portPtr;

    if (returnFd < 0) {
	CloseLocked(fd);
	return SsErrorPosix(interp, error, "can't make a second queue of port"
		" %d: %m", fedPtr->number);
    }
    portPtr = AddLocked(fedPtr->servicePtr, fedPtr->listeners,
	    fedPtr->numListeners, fd, returnFd);
    fedPtr->serving = 0;
    Tcl_SetObjResult(interp, Tcl_NewIntObj(portPtr->queue));
    return TCL_OK;
}

static int
NoteClosed(Tcl_Interp *interp, SsPort *fedPtr, int fd)
{
    EndLocked(fedPtr->servicePtr);
    return TCL_OK;
}

static int
NoteSwitched(Tcl_Interp *interp, SsPort *fedPtr, int fd)
{
    fedPtr->servicePtr = NULL;
    return TCL_OK;
}

static int
NoteAbandoned(Tcl_Interp *interp, SsPort *fedPtr, int fd)
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
    SsPort *portPtr = FedLocked(callPtr->numbers[0]);

    if (portPtr != NULL && changePtr->name != NULL) {
	return changePtr->noteProc(interp, portPtr, callPtr->fds[0]);
    }
    if (callPtr->numFds > 0) {
	CloseLocked(callPtr->fds[0]);
    }
    return TCL_OK;
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
    portPtr = FedLocked(call.numbers[0]);
    if (portPtr == NULL) {
	NotServerLocked(interp, port, request);
    } else {
	portPtr->servicePtr->isClosing = (strcmp(request, "close") == 0);
    }
    SsForkUnlock();
    code = (portPtr == NULL) ? TCL_ERROR : SsAsk(interp, &call);
    SsForkLock();
    portPtr = FedLocked(call.numbers[0]);
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
    pthread_mutex_init(&asking, NULL);
}
