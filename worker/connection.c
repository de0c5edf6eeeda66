#include "connection.h"
#include "board.h"
#include "clock.h"
#include "fork.h"
#include "leave.h"
#include "limit.h"
#include "linger.h"
#include "loop.h"
#include "notifier.h"
#include "result.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Tcl 8.6 selects on some descriptors whatever notifier it has, when it waits
 * for a connection to be made, say.  Half of those that it can select on are
 * left to the rest of the program.
 */

#define SELECTABLE FD_SETSIZE
#define SCARCE (FD_SETSIZE / 2)

#define FD_BITS (sizeof(uintptr_t) > 4 ? 24 : 20)
				/* Of a connection's number. */
#define SWEPT 8			/* How many SsConnectionsSweep looks at. */

/* All guarded by the fork lock. */

static uint64_t received = 0;
static uint64_t discarded = 0;
static uint64_t closed = 0;	/* Of those received. */
static uintptr_t lastSerial = 0;
static SsConnection *oldestPtr = NULL;
static SsConnection *newestPtr = NULL;
				/* Ends of the list of the open ones. */
static SsConnection *sweptPtr = NULL;
				/* Which to look at next. */
static SsConnection **byFd = NULL;
				/* The open ones by descriptor. */
static int numByFd = 0;

static SsConnection *
FindLocked(int fd)
{
    return (fd >= 0 && fd < numByFd) ? byFd[fd] : NULL;
}

/*
 * Whether a descriptor is still the connection's socket, not the next file that
 * got the same number.  Notes which socket it is when it is asked for the first
 * time.
 */
static int
IsOpen(SsConnection *connectionPtr)
{
    struct stat status;

    if (fstat(connectionPtr->fd, &status) < 0) {
	return 0;
    }
    if (connectionPtr->inode == 0) {
	connectionPtr->device = status.st_dev;
	connectionPtr->inode = status.st_ino;
    }
    return connectionPtr->inode == status.st_ino
	    && connectionPtr->device == status.st_dev;
}

/*
 * Just before Tcl closes a socket it deletes the file handler.  So a connection
 * whose handler is deleted may be closed in a moment: what it is is noted now,
 * and looked for when the thread that closes it waits next.
 */
static int
DoubtProc(int fd)
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = FindLocked(fd);
    if (connectionPtr != NULL) {
	(void) IsOpen(connectionPtr);
    }
    SsForkUnlock();
    return connectionPtr != NULL;
}

static void
ShowLocked(void)
{
    SsBoardPeer peer;
    int open = (int) (received - closed);

    if (oldestPtr == NULL) {
	SsBoardShowLocked(open, closed, NULL);
	return;
    }
    peer.address = oldestPtr->address;
    peer.port = oldestPtr->port;
    peer.since = oldestPtr->since;
    peer.listener = oldestPtr->listener;
    SsBoardShowLocked(open, closed, &peer);
}

static void
NoteClosedLocked(SsConnection *connectionPtr)
{
    SsConnection *olderPtr = connectionPtr->olderPtr;
    SsConnection *newerPtr = connectionPtr->newerPtr;

    closed++;
    connectionPtr->channel = NULL;
    byFd[connectionPtr->fd] = NULL;
    if (sweptPtr == connectionPtr) {
	sweptPtr = newerPtr;
    }
    *((olderPtr != NULL) ? &olderPtr->newerPtr : &oldestPtr) = newerPtr;
    *((newerPtr != NULL) ? &newerPtr->olderPtr : &newestPtr) = olderPtr;
    ShowLocked();
}

/*
 * Tells who wants to know that a connection is closed, and may let the worker
 * end.
 */
static void
Closed(
    SsConnection *connectionPtr)	/* No longer in the list, whose use of
					 * it ends here; or NULL. */
{
    if (connectionPtr == NULL) {
	return;
    }
    if (connectionPtr->closedProc != NULL) {
	connectionPtr->closedProc(connectionPtr->closedData);
    }
    SsDisengage();
    SsConnectionRelease(connectionPtr);
}

static void
SettleProc(int fd)
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = FindLocked(fd);
    if (connectionPtr != NULL && IsOpen(connectionPtr)) {
	connectionPtr = NULL;
    }
    if (connectionPtr != NULL) {
	NoteClosedLocked(connectionPtr);
    }
    SsForkUnlock();
    Closed(connectionPtr);
}

void
SsConnectionsPrepare(void)
{
    SsNotifierTells(DoubtProc, SettleProc);
}

/* A limit of the process may not let it be any higher. */
static int
Raise(
    int fd)			/* The result replaces it. */
{
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, SELECTABLE);

    if (raised < 0) {
	return fd;
    }
    close(fd);
    return raised;
}

