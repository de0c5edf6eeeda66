/*
 * connection.c --
 *
 *	A received connection as a Tcl channel.
 */

#include "connection.h"
#include "board.h"
#include "clock.h"
#include "fork.h"
#include "leave.h"
#include "linger.h"
#include "result.h"

#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * All guarded by the fork lock.
 */

static uint64_t received = 0;
static uint64_t discarded = 0;
static uint64_t closed = 0;	/* Of those received. */
static uintptr_t lastNumber = 0;
static SsConnection *oldestPtr = NULL;
static SsConnection *newestPtr = NULL;
				/* Ends of the list of the open ones. */

static void	NoteOpened(SsConnection *connectionPtr);
static void	NoteClosedLocked(SsConnection *connectionPtr);
static void	ShowLocked(void);
static void	ClosedProc(void *clientData);
static void	Closed(SsConnection *connectionPtr);
static int	IsOpen(SsConnection *connectionPtr);
static int	WritesOn(Tcl_Channel channel);

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionOpen --
 *
 *	See connection.h.
 *
 * Results:
 *	A connection, to be released, or NULL.
 *
 * Side effects:
 *	The interpreter has one more channel, and the worker stays at least
 *	until it is closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

SsConnection *
SsConnectionOpen(
    Tcl_Interp *interp,
    const SsArrival *arrivalPtr)	/* Its descriptor becomes the
					 * channel's. */
{
    SsConnection *connectionPtr;
    int bound = SsDescriptorBound();

    if (bound > 0 && arrivalPtr->fd >= bound) {
	SsConnectionDiscard(arrivalPtr->fd);
	SsErrorOurs(interp, "FDSETSIZE",
		"connection from %s refused: descriptor %d is too high for"
		" this Tcl, which waits with select: close files or start"
		" more workers", arrivalPtr->address, arrivalPtr->fd);
	return NULL;
    }
    connectionPtr = (SsConnection *) Tcl_Alloc(sizeof(SsConnection));
    connectionPtr->channel =
	    Tcl_MakeTcpClientChannel((void *) (intptr_t) arrivalPtr->fd);
    snprintf(connectionPtr->name, sizeof(connectionPtr->name), "%s",
	    Tcl_GetChannelName(connectionPtr->channel));
    connectionPtr->fd = arrivalPtr->fd;
    connectionPtr->inode = 0;
    connectionPtr->lingers = 0;
    connectionPtr->uses = 2;
    connectionPtr->closedProc = NULL;
    memcpy(connectionPtr->address, arrivalPtr->address,
	    sizeof(connectionPtr->address));
    connectionPtr->port = arrivalPtr->port;
    NoteOpened(connectionPtr);
    SsEngage();
    SsLingerWatch();
    Tcl_CreateCloseHandler(connectionPtr->channel, ClosedProc,
	    (void *) connectionPtr->number);
    Tcl_RegisterChannel(interp, connectionPtr->channel);
    return connectionPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * ClosedProc, SsConnectionsSweep --
 *
 *	The channel is being closed, by whichever thread has it now; see
 *	connection.h.  A forked child that closes its copy finds no connection
 *	of that number.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Those of Closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
ClosedProc(
    void *clientData)		/* The connection's number. */
{
    SsConnection *connectionPtr;

    SsForkLock();
    connectionPtr = newestPtr;
    while (connectionPtr != NULL
	    && connectionPtr->number != (uintptr_t) clientData) {
	connectionPtr = connectionPtr->olderPtr;
    }
    if (connectionPtr != NULL) {
	NoteClosedLocked(connectionPtr);
    }
    SsForkUnlock();
    if (connectionPtr != NULL) {
	Closed(connectionPtr);
    }
}

void
SsConnectionsSweep(void)
{
    SsConnection *connectionPtr, *nextPtr, *gonePtr = NULL;

    SsForkLock();
    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = nextPtr) {
	nextPtr = connectionPtr->newerPtr;
	if (!IsOpen(connectionPtr)) {
	    NoteClosedLocked(connectionPtr);
	    connectionPtr->newerPtr = gonePtr;
	    gonePtr = connectionPtr;
	}
    }
    SsForkUnlock();
    for (; gonePtr != NULL; gonePtr = nextPtr) {
	nextPtr = gonePtr->newerPtr;
	Closed(gonePtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Closed, IsOpen --
 *
 *	What follows when a connection is off the list of the open ones; whether
 *	its descriptor is still its socket, not the next file that got the same
 *	number.
 *
 * Results:
 *	IsOpen: 1 or 0.
 *
 * Side effects:
 *	Closed tells who wants to know, and may let the worker end.  IsOpen
 *	notes which socket it is when it is asked for the first time.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
Closed(
    SsConnection *connectionPtr)	/* No longer in the list; the list's
					 * use of it ends here. */
{
    if (connectionPtr->closedProc != NULL) {
	connectionPtr->closedProc(connectionPtr->closedData);
    }
    SsDisengage();
    SsConnectionRelease(connectionPtr);
}

static int
IsOpen(
    SsConnection *connectionPtr)
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
 *----------------------------------------------------------------------
 *
 * NoteOpened, NoteClosedLocked, ShowLocked --
 *
 *	Keep the list of open connections, and show on the scoreboard how many
 *	there are and which is the oldest.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The slot of this process, if it has one, changes.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
NoteOpened(
    SsConnection *connectionPtr)
{
    connectionPtr->since = SsMilliseconds();
    connectionPtr->newerPtr = NULL;
    SsForkLock();
    received++;
    connectionPtr->number = ++lastNumber;
    connectionPtr->olderPtr = newestPtr;
    if (newestPtr != NULL) {
	newestPtr->newerPtr = connectionPtr;
    } else {
	oldestPtr = connectionPtr;
    }
    newestPtr = connectionPtr;
    ShowLocked();
    SsForkUnlock();
}

static void
NoteClosedLocked(
    SsConnection *connectionPtr)
{
    SsConnection *olderPtr = connectionPtr->olderPtr;
    SsConnection *newerPtr = connectionPtr->newerPtr;

    closed++;
    connectionPtr->channel = NULL;
    *((olderPtr != NULL) ? &olderPtr->newerPtr : &oldestPtr) = newerPtr;
    *((newerPtr != NULL) ? &newerPtr->olderPtr : &newestPtr) = olderPtr;
    ShowLocked();
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
    SsBoardShowLocked(open, closed, &peer);
}

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionArguments --
 *
 *	See connection.h.
 *
 * Results:
 *	Three new values.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsConnectionArguments(
    const SsConnection *connectionPtr,
    Tcl_Obj *objv[3])
{
    objv[0] = Tcl_NewStringObj(connectionPtr->name, -1);
    objv[1] = Tcl_NewStringObj(connectionPtr->address, -1);
    objv[2] = Tcl_NewIntObj(connectionPtr->port);
}

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionChannel --
 *
 *	See connection.h.
 *
 * Results:
 *	A channel or NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

Tcl_Channel
SsConnectionChannel(
    SsConnection *connectionPtr)
{
    Tcl_Channel channel;

    SsForkLock();
    channel = connectionPtr->channel;
    SsForkUnlock();
    return channel;
}

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionWhenClosed, SsConnectionsNote, SsConnectionsLingering,
 * WritesOn --
 *
 *	See connection.h; whether Tcl writes to a channel in the background.
 *
 * Results:
 *	0, or -1 where the channel is no connection; how many.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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

int
SsConnectionsLingering(void)
{
    SsConnection *connectionPtr;
    int lingering = 0;

    SsConnectionsSweep();
    SsForkLock();
    for (connectionPtr = oldestPtr; connectionPtr != NULL;
	    connectionPtr = connectionPtr->newerPtr) {
	if (Tcl_IsChannelExisting(connectionPtr->name)) {
	    /*
	     * Tcl closes it a moment after nothing is buffered any more.
	     */

	    connectionPtr->lingers |= WritesOn(connectionPtr->channel);
	    lingering += connectionPtr->lingers;
	}
    }
    SsForkUnlock();
    return lingering;
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

int
SsConnectionCut(
    const char *name)
{
    SsConnection *connectionPtr;
    int found = 0;

    SsForkLock();
    for (connectionPtr = newestPtr; connectionPtr != NULL && !found;
	    connectionPtr = connectionPtr->olderPtr) {
	found = (strcmp(connectionPtr->name, name) == 0);
	if (found && IsOpen(connectionPtr)) {
	    shutdown(connectionPtr->fd, SHUT_RDWR);
	}
    }
    SsForkUnlock();
    return found ? 0 : -1;
}

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionRelease --
 *
 *	See connection.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The last to release it frees the structure.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsConnectionRelease(
    SsConnection *connectionPtr)
{
    int uses;

    SsForkLock();
    uses = --connectionPtr->uses;
    SsForkUnlock();
    if (uses == 0) {
	Tcl_Free((char *) connectionPtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsConnectionDiscard, SsConnectionCounts, SsConnectionsForget --
 *
 *	See connection.h.  The last is for a forked child, which counts anew.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The first closes the descriptor; -1: it is lost already.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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

void
SsConnectionCounts(
    uint64_t *receivedPtr,
    uint64_t *discardedPtr)
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

/*
 *----------------------------------------------------------------------
 *
 * SsDescriptorBound --
 *
 *	See connection.h.
 *
 * Results:
 *	A number, or 0.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsDescriptorBound(void)
{
    int major;

    Tcl_GetVersion(&major, NULL, NULL, NULL);
    return (major < 9) ? FD_SETSIZE : 0;
}
