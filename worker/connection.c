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
#include "result.h"

#include <string.h>
#include <sys/select.h>
#include <unistd.h>

/*
 * All guarded by the fork lock.
 */

static uint64_t received = 0;
static uint64_t discarded = 0;
static uint64_t closed = 0;	/* Of those received. */
static SsConnection *oldestPtr = NULL;
static SsConnection *newestPtr = NULL;
				/* Ends of the list of the open ones. */

static void	NoteOpened(SsConnection *connectionPtr);
static void	NoteClosed(SsConnection *connectionPtr);
static void	ShowLocked(void);
static void	ClosedProc(void *clientData);

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
    connectionPtr->uses = 2;
    connectionPtr->process = SsForkCount();
    memcpy(connectionPtr->address, arrivalPtr->address,
	    sizeof(connectionPtr->address));
    connectionPtr->port = arrivalPtr->port;
    NoteOpened(connectionPtr);
    SsEngage();
    Tcl_CreateCloseHandler(connectionPtr->channel, ClosedProc, connectionPtr);
    Tcl_RegisterChannel(interp, connectionPtr->channel);
    return connectionPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * ClosedProc --
 *
 *	The channel is being closed, by whichever thread has it now.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	May let the worker end.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
ClosedProc(
    void *clientData)		/* The connection. */
{
    SsConnection *connectionPtr = (SsConnection *) clientData;

    SsForkLock();
    connectionPtr->channel = NULL;
    SsForkUnlock();
    if (connectionPtr->process == SsForkCount()) {
	NoteClosed(connectionPtr);
	SsDisengage();
    }
    SsConnectionRelease(connectionPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * NoteOpened, NoteClosed, ShowLocked --
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
NoteClosed(
    SsConnection *connectionPtr)
{
    SsConnection *olderPtr, *newerPtr;

    SsForkLock();
    olderPtr = connectionPtr->olderPtr;
    newerPtr = connectionPtr->newerPtr;
    closed++;
    *((olderPtr != NULL) ? &olderPtr->newerPtr : &oldestPtr) = newerPtr;
    *((newerPtr != NULL) ? &newerPtr->olderPtr : &newestPtr) = olderPtr;
    ShowLocked();
    SsForkUnlock();
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
    const SsArrival *arrivalPtr,
    Tcl_Obj *objv[3])
{
    objv[0] = Tcl_NewStringObj(
	    Tcl_GetChannelName(connectionPtr->channel), -1);
    objv[1] = Tcl_NewStringObj(arrivalPtr->address, -1);
    objv[2] = Tcl_NewIntObj(arrivalPtr->port);
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
