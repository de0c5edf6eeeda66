#include "connection.h"
#include "callback.h"
#include "channel.h"
#include "clock.h"
#include "fork.h"
#include "leave.h"
#include "limit.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Tcl 8.6 selects on some descriptors whatever notifier it has, when it waits
 * for a connection to be made, say.  Half of those that it can select on are
 * left to the rest of the program.
 */

#define SELECTABLE FD_SETSIZE
#define SCARCE (FD_SETSIZE / 2)

typedef struct Connection {
    Tcl_Event header;		/* What it becomes if somebody wants to know
				 * that it is closed. */
    SsChannel socket;
    int process;		/* Whose it is, as SsForkCount tells: a forked
				 * child has copies. */
    struct Connection *olderPtr, *newerPtr;
				/* This process's open ones, in the order in
				 * which they came. */
    char address[SS_ADDRESS_SIZE];
    SsBoardPeer peer;
    int lingers;		/* Whether Tcl was seen to write to it in the
				 * background. */
    Tcl_Obj *closedPtr;		/* A command prefix to evaluate then, or
				 * NULL... */
    Tcl_Interp *interp;		/* ...where, preserved... */
    Tcl_ThreadId thread;	/* ...and in which thread. */
} Connection;

/* All guarded by the fork lock. */

static uint64_t received = 0;
static uint64_t discarded = 0;
static uint64_t closed = 0;	/* Of those received. */
static Connection *oldestPtr = NULL;
static Connection *newestPtr = NULL;
				/* Ends of the list of the open ones. */
static int exiting = 0;

/*
 * Tcl will close what is open, which is not said, so that the scoreboard shows
 * until the end what the process was busy with.  Other threads may go on until
 * then.
 */
static void
ExitProc(void *clientData)
{
    (void) clientData;
    exiting = 1;
}

void
SsConnectionsPrepare(void)
{
    Tcl_CreateExitHandler(ExitProc, NULL);
}

static void
ShowLocked(void)
{
    SsBoardShowLocked((int) (received - closed), closed,
	    (oldestPtr != NULL) ? &oldestPtr->peer : NULL);
}

static Connection *
Of(SsChannel *channelPtr)
{
    return (Connection *) ((char *) channelPtr - offsetof(Connection, socket));
}

/* A forked child that got a copy of the event evaluates nothing. */
static int
ClosedEventProc(Tcl_Event *evPtr, int flags)
{
    Connection *connectionPtr = (Connection *) evPtr;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    if (connectionPtr->process == SsForkCount()
	    && !Tcl_InterpDeleted(connectionPtr->interp)) {
	SsCallbackTell(connectionPtr->interp, connectionPtr->closedPtr,
		NULL);
    }
    Tcl_DecrRefCount(connectionPtr->closedPtr);
    Tcl_Release(connectionPtr->interp);
    return 1;
}

/*
 * The descriptor is the last to go, so that none in the list can be another
 * file's.  Of its parent's connections a forked child closes copies.
 */
static int
ClosedProc(SsChannel *channelPtr)
{
    Connection *connectionPtr = Of(channelPtr);
    Connection *olderPtr, *newerPtr;
    int fd = channelPtr->fd;
    int ours = (connectionPtr->process == SsForkCount());
    int counts = ours && !exiting;

    SsForkLock();
    if (ours) {
	olderPtr = connectionPtr->olderPtr;
	newerPtr = connectionPtr->newerPtr;
	*((olderPtr != NULL) ? &olderPtr->newerPtr : &oldestPtr) = newerPtr;
	*((newerPtr != NULL) ? &newerPtr->olderPtr : &newestPtr) = olderPtr;
    }
    if (counts) {
	closed++;
	ShowLocked();
	if (connectionPtr->closedPtr != NULL) {
	    Tcl_ThreadQueueEvent(connectionPtr->thread,
		    &connectionPtr->header, TCL_QUEUE_TAIL);
	    Tcl_ThreadAlert(connectionPtr->thread);
	    connectionPtr = NULL;
	}
    }
    SsForkUnlock();
    if (counts) {
	SsDisengage();
    }
    if (connectionPtr != NULL) {
	Tcl_Free((char *) connectionPtr);
    }
    return (close(fd) < 0) ? errno : 0;
}

void
SsConnectionDiscard(
    int fd)			/* Owned by the caller so far. */
{
    if (fd >= 0) {
	close(fd);
    }
    SsForkLock();
    discarded++;
    SsForkUnlock();
}

/*
 * Returns the descriptor of an arrival, moved out of the way of who selects, if
 * a limit of the process lets it; -1 where it is too high for this process's
 * own select, closed, and the interpreter's result says so.
 */
