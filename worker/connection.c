#include "connection.h"
#include "callback.h"
#include "clock.h"
#include "datagram.h"
#include "fork.h"
#include "leave.h"
#include "limit.h"
#include "report.h"
#include "result.h"
#include "signals.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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

/* All guarded by the fork lock. */

static uint64_t received = 0;
static uint64_t discarded = 0;
static SsBoardCounts counts = { 0, 0, 0 };
				/* Of those received, which one that is kept is
				 * each time; from the queue it comes once. */
static SsBoardCounts before = { 0, 0, 0 };
				/* What of that was served for others than the
				 * scoreboard's. */
static SsConnection *oldestPtr = NULL;
static SsConnection *newestPtr = NULL;
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
ShowLocked(
    uint64_t now)		/* SsNanoseconds. */
{
    SsBoardCounts since = {
	counts.served - before.served, counts.taken - before.taken,
	counts.waited - before.waited
    };

    SsBoardShowLocked((int) (received - counts.served), &since,
	    (oldestPtr != NULL) ? &oldestPtr->peer : NULL,
	    (int64_t) (now / 1000000));
}

static SsConnection *
Of(SsChannel *channelPtr)
{
    return (SsConnection *) ((char *) channelPtr
	    - offsetof(SsConnection, socket));
}

/* A forked child that got a copy of the event evaluates nothing. */
static int
ClosedEventProc(Tcl_Event *evPtr, int flags)
{
    SsConnection *connectionPtr = (SsConnection *) evPtr;

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

static void
UnlinkLocked(SsConnection *connectionPtr)
{
    SsConnection *olderPtr = connectionPtr->olderPtr;
    SsConnection *newerPtr = connectionPtr->newerPtr;

    *((olderPtr != NULL) ? &olderPtr->newerPtr : &oldestPtr) = newerPtr;
    *((newerPtr != NULL) ? &newerPtr->olderPtr : &newestPtr) = olderPtr;
}

/* Returns whether the structure is an event now. */
static int
TellLocked(SsConnection *connectionPtr)
{
    uint64_t now = SsNanoseconds();

    counts.served++;
    SsBoardHandledLocked(now - connectionPtr->begun);
    ShowLocked(now);
    if (connectionPtr->closedPtr == NULL) {
	return 0;
    }
    Tcl_ThreadQueueEvent(connectionPtr->thread, &connectionPtr->header,
	    TCL_QUEUE_TAIL);
    if (connectionPtr->thread != Tcl_GetCurrentThread()) {
	Tcl_ThreadAlert(connectionPtr->thread);
    }
    return 1;
}

/*
 * The descriptor is the last to go, so that none in the list can be another
 * file's.  Of its parent's connections a forked child closes copies, which are
 * on no epoll of its own.
 */
static int
ClosedProc(SsChannel *channelPtr)
{
    SsConnection *connectionPtr = Of(channelPtr);
    SsArrival arrival = connectionPtr->arrival;
    SsArrival *heirPtr = connectionPtr->heirPtr;
    int ours = (connectionPtr->process == SsForkCount());
    int isTold = ours && !exiting, isEvent = 0;

    SsForkLock();
    if (ours) {
	UnlinkLocked(connectionPtr);
    } else {
	arrival.pollFd = 0;
    }
    if (isTold && heirPtr == NULL && !connectionPtr->isGiven) {
	SsReportEndedLocked(connectionPtr->portPtr, arrival.head.id);
    }
    if (ours && channelPtr->answered) {
	SsSocketsCount(connectionPtr->portPtr->socketsPtr,
		arrival.head.listener, 0, 1);
    }
    if (ours && heirPtr == NULL) {
	SsPortReleaseLocked(connectionPtr->portPtr);
    }
    if (isTold) {
	isEvent = TellLocked(connectionPtr);
    }
    SsForkUnlock();
    if (isTold) {
	SsDisengage();
    }
    if (!isEvent) {
	Tcl_Free((char *) connectionPtr);
    }
    if (heirPtr != NULL) {
	*heirPtr = arrival;
    } else {
	SsArrivalClose(&arrival);
    }
    return 0;
}

void
SsConnectionDiscard(SsPort *portPtr, SsArrival *arrivalPtr)
{
    uint32_t id = 0;

    if (arrivalPtr != NULL) {
	id = arrivalPtr->head.id;
	SsReportTaken(portPtr, id);
	SsArrivalClose(arrivalPtr);
    }
    SsForkLock();
    discarded++;
    SsReportEndedLocked(portPtr, id);
    SsForkUnlock();
}

/*
 * Moves the descriptor of an arrival out of the way of who selects, if a limit
 * of the process lets it.  TCL_ERROR where it is too high for this process's
 * own select: it is closed, and the interpreter's result says so.
 */
static int
Place(Tcl_Interp *interp, SsPort *portPtr, SsArrival *arrivalPtr)
{
    int bound = SsDescriptorBound();
    int fd = arrivalPtr->fd;
    int raised = -1;

    if (bound > 0 && fd >= bound) {
	SsConnectionDiscard(portPtr, arrivalPtr);
	return SsErrorOurs(interp, "FDSETSIZE",
		"connection from %s refused: descriptor %d is too high for"
		" this Tcl, which waits with select: close files or start"
		" more workers", arrivalPtr->address, fd);
    }
    if (TCL_MAJOR_VERSION < 9 && bound == 0
	    && fd >= SCARCE && fd < SELECTABLE) {
	raised = fcntl(fd, F_DUPFD_CLOEXEC, SELECTABLE);
    }
    if (raised >= 0) {
	close(fd);
	arrivalPtr->fd = raised;
    }
    return TCL_OK;
}

/*
 * Counts one that has come, and holds the port for it; of one that was kept
 * both is done, but that a handler is called once more.
 */
static void
NoteLocked(SsConnection *connectionPtr)
{
    SsArrival *arrivalPtr = &connectionPtr->arrival;
    uint64_t now = SsNanoseconds();

    connectionPtr->begun = now;
    connectionPtr->peer.since = (int64_t) (now / 1000000);
    if (!arrivalPtr->kept) {
	SsPortHoldLocked(connectionPtr->portPtr);
	connectionPtr->waited = (arrivalPtr->head.ready > now) ? 0
		: now - arrivalPtr->head.ready;
	counts.taken++;
	counts.waited += connectionPtr->waited;
	SsBoardWaitedLocked(connectionPtr->waited);
    }
    if (arrivalPtr->datagramPtr != NULL) {
	SsSocketsCount(connectionPtr->portPtr->socketsPtr,
		arrivalPtr->head.listener, 1, 0);
    }
    received++;
    connectionPtr->olderPtr = newestPtr;
    *((newestPtr != NULL) ? &newestPtr->newerPtr : &oldestPtr) = connectionPtr;
    newestPtr = connectionPtr;
    ShowLocked(now);
}

int
SsConnectionOpen(Tcl_Interp *interp, SsPort *portPtr, SsArrival *arrivalPtr,
    Tcl_Obj *words[3])
{
    SsConnection *connectionPtr;
    Tcl_Channel channel;

    if (!arrivalPtr->kept && Place(interp, portPtr, arrivalPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    connectionPtr = (SsConnection *) Tcl_Alloc(sizeof(SsConnection));
    *connectionPtr = (SsConnection) {
	.header.proc = ClosedEventProc, .process = SsForkCount(),
	.arrival = *arrivalPtr, .portPtr = portPtr,
	.peer = { .address = connectionPtr->arrival.address,
		.port = arrivalPtr->port,
		.listener = arrivalPtr->head.listener }
    };
    if (arrivalPtr->datagramPtr != NULL) {
	SsDatagramOpen(&connectionPtr->socket, arrivalPtr->datagramPtr,
		arrivalPtr->fd, ClosedProc);
    } else {
	SsChannelOpen(&connectionPtr->socket, arrivalPtr->fd, ClosedProc);
    }
    SsForkLock();
    NoteLocked(connectionPtr);
    SsForkUnlock();
    SsEngage();
    if (!arrivalPtr->kept) {
	SsReportTaken(portPtr, arrivalPtr->head.id);
    }
    channel = connectionPtr->socket.channel;
    if (arrivalPtr->numUnread > 0) {
	Tcl_Ungets(channel, arrivalPtr->unread, arrivalPtr->numUnread, 0);
	free(arrivalPtr->unread);
	connectionPtr->arrival.unread = NULL;
	connectionPtr->arrival.numUnread = 0;
    }
    Tcl_RegisterChannel(interp, channel);
    words[0] = Tcl_NewStringObj(Tcl_GetChannelName(channel), -1);
    words[1] = Tcl_NewStringObj(connectionPtr->arrival.address, -1);
    words[2] = Tcl_NewIntObj(connectionPtr->arrival.port);
    return TCL_OK;
}

SsConnection *
SsConnectionFind(Tcl_Interp *interp, const char *name)
{
    SsChannel *channelPtr = SsChannelFind(interp, name);

    return (channelPtr != NULL && Of(channelPtr)->process == SsForkCount())
	    ? Of(channelPtr) : NULL;
}

int
SsConnectionWhenClosed(Tcl_Interp *interp, const char *name,
    Tcl_Obj *prefixPtr)
{
    SsConnection *connectionPtr = SsConnectionFind(interp, name);

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
    SsConnection *connectionPtr = SsConnectionFind(interp, name);

    return (connectionPtr != NULL) ? connectionPtr->peer.listener : -1;
}

static SsConnection *
NamedLocked(const char *name)
{
    SsConnection *connectionPtr = oldestPtr;

    while (connectionPtr != NULL && strcmp(name,
	    Tcl_GetChannelName(connectionPtr->socket.channel)) != 0) {
	connectionPtr = connectionPtr->newerPtr;
    }
    return connectionPtr;
}

int
SsConnectionIsElsewhere(const char *name)
{
    int isThere;

    SsForkLock();
    isThere = (NamedLocked(name) != NULL);
    SsForkUnlock();
    return isThere;
}

int
SsConnectionCut(const char *name)
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = NamedLocked(name);
    if (connectionPtr != NULL
	    && connectionPtr->arrival.datagramPtr == NULL) {
	shutdown(connectionPtr->socket.fd, SHUT_RDWR);
    }
    SsForkUnlock();
    return (connectionPtr != NULL) ? 0 : -1;
}

void
SsConnectionLeave(int pollFd, int fd)
{
    SsConnection *connectionPtr;

    SsForkLock();
    epoll_ctl(pollFd, EPOLL_CTL_DEL, fd, NULL);
    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = connectionPtr->newerPtr) {
	if (connectionPtr->arrival.fd == fd
		&& connectionPtr->arrival.pollFd == pollFd) {
	    connectionPtr->arrival.pollFd = 0;
	}
    }
    SsForkUnlock();
}

int
SsConnectionsOpen(void)
{
    int open;

    SsForkLock();
    open = (int) (received - counts.served);
    SsForkUnlock();
    return open;
}

int64_t
SsConnectionsSince(void)
{
    int64_t since;

    SsForkLock();
    since = (oldestPtr != NULL) ? oldestPtr->peer.since : -1;
    SsForkUnlock();
    return since;
}

/* Tcl closes one a moment after nothing is buffered any more. */
int
SsConnectionsLingering(void)
{
    const SsChannel *socketPtr;
    SsConnection *connectionPtr;
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
SsConnectionsShowAnew(void)
{
    SsForkLock();
    before = counts;
    ShowLocked(SsNanoseconds());
    SsForkUnlock();
}

void
SsConnectionsForget(void)
{
    SsConnection *connectionPtr;

    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = connectionPtr->newerPtr) {
	if (connectionPtr->arrival.datagramPtr != NULL
		&& Tcl_GetChannelThread(connectionPtr->socket.channel)
		== Tcl_GetCurrentThread()) {
	    SsDatagramInherit(&connectionPtr->socket);
	}
    }
    received = discarded = 0;
    counts = before = (SsBoardCounts) { 0, 0, 0 };
    oldestPtr = newestPtr = NULL;
}