/*
 * Returns one that had this descriptor, and so must have been closed, or NULL.
 */
static SsConnection *
PlaceLocked(SsConnection *connectionPtr)
{
    SsConnection *gonePtr = FindLocked(connectionPtr->fd);
    int i, size = numByFd;

    if (gonePtr != NULL) {
	NoteClosedLocked(gonePtr);
    }
    if (connectionPtr->fd >= size) {
	size = 2 * connectionPtr->fd + 16;
	byFd = realloc(byFd, size * sizeof(SsConnection *));
	if (byFd == NULL) {
	    Tcl_Panic("out of memory for connections");
	}
	for (i = numByFd; i < size; i++) {
	    byFd[i] = NULL;
	}
	numByFd = size;
    }
    byFd[connectionPtr->fd] = connectionPtr;
    return gonePtr;
}

/*
 * Keep the list of open connections, and show on the scoreboard how many there
 * are and which is the oldest.
 */
static void
NoteOpened(SsConnection *connectionPtr)
{
    SsConnection *gonePtr;

    connectionPtr->since = SsMilliseconds();
    SsForkLock();
    received++;
    connectionPtr->number = ++lastSerial << FD_BITS
	    | (uintptr_t) connectionPtr->fd;
    gonePtr = PlaceLocked(connectionPtr);
    connectionPtr->olderPtr = newestPtr;
    if (newestPtr != NULL) {
	newestPtr->newerPtr = connectionPtr;
    } else {
	oldestPtr = connectionPtr;
    }
    newestPtr = connectionPtr;
    ShowLocked();
    SsForkUnlock();
    Closed(gonePtr);
}

/*
 * The channel is being closed, by whichever thread has it now.  A forked child
 * that closes its copy finds no connection of that number.
 */
static void
ClosedProc(
    void *clientData)		/* The connection's number. */
{
    uintptr_t number = (uintptr_t) clientData;
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = FindLocked((int) (number & ((1 << FD_BITS) - 1)));
    if (connectionPtr != NULL && connectionPtr->number != number) {
	connectionPtr = NULL;
    }
    if (connectionPtr != NULL) {
	NoteClosedLocked(connectionPtr);
    }
    SsForkUnlock();
    Closed(connectionPtr);
}

SsConnection *
SsConnectionOpen(
    Tcl_Interp *interp,
    const SsArrival *arrivalPtr)	/* Its descriptor becomes the
					 * channel's. */
{
    SsConnection *connectionPtr;
    int bound = SsDescriptorBound();
    int fd = arrivalPtr->fd;

    if (bound > 0 && fd >= bound) {
	SsConnectionDiscard(fd);
	SsErrorOurs(interp, "FDSETSIZE",
		"connection from %s refused: descriptor %d is too high for"
		" this Tcl, which waits with select: close files or start"
		" more workers", arrivalPtr->address, fd);
	return NULL;
    }
    if (bound == 0 && fd >= SCARCE && fd < SELECTABLE) {
	fd = Raise(fd);
    }
    connectionPtr = (SsConnection *) Tcl_Alloc(sizeof(SsConnection));
    memset(connectionPtr, 0, sizeof(SsConnection));
    connectionPtr->channel = Tcl_MakeTcpClientChannel((void *) (intptr_t) fd);
    snprintf(connectionPtr->name, sizeof(connectionPtr->name), "%s",
	    Tcl_GetChannelName(connectionPtr->channel));
    connectionPtr->fd = fd;
    connectionPtr->uses = 2;
    memcpy(connectionPtr->address, arrivalPtr->address,
	    sizeof(connectionPtr->address));
    connectionPtr->port = arrivalPtr->port;
    connectionPtr->listener = arrivalPtr->listener;
    NoteOpened(connectionPtr);
    SsEngage();
    SsLingerWatch(SsConnectionsNote, SsConnectionsSweep);
    Tcl_CreateCloseHandler(connectionPtr->channel, ClosedProc,
	    (void *) connectionPtr->number);
    Tcl_RegisterChannel(interp, connectionPtr->channel);
    return connectionPtr;
}

int
SsConnectionsSweep(void)
{
    SsConnection *connectionPtr, *gonePtr = NULL;
    int i, more;

    SsForkLock();
    if (sweptPtr == NULL) {
	sweptPtr = oldestPtr;
    }
    for (i = 0; i < SWEPT && sweptPtr != NULL; i++) {
	connectionPtr = sweptPtr;
	sweptPtr = connectionPtr->newerPtr;
	if (!IsOpen(connectionPtr)) {
	    NoteClosedLocked(connectionPtr);
	    connectionPtr->newerPtr = gonePtr;
	    gonePtr = connectionPtr;
	}
    }
    more = (sweptPtr != NULL);
    SsForkUnlock();
    while (gonePtr != NULL) {
	connectionPtr = gonePtr;
	gonePtr = gonePtr->newerPtr;
	Closed(connectionPtr);
    }
    return more;
}