static int
Place(Tcl_Interp *interp, const SsArrival *arrivalPtr)
{
    int bound = SsDescriptorBound();
    int fd = arrivalPtr->fd;
    int raised = -1;

    if (bound > 0 && fd >= bound) {
	SsConnectionDiscard(fd);
	SsErrorOurs(interp, "FDSETSIZE",
		"connection from %s refused: descriptor %d is too high for"
		" this Tcl, which waits with select: close files or start"
		" more workers", arrivalPtr->address, fd);
	return -1;
    }
    if (bound == 0 && fd >= SCARCE && fd < SELECTABLE) {
	raised = fcntl(fd, F_DUPFD_CLOEXEC, SELECTABLE);
    }
    if (raised < 0) {
	return fd;
    }
    close(fd);
    return raised;
}

int
SsConnectionOpen(Tcl_Interp *interp, const SsArrival *arrivalPtr,
    Tcl_Obj *words[3])
{
    Connection *connectionPtr;
    int fd = Place(interp, arrivalPtr);

    if (fd < 0) {
	return TCL_ERROR;
    }
    connectionPtr = (Connection *) Tcl_Alloc(sizeof(Connection));
    *connectionPtr = (Connection) {
	.header.proc = ClosedEventProc, .process = SsForkCount(),
	.peer = { connectionPtr->address, arrivalPtr->port, SsMilliseconds(),
		arrivalPtr->listener }
    };
    memcpy(connectionPtr->address, arrivalPtr->address, SS_ADDRESS_SIZE);
    SsChannelOpen(&connectionPtr->socket, fd, ClosedProc);
    SsForkLock();
    received++;
    connectionPtr->olderPtr = newestPtr;
    *((newestPtr != NULL) ? &newestPtr->newerPtr : &oldestPtr) = connectionPtr;
    newestPtr = connectionPtr;
    ShowLocked();
    SsForkUnlock();
    SsEngage();
    Tcl_RegisterChannel(interp, connectionPtr->socket.channel);
    words[0] = Tcl_NewStringObj(
	    Tcl_GetChannelName(connectionPtr->socket.channel), -1);
    words[1] = Tcl_NewStringObj(arrivalPtr->address, -1);
    words[2] = Tcl_NewIntObj(arrivalPtr->port);
    return TCL_OK;
}

static Connection *
Find(Tcl_Interp *interp, const char *name)
{
    SsChannel *channelPtr = SsChannelFind(interp, name);

    return (channelPtr != NULL && Of(channelPtr)->process == SsForkCount())
	    ? Of(channelPtr) : NULL;
}

int
SsConnectionWhenClosed(Tcl_Interp *interp, const char *name,
    Tcl_Obj *prefixPtr)
{
    Connection *connectionPtr = Find(interp, name);

    if (connectionPtr == NULL || connectionPtr->closedPtr != NULL) {
	return -1;
    }
    Tcl_Preserve(interp);
    Tcl_IncrRefCount(prefixPtr);
    connectionPtr->interp = interp;
    connectionPtr->closedPtr = prefixPtr;
    connectionPtr->thread = Tcl_GetCurrentThread();
    return 0;
}

int
SsConnectionListener(Tcl_Interp *interp, const char *name)
{
    Connection *connectionPtr = Find(interp, name);

    return (connectionPtr != NULL) ? connectionPtr->peer.listener : -1;
}

int
SsConnectionCut(const char *name)
{
    Connection *connectionPtr;

    SsForkLock();
    connectionPtr = oldestPtr;
    while (connectionPtr != NULL && strcmp(name,
	    Tcl_GetChannelName(connectionPtr->socket.channel)) != 0) {
	connectionPtr = connectionPtr->newerPtr;
    }
    if (connectionPtr != NULL) {
	shutdown(connectionPtr->socket.fd, SHUT_RDWR);
    }
    SsForkUnlock();
    return (connectionPtr != NULL) ? 0 : -1;
}

int
SsConnectionsOpen(void)
{
    int open;

    SsForkLock();
    open = (int) (received - closed);
    SsForkUnlock();
    return open;
}

/* Tcl closes one a moment after nothing is buffered any more. */
int
SsConnectionsLingering(void)
{
    const SsChannel *socketPtr;
    Connection *connectionPtr;
    int lingering = 0;

    SsForkLock();
    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = connectionPtr->newerPtr) {
	socketPtr = &connectionPtr->socket;
	if (Tcl_GetChannelThread(socketPtr->channel)
		== Tcl_GetCurrentThread()) {
	    connectionPtr->lingers |= socketPtr->nonblocking
		    && Tcl_OutputBuffered(socketPtr->channel) > 0;
	    lingering += connectionPtr->lingers;
	}
    }
    SsForkUnlock();
    return lingering;
}

void
SsConnectionCounts(uint64_t *receivedPtr, uint64_t *discardedPtr)
{
    SsForkLock();
    *receivedPtr = received;
    *discardedPtr = discarded;
    SsForkUnlock();
}

void
SsConnectionsForget(void)
{
    received = discarded = closed = 0;
    oldestPtr = newestPtr = NULL;
}
