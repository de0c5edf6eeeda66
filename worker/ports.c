/*
 * ports.c --
 *
 *	The ports that this process knows.
 */

#include "ports.h"
#include "fork.h"
#include "queue.h"
#include "wait.h"

#include <stdlib.h>
#include <unistd.h>

static SsPort *firstPortPtr = NULL;
static int lastQueue = 0;

static void	Unlink(const SsPort *portPtr);
static void	Append(SsPort *portPtr);
static int	Superseded(const SsPort *portPtr);
static void	TidyLocked(SsPort *portPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsPortAddLocked --
 *
 *	See ports.h.  One that ended under the same number gives way; one
 *	whose queue still holds connections stays beside it until it ends.
 *
 * Results:
 *	The port, or NULL.
 *
 * Side effects:
 *	The list grows.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

SsPort *
SsPortAddLocked(
    int number,
    int queueFd)		/* Becomes the port's. */
{
    SsPort *portPtr, *olderPtr;

    portPtr = calloc(1, sizeof(SsPort));
    if (portPtr == NULL) {
	return NULL;
    }
    portPtr->number = number;
    portPtr->queue = ++lastQueue;
    portPtr->queueFd = queueFd;
    portPtr->server = SsForkCount();
    portPtr->serving = 1;

    olderPtr = SsPortFindLocked(number);
    Append(portPtr);
    if (olderPtr != NULL) {
	TidyLocked(olderPtr);
    }
    return portPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * SsPortFindLocked, SsPortQueueLocked, SsPortsFirstLocked --
 *
 *	See ports.h.
 *
 * Results:
 *	A port or NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

SsPort *
SsPortFindLocked(
    int number)			/* 0: the first. */
{
    SsPort *portPtr, *foundPtr = NULL;

    for (portPtr = firstPortPtr; portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (number == 0 && !portPtr->ended) {
	    number = portPtr->number;
	}
	if (portPtr->number == number) {
	    foundPtr = portPtr;
	}
    }
    return (number == 0) ? firstPortPtr : foundPtr;
}

SsPort *
SsPortQueueLocked(
    int number,
    int queue)
{
    SsPort *portPtr;

    for (portPtr = firstPortPtr; portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	if (portPtr->number == number && portPtr->queue == queue) {
	    break;
	}
    }
    return portPtr;
}

SsPort *
SsPortsFirstLocked(void)
{
    return firstPortPtr;
}

/*
 *----------------------------------------------------------------------
 *
 * SsPortUseLocked, SsPortDropLocked --
 *
 *	See ports.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	May close the queue's receive end and free the port.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsPortUseLocked(
    SsPort *portPtr)
{
    portPtr->uses++;
}

void
SsPortDropLocked(
    SsPort *portPtr)
{
    portPtr->uses--;
    TidyLocked(portPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsPortAtEndLocked, SsPortEndLocked --
 *
 *	See ports.h.
 *
 * Results:
 *	The first: 1 or 0.
 *
 * Side effects:
 *	May close the queue's receive end and free the port.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsPortAtEndLocked(
    SsPort *portPtr)
{
    if (!portPtr->ended && SsQueueAtEnd(portPtr->queueFd)) {
	SsPortEndLocked(portPtr);
	return 1;
    }
    return portPtr->ended;
}

void
SsPortEndLocked(
    SsPort *portPtr)
{
    portPtr->ended = 1;
    TidyLocked(portPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsPortGiveUpLocked, SsPortKeepLocked --
 *
 *	See ports.h.  What counts as the newest is the last in the list.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	May close receive ends and free ports.
 *
 * Process:
 *	Server; worker.
 *
 *----------------------------------------------------------------------
 */

void
SsPortGiveUpLocked(
    SsPort *portPtr)
{
    Unlink(portPtr);
    portPtr->nextPtr = firstPortPtr;
    firstPortPtr = portPtr;
    portPtr->serving = 0;
    SsPortEndLocked(portPtr);
}

void
SsPortKeepLocked(
    SsPort *keptPtr)
{
    SsPort *portPtr, *nextPtr;

    Unlink(keptPtr);
    Append(keptPtr);
    for (portPtr = firstPortPtr; portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (portPtr->number == keptPtr->number && portPtr != keptPtr) {
	    SsPortEndLocked(portPtr);
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsPortServedHere, SsPortInherited --
 *
 *	See ports.h.
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

int
SsPortServedHere(
    const SsPort *portPtr)
{
    return portPtr->serving && portPtr->server == SsForkCount();
}

int
SsPortInherited(
    const SsPort *portPtr)
{
    return portPtr->server != SsForkCount();
}

/*
 *----------------------------------------------------------------------
 *
 * TidyLocked --
 *
 *	Closes the receive end of a queue that ended when nobody uses it, and
 *	forgets the port if a newer one has its number.  Otherwise it stays,
 *	so that who asks for it hears that it was closed.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	May free the port.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static void
TidyLocked(
    SsPort *portPtr)
{
    if (!portPtr->ended || portPtr->uses > 0) {
	return;
    }
    if (portPtr->queueFd >= 0) {
	SsWaitsLeaveLocked(portPtr->queueFd);
	close(portPtr->queueFd);
	portPtr->queueFd = -1;
    }
    if (Superseded(portPtr)) {
	Unlink(portPtr);
	free(portPtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Unlink, Append --
 *
 *	Take a port out of the list; put it at its end.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The list changes.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static void
Unlink(
    const SsPort *portPtr)
{
    SsPort **linkPtr;

    for (linkPtr = &firstPortPtr; *linkPtr != portPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = portPtr->nextPtr;
}

static void
Append(
    SsPort *portPtr)
{
    SsPort **linkPtr;

    for (linkPtr = &firstPortPtr; *linkPtr != NULL;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the end. */
    }
    *linkPtr = portPtr;
    portPtr->nextPtr = NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * Superseded --
 *
 *	Whether a newer port has this one's number.
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
Superseded(
    const SsPort *portPtr)
{
    const SsPort *newerPtr;

    for (newerPtr = portPtr->nextPtr; newerPtr != NULL;
	    newerPtr = newerPtr->nextPtr) {
	if (newerPtr->number == portPtr->number) {
	    return 1;
	}
    }
    return 0;
}
