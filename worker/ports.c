#include "ports.h"
#include "fork.h"
#include "queue.h"
#include "wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <tcl.h>
#include <string.h>
#include <unistd.h>

typedef struct SsPortUse {
    struct SsPortUse *nextPtr;
    pthread_t thread;
    int count;
} SsPortUse;

static SsPort *firstPortPtr = NULL;
static int lastQueue = 0;

/*
 * Closes the receive end of a queue that ended when nobody uses it, and frees
 * the port if another one has its number.  Otherwise it stays, so that who asks
 * for it hears that it was closed.
 */
static void
TidyLocked(SsPort *portPtr)
{
    SsPort **linkPtr;

    if (!portPtr->ended || portPtr->uses > 0) {
	return;
    }
    if (portPtr->queueFd >= 0) {
	SsWaitsLeaveLocked(portPtr->queueFd);
	close(portPtr->queueFd);
	portPtr->queueFd = -1;
    }
    if (portPtr->servicePtr != NULL
	    || SsPortFindLocked(portPtr->number) == portPtr) {
	return;
    }
    for (linkPtr = &firstPortPtr; *linkPtr != portPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = portPtr->nextPtr;
    Tcl_Free((char *) portPtr->listeners);
    Tcl_Free((char *) portPtr);
}

/*
 * The link that is to lead to a new port: behind those of its number that have
 * not ended, so that a second queue leaves the order as it is, or at the end.
 */
static SsPort **
PlaceLocked(int number)
{
    SsPort **linkPtr, **placePtr = NULL;

    for (linkPtr = &firstPortPtr; *linkPtr != NULL;
	    linkPtr = &(*linkPtr)->nextPtr) {
	if ((*linkPtr)->number == number && !(*linkPtr)->ended) {
	    placePtr = &(*linkPtr)->nextPtr;
	}
    }
    return (placePtr != NULL) ? placePtr : linkPtr;
}

/*
 * One that ended under the same number gives way; one whose queue still holds
 * connections stays before it until it ends.
 */
SsPort *
SsPortAddLocked(
    const SsListener *listeners,
    int numListeners,
    int queueFd)		/* Becomes the port's. */
{
    SsPort *portPtr, *olderPtr, **linkPtr;
    unsigned size = (unsigned) numListeners * sizeof(SsListener);
    int number = listeners[0].port;

    portPtr = (SsPort *) Tcl_Alloc(sizeof(SsPort));
    memset(portPtr, 0, sizeof(SsPort));
    portPtr->listeners = (SsListener *) Tcl_Alloc(size);
    memcpy(portPtr->listeners, listeners, size);
    portPtr->numListeners = numListeners;
    portPtr->number = number;
    portPtr->queue = ++lastQueue;
    portPtr->queueFd = queueFd;
    portPtr->server = SsForkCount();
    portPtr->serving = 1;

    olderPtr = SsPortFindLocked(number);
    linkPtr = PlaceLocked(number);
    portPtr->nextPtr = *linkPtr;
    *linkPtr = portPtr;
    if (olderPtr != NULL) {
	TidyLocked(olderPtr);
    }
    return portPtr;
}

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
	if (portPtr->number == number && (foundPtr == NULL
		|| !portPtr->ended || foundPtr->ended)) {
	    foundPtr = portPtr;
	}
    }
    return (number == 0) ? firstPortPtr : foundPtr;
}

/*
 * How well a listener is what is looked for; 0: it isn't.  A name says more
 * than a number.
 */
static int
Rank(const SsPort *portPtr, const SsListener *listenerPtr, const char *name,
    int number)
{
    int state = portPtr->ended ? 0 : portPtr->serving ? 2 : 1;

    if (strcmp(name, listenerPtr->name) == 0) {
	return 2 * state + 2;
    }
    return (number != 0 && number == listenerPtr->port) ? 2 * state + 1 : 0;
}

SsPort *
SsPortNamedLocked(
    const char *name,
    int number,
    int *countPtr)		/* Set to how many listeners are meant. */
{
    SsPort *portPtr, *foundPtr = NULL;
    int i, rank, best = 0, found = 0;

    *countPtr = 0;
    for (portPtr = firstPortPtr; portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	for (i = 0; i < portPtr->numListeners; i++) {
	    rank = Rank(portPtr, &portPtr->listeners[i], name, number);
	    if (rank > best) {
		best = rank;
		*countPtr = 0;
	    }

	    /* Of a second queue it is the same one. */
	    if (rank == 0 || rank < best || (*countPtr > 0 && found == i
		    && foundPtr->number == portPtr->number)) {
		continue;
	    }
	    foundPtr = portPtr;
	    found = i;
	    ++*countPtr;
	}
    }
    return (*countPtr == 1) ? SsPortFindLocked(foundPtr->number) : NULL;
}

SsPort *
SsPortQueueLocked(int number, int queue)
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

static SsPortUse *
OwnUse(const SsPort *portPtr)
{
    SsPortUse *usePtr;

    for (usePtr = portPtr->firstUsePtr; usePtr != NULL;
	    usePtr = usePtr->nextPtr) {
	if (pthread_equal(usePtr->thread, pthread_self())) {
	    break;
	}
    }
    return usePtr;
}

void
SsPortUseLocked(SsPort *portPtr)
{
    SsPortUse *usePtr = OwnUse(portPtr);

    portPtr->uses++;
    if (usePtr == NULL) {
	usePtr = calloc(1, sizeof(SsPortUse));
	if (usePtr == NULL) {
	    return;
	}
	usePtr->thread = pthread_self();
	usePtr->nextPtr = portPtr->firstUsePtr;
	portPtr->firstUsePtr = usePtr;
    }
    usePtr->count++;
}

void
SsPortDropLocked(SsPort *portPtr)
{
    SsPortUse *usePtr = OwnUse(portPtr);
    SsPortUse **linkPtr;

    portPtr->uses--;
    if (usePtr != NULL && --usePtr->count == 0) {
	for (linkPtr = &portPtr->firstUsePtr; *linkPtr != usePtr;
		linkPtr = &(*linkPtr)->nextPtr) {
	    /* To the link that leads to it. */
	}
	*linkPtr = usePtr->nextPtr;
	free(usePtr);
    }
    TidyLocked(portPtr);
}

/* Not freed: perhaps exec comes next. */
void
SsPortsForget(void)
{
    SsPort *portPtr;
    SsPortUse *usePtr;

    for (portPtr = firstPortPtr; portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	usePtr = OwnUse(portPtr);
	if (usePtr != NULL) {
	    usePtr->nextPtr = NULL;
	}
	portPtr->firstUsePtr = usePtr;
	portPtr->uses = (usePtr == NULL) ? 0 : usePtr->count;
    }
}

int
SsPortAtEndLocked(SsPort *portPtr)
{
    if (!portPtr->ended && SsQueueAtEnd(portPtr->queueFd)) {
	SsPortEndLocked(portPtr);
	return 1;
    }
    return portPtr->ended;
}

void
SsPortEndLocked(SsPort *portPtr)
{
    portPtr->ended = 1;
    TidyLocked(portPtr);
}

void
SsPortGiveUpLocked(SsPort *portPtr)
{
    portPtr->serving = 0;
    SsPortEndLocked(portPtr);
}

void
SsPortKeepLocked(SsPort *keptPtr)
{
    SsPort *portPtr, *nextPtr;

    for (portPtr = firstPortPtr; portPtr != NULL; portPtr = nextPtr) {
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
