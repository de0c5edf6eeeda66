#include "ports.h"
#include "fork.h"
#include "place.h"
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <tcl.h>
#include <string.h>
#include <unistd.h>

static SsPort *firstPtr = NULL;
static int lastQueue = 0;
static int lastNumber = 65535;	/* Of those above all TCP ports. */

static SsPort **
LinkTo(
    const SsPort *portPtr)	/* NULL: the end of the list. */
{
    SsPort **linkPtr = &firstPtr;

    while (*linkPtr != portPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    return linkPtr;
}

static int
IsUsed(const SsPort *portPtr)
{
    return !portPtr->ended || portPtr->firstUsePtr != NULL
	    || portPtr->held > 0 || portPtr->numReports > 0;
}

static void
CloseDescriptors(SsPort *portPtr)
{
    if (portPtr->queueFd >= 0) {
	close(portPtr->queueFd);
    }
    if (portPtr->returnFd >= 0) {
	close(portPtr->returnFd);
    }
    portPtr->queueFd = portPtr->returnFd = -1;
    if (portPtr->socketsPtr != NULL) {
	SsSocketsClose(portPtr->socketsPtr);
    }
}

/*
 * Closes what is open of a queue that ended when nobody uses it, and frees the
 * port if another one has its number.  Otherwise it stays, so that who asks for
 * it hears that it was closed.
 */
void
SsPortTidyLocked(SsPort *portPtr)
{
    if (IsUsed(portPtr)) {
	return;
    }
    if (portPtr->queueFd >= 0) {
	SsPlacesLeaveLocked(-1, portPtr->queueFd);
    }
    CloseDescriptors(portPtr);
    if (portPtr->servicePtr == NULL
	    && SsPortFindLocked(portPtr->number) != portPtr) {
	*LinkTo(portPtr) = portPtr->nextPtr;
	free(portPtr->reports);
	free(portPtr->socketsPtr);
	Tcl_Free((char *) portPtr);
    }
}

/* One without TCP port has the number again that its name had before. */
static int
NumberOf(const SsListener *listenerPtr)
{
    SsPort *portPtr;

    if (listenerPtr->port > 0) {
	return listenerPtr->port;
    }
    for (portPtr = firstPtr; portPtr != NULL; portPtr = portPtr->nextPtr) {
	if (portPtr->listeners[0].port == 0
		&& strcmp(portPtr->listeners[0].name, listenerPtr->name)
		== 0) {
	    return portPtr->number;
	}
    }
    return ++lastNumber;
}

/*
 * One that ended under the same number gives way; one whose queue still holds
 * connections stays just before it until it ends, so that a second queue leaves
 * the order of the ports as it is.
 */
SsPort *
SsPortAddLocked(const SsListener *listeners, int numListeners, int queueFd,
    int returnFd, SsSockets *socketsPtr)
{
    unsigned bytes = (unsigned) numListeners * sizeof(SsListener);
    SsPort *portPtr = (SsPort *) Tcl_Alloc(sizeof(SsPort) + bytes);
    SsPort *olderPtr, **linkPtr;

    memset(portPtr, 0, sizeof(SsPort));
    memcpy(portPtr->listeners, listeners, bytes);
    portPtr->numListeners = numListeners;
    portPtr->number = NumberOf(&listeners[0]);
    SsListenerCall(&listeners[0], portPtr->called);
    portPtr->queue = ++lastQueue;
    portPtr->queueFd = queueFd;
    portPtr->returnFd = returnFd;
    portPtr->socketsPtr = socketsPtr;
    portPtr->server = SsForkCount();
    portPtr->serving = 1;

    olderPtr = SsPortFindLocked(portPtr->number);
    linkPtr = (olderPtr == NULL || olderPtr->ended) ? LinkTo(NULL)
	    : &olderPtr->nextPtr;
    portPtr->nextPtr = *linkPtr;
    *linkPtr = portPtr;
    if (olderPtr != NULL) {
	SsPortTidyLocked(olderPtr);
    }
    return portPtr;
}

SsPort *
SsPortFindLocked(
    int number)			/* 0: the first. */
{
    SsPort *portPtr, *foundPtr = NULL;

    for (portPtr = firstPtr; portPtr != NULL; portPtr = portPtr->nextPtr) {
	if (number == 0 && !portPtr->ended) {
	    number = portPtr->number;
	}
	if (portPtr->number == number && (foundPtr == NULL
		|| !portPtr->ended || foundPtr->ended)) {
	    foundPtr = portPtr;
	}
    }
    return (number == 0) ? firstPtr : foundPtr;
}

/*
 * Each listener that is meant has a rank: a name says more than a number, one
 * that is served more than one that ends.
 */
SsPort *
SsPortNamedLocked(
    const char *name,
    int number,
    int *countPtr)		/* Set to how many listeners are meant. */
{
    SsPort *portPtr, *foundPtr = NULL;
    int i, isName, rank, best = 0, found = 0;

    *countPtr = 0;
    for (portPtr = firstPtr; portPtr != NULL; portPtr = portPtr->nextPtr) {
	for (i = 0; i < portPtr->numListeners; i++) {
	    isName = (strcmp(name, portPtr->listeners[i].name) == 0);
	    if (!isName && (number == 0
		    || number != portPtr->listeners[i].port)) {
		continue;
	    }
	    rank = isName + (portPtr->ended ? 0 : portPtr->serving ? 4 : 2);
	    if (rank > best) {
		best = rank;
		*countPtr = 0;
	    }

	    /* Of a second queue it is the same one. */
	    if (rank == best && (*countPtr == 0 || found != i
		    || foundPtr->number != portPtr->number)) {
		foundPtr = portPtr;
		found = i;
		++*countPtr;
	    }
	}
    }
    return (*countPtr == 1) ? SsPortFindLocked(foundPtr->number) : NULL;
}

/*
 * Whether a listener is known by its name alone.  That of UDP port 0 is none
 * yet, and nobody has the same.
 */
static int
IsWhole(const char *name)
{
    return strncmp(name, "unix:", 5) == 0 || strncmp(name, "fd:", 3) == 0
	    || strncmp(name, "udp:", 4) == 0;
}

int
SsListenerIs(const SsListener *wantedPtr, const SsListener *servedPtr)
{
    return IsWhole(wantedPtr->name)
	    ? strcmp(wantedPtr->name, servedPtr->name) == 0
		    && !wantedPtr->numSockets == !servedPtr->numSockets
	    : wantedPtr->port > 0 && wantedPtr->port == servedPtr->port;
}

void
SsListenerCall(const SsListener *listenerPtr, char called[SS_NAME_SIZE])
{
    if (listenerPtr->port > 0) {
	snprintf(called, SS_NAME_SIZE, "port %d", listenerPtr->port);
    } else {
	snprintf(called, SS_NAME_SIZE, "%s", listenerPtr->name);
    }
}

SsPort *
SsPortQueueLocked(int number, int queue)
{
    SsPort *portPtr = firstPtr;

    while (portPtr != NULL
	    && (portPtr->number != number || portPtr->queue != queue)) {
	portPtr = portPtr->nextPtr;
    }
    return portPtr;
}

SsPort *
SsPortsFirstLocked(void)
{
    return firstPtr;
}

void
SsPortUseLocked(SsPortUse *usePtr, SsPort *portPtr)
{
    usePtr->portPtr = portPtr;
    usePtr->thread = pthread_self();
    usePtr->nextPtr = portPtr->firstUsePtr;
    portPtr->firstUsePtr = usePtr;
}

void
SsPortDropLocked(SsPortUse *usePtr)
{
    SsPortUse **linkPtr = &usePtr->portPtr->firstUsePtr;

    while (*linkPtr != usePtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = usePtr->nextPtr;
    SsPortTidyLocked(usePtr->portPtr);
}

void
SsPortHoldLocked(SsPort *portPtr)
{
    portPtr->held++;
}

void
SsPortReleaseLocked(SsPort *portPtr)
{
    portPtr->held--;
    SsPortTidyLocked(portPtr);
}

/* Places were given up before.  Nothing may be freed here. */
void
SsPortsForget(void)
{
    SsPort *portPtr;
    SsPortUse **linkPtr;

    for (portPtr = firstPtr; portPtr != NULL; portPtr = portPtr->nextPtr) {
	linkPtr = &portPtr->firstUsePtr;
	while (*linkPtr != NULL) {
	    if (pthread_equal((*linkPtr)->thread, pthread_self())) {
		linkPtr = &(*linkPtr)->nextPtr;
	    } else {
		*linkPtr = (*linkPtr)->nextPtr;
	    }
	}
	portPtr->held = portPtr->numReports = portPtr->retired = 0;
	if (!IsUsed(portPtr)) {
	    CloseDescriptors(portPtr);
	}
    }
}

int
SsPortAtEndLocked(SsPort *portPtr)
{
    if (!portPtr->ended && SsQueueAtEnd(portPtr->queueFd)
	    && !SsSocketsLeft(portPtr->socketsPtr)) {
	SsPortEndLocked(portPtr);
	return 1;
    }
    return portPtr->ended;
}

void
SsPortEndLocked(SsPort *portPtr)
{
    portPtr->ended = 1;
    portPtr->serving = 0;
    SsPortTidyLocked(portPtr);
}

void
SsPortKeepLocked(SsPort *keptPtr)
{
    SsPort *portPtr, *nextPtr;

    for (portPtr = firstPtr; portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (portPtr->number == keptPtr->number && portPtr != keptPtr) {
	    SsPortEndLocked(portPtr);
	}
    }
}

int
SsPortServedHere(const SsPort *portPtr)
{
    return portPtr->serving && portPtr->server == SsForkCount();
}

int
SsPortInherited(const SsPort *portPtr)
{
    return portPtr->server != SsForkCount();
}