void
SsConnectionArguments(const SsConnection *connectionPtr, Tcl_Obj *objv[3])
{
    objv[0] = Tcl_NewStringObj(connectionPtr->name, -1);
    objv[1] = Tcl_NewStringObj(connectionPtr->address, -1);
    objv[2] = Tcl_NewIntObj(connectionPtr->port);
}

Tcl_Channel
SsConnectionChannel(SsConnection *connectionPtr)
{
    Tcl_Channel channel;

    SsForkLock();
    channel = connectionPtr->channel;
    SsForkUnlock();
    return channel;
}

int
SsConnectionWhenClosed(
    Tcl_Channel channel,
    Tcl_CloseProc *closedProc,
    void *closedData)		/* What it is called with. */
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = newestPtr;
    while (connectionPtr != NULL && connectionPtr->channel != channel) {
	connectionPtr = connectionPtr->olderPtr;
    }
    if (connectionPtr != NULL && connectionPtr->closedProc != NULL) {
	connectionPtr = NULL;
    }
    if (connectionPtr != NULL) {
	connectionPtr->closedProc = closedProc;
	connectionPtr->closedData = closedData;
    }
    SsForkUnlock();
    return (connectionPtr != NULL) ? 0 : -1;
}

int
SsConnectionsNote(void)
{
    SsConnection *connectionPtr;
    int open;

    SsForkLock();
    for (connectionPtr = newestPtr; connectionPtr != NULL
	    && connectionPtr->inode == 0;
	    connectionPtr = connectionPtr->olderPtr) {
	(void) IsOpen(connectionPtr);
    }
    open = (int) (received - closed);
    SsForkUnlock();
    return open;
}

static int
WritesOn(
    Tcl_Channel channel)	/* Of this thread. */
{
    Tcl_DString value;
    int background;

    if (Tcl_OutputBuffered(channel) == 0) {
	return 0;
    }
    Tcl_DStringInit(&value);
    background = (Tcl_GetChannelOption(NULL, channel, "-blocking", &value)
	    == TCL_OK && Tcl_DStringValue(&value)[0] == '0');
    Tcl_DStringFree(&value);
    return background;
}

/* Tcl closes one a moment after nothing is buffered any more. */
int
SsConnectionsLingering(void)
{
    SsConnection *connectionPtr;
    int lingering = 0;

    while (!SsLoopIsOurs() && SsConnectionsSweep()) {
	/* To the newest. */
    }
    SsForkLock();
    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = connectionPtr->newerPtr) {
	if (Tcl_IsChannelExisting(connectionPtr->name)) {
	    connectionPtr->lingers |= WritesOn(connectionPtr->channel);
	    lingering += connectionPtr->lingers;
	}
    }
    SsForkUnlock();
    return lingering;
}

static SsConnection *
NamedLocked(const char *name)
{
    SsConnection *connectionPtr = newestPtr;

    while (connectionPtr != NULL && strcmp(connectionPtr->name, name) != 0) {
	connectionPtr = connectionPtr->olderPtr;
    }
    return connectionPtr;
}

int
SsConnectionListener(const char *name)
{
    SsConnection *connectionPtr;
    int listener;

    SsForkLock();
    connectionPtr = NamedLocked(name);
    listener = (connectionPtr == NULL) ? -1 : connectionPtr->listener;
    SsForkUnlock();
    return listener;
}

int
SsConnectionCut(const char *name)
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = NamedLocked(name);
    if (connectionPtr != NULL && IsOpen(connectionPtr)) {
	shutdown(connectionPtr->fd, SHUT_RDWR);
    }
    SsForkUnlock();
    return (connectionPtr != NULL) ? 0 : -1;
}

void
SsConnectionRelease(SsConnection *connectionPtr)
{
    int uses;

    SsForkLock();
    uses = --connectionPtr->uses;
    SsForkUnlock();
    if (uses == 0) {
	Tcl_Free((char *) connectionPtr);
    }
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

int
SsConnectionsOpen(void)
{
    int open;

    SsForkLock();
    open = (int) (received - closed);
    SsForkUnlock();
    return open;
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
    int fd;

    received = discarded = closed = 0;
    oldestPtr = newestPtr = sweptPtr = NULL;
    for (fd = 0; fd < numByFd; fd++) {
	byFd[fd] = NULL;
    }
}
