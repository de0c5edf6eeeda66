#include "keep.h"
#include "clock.h"
#include "detach.h"
#include "fork.h"
#include "leave.h"
#include "report.h"
#include "return.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define GONE (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define PATIENCE 1000		/* Milliseconds at the end of a thread, for the
				 * server to take what is given back. */

typedef enum Sort { WAITS, UNREAD, GIVEN } Sort;

typedef struct Kept {
    struct Kept *nextPtr;	/* Of the same thread. */
    Sort sort;
    SsPort *portPtr;		/* Held. */
    SsArrival arrival;
    int64_t deadline;		/* One that waits: SsMilliseconds, or 0. */
    uint32_t told;		/* What the epoll has said of it. */
} Kept;

#define OF_THREAD static __thread \
	__attribute__((tls_model("initial-exec")))

OF_THREAD Kept *firstPtr = NULL;
OF_THREAD int count = 0;	/* How long the list is. */
OF_THREAD int process = -1;	/* Whose it is, as SsForkCount tells. */
OF_THREAD int isReady = 0;	/* This thread has what follows. */

static void
Remove(Kept *keptPtr)
{
    Kept **linkPtr = &firstPtr;

    while (*linkPtr != keptPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = keptPtr->nextPtr;
    count--;
}

/*
 * Ends the keeping; what is left of the arrival is closed, with the lock held,
 * so that no child gets it.
 */
static void
Drop(Kept *keptPtr, int isEnd)
{
    Remove(keptPtr);
    SsForkLock();
    SsForkKeeps(keptPtr->arrival.fd);
    if (isEnd) {
	SsReportEndedLocked(keptPtr->portPtr, keptPtr->arrival.head.id);
    }
    SsPortReleaseLocked(keptPtr->portPtr);
    SsArrivalClose(&keptPtr->arrival);
    SsForkUnlock();
    SsDisengage();
    Tcl_Free((char *) keptPtr);
}

/*
 * The list.  That of a parent is freed; its descriptors were closed at the
 * fork.
 */
static Kept *
First(void)
{
    Kept *keptPtr;

    if (process == SsForkCount()) {
	return firstPtr;
    }
    process = SsForkCount();
    while ((keptPtr = firstPtr) != NULL) {
	Remove(keptPtr);
	keptPtr->arrival.fd = -1;
	SsArrivalClose(&keptPtr->arrival);
	Tcl_Free((char *) keptPtr);
    }
    return NULL;
}

/*
 * Tries to give one back.  Where nobody takes it, its client will get no other
 * answer.  Returns 0 if it is still there.
 */
static int
Give(Kept *keptPtr)
{
    int error;

    keptPtr->sort = GIVEN;
    SsArrivalLeave(&keptPtr->arrival);
    error = SsReturnGive(keptPtr->portPtr, SS_KIND_PARK, &keptPtr->arrival);
    if (error != EAGAIN) {
	Drop(keptPtr, error != 0);
    }
    return error != EAGAIN;
}

/* Returns whether some could not be given back yet. */
static int
GiveAll(void)
{
    Kept *keptPtr, *nextPtr;
    int left = 0;

    for (keptPtr = First(); keptPtr != NULL; keptPtr = nextPtr) {
	nextPtr = keptPtr->nextPtr;
	left |= (keptPtr->sort == GIVEN && !Give(keptPtr));
    }
    return left;
}

/* The event loop is about to wait. */
static void
SetupProc(void *clientData, int flags)
{
    static const Tcl_Time soon = { 0, SS_REPORT_RETRY * 1000 };

    (void) clientData;
    (void) flags;
    if (count > 0 && GiveAll()) {
	Tcl_SetMaxBlockTime(&soon);
    }
}

static void
CheckProc(void *clientData, int flags)
{
    (void) clientData;
    (void) flags;
}

/* What can't be given back, nor served here any more, is closed. */
static void
ThreadExitProc(void *clientData)
{
    int64_t end = SsMilliseconds() + PATIENCE;
    struct pollfd room = { .events = POLLOUT };

    (void) clientData;
    SsKeepBack();
    while (GiveAll() && SsMilliseconds() < end) {
	room.fd = firstPtr->portPtr->returnFd;
	poll(&room, 1, SS_REPORT_RETRY);
    }
    while (First() != NULL) {
	Drop(firstPtr, 1);
    }
    isReady = 0;
}

static const SsListener *
ListenerOf(const SsPort *portPtr, const SsArrival *arrivalPtr)
{
    return &portPtr->listeners[arrivalPtr->head.listener
	    % portPtr->numListeners];
}

static void
Add(SsPort *portPtr, const SsArrival *arrivalPtr, Sort sort)
{
    Kept *keptPtr = (Kept *) Tcl_Alloc(sizeof(Kept));
    int bound = ListenerOf(portPtr, arrivalPtr)->parkTimeout;

    *keptPtr = (Kept) {
	.nextPtr = First(), .sort = sort, .portPtr = portPtr,
	.arrival = *arrivalPtr,
	.deadline = (bound > 0) ? SsMilliseconds() + bound : 0
    };
    firstPtr = keptPtr;
    count++;
    SsForkLock();
    SsForkCloses(arrivalPtr->fd);
    SsForkUnlock();
    if (!isReady) {
	isReady = 1;
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
    }
}

void
SsKeepAdd(SsPort *portPtr, const SsArrival *arrivalPtr)
{
    SsEngage();
    Add(portPtr, arrivalPtr, (arrivalPtr->numUnread > 0) ? UNREAD : GIVEN);
}

/* The engagement begins before that of the channel ends. */
int
SsConnectionKeep(Tcl_Interp *interp, const char *name)
{
    SsConnection *connectionPtr = SsDetachable(interp, name);
    SsPort *portPtr;
    SsArrival arrival;

    if (connectionPtr == NULL) {
	return TCL_ERROR;
    }
    if (SsDetachAtEnd(connectionPtr)) {
	return SsDetach(interp, connectionPtr, NULL);
    }
    portPtr = connectionPtr->portPtr;
    SsEngage();
    if (SsDetach(interp, connectionPtr, &arrival) != TCL_OK) {
	SsDisengage();
	return TCL_ERROR;
    }
    SsKeepBack();
    Add(portPtr, &arrival, (arrival.numUnread > 0) ? UNREAD : WAITS);
    return TCL_OK;
}

static int
Is(const Kept *keptPtr, const SsPort *portPtr, Sort sort)
{
    return keptPtr->sort == sort
	    && keptPtr->portPtr->number == portPtr->number;
}

/* The oldest is the last of the list; NULL: there is none. */
static Kept *
Find(const SsPort *portPtr, Sort sort)
{
    Kept *keptPtr, *foundPtr = NULL;

    if (count == 0) {
	return NULL;
    }
    for (keptPtr = First(); keptPtr != NULL; keptPtr = keptPtr->nextPtr) {
	if (Is(keptPtr, portPtr, sort)) {
	    foundPtr = keptPtr;
	}
    }
    return foundPtr;
}

int
SsConnectionKept(void)
{
    Kept *keptPtr;
    int number = 0;

    for (keptPtr = First(); keptPtr != NULL; keptPtr = keptPtr->nextPtr) {
	number += (keptPtr->sort == UNREAD);
    }
    return number;
}

int
SsKeepCount(void)
{
    return (First() != NULL) ? count : 0;
}

int
SsKeepHasUnread(const SsPort *portPtr)
{
    return Find(portPtr, UNREAD) != NULL;
}

/* It is to be served: the caller gets all there is, but the engagement. */
static int
Take(Kept *keptPtr, SsPort **portPtrPtr, SsArrival *arrivalPtr)
{
    *portPtrPtr = keptPtr->portPtr;
    *arrivalPtr = keptPtr->arrival;
    Remove(keptPtr);
    SsForkLock();
    SsForkKeeps(arrivalPtr->fd);
    SsForkUnlock();
    SsDisengage();
    Tcl_Free((char *) keptPtr);
    return 1;
}

int
SsKeepUnread(SsPort **portPtrPtr, SsArrival *arrivalPtr)
{
    Kept *keptPtr = Find(*portPtrPtr, UNREAD);

    return keptPtr != NULL && Take(keptPtr, portPtrPtr, arrivalPtr);
}

void
SsKeepBack(void)
{
    Kept *keptPtr, *nextPtr;

    for (keptPtr = First(); keptPtr != NULL; keptPtr = nextPtr) {
	nextPtr = keptPtr->nextPtr;
	if (keptPtr->sort == WAITS) {
	    Give(keptPtr);
	}
    }
}

int
SsKeepFor(const SsPort *portPtr)
{
    if (count == 0 || Find(portPtr, WAITS) == NULL) {
	SsKeepBack();
	return 0;
    }
    return 1;
}

int
SsKeepBegins(void)
{
    Kept *keptPtr;
    int begins = 0;

    for (keptPtr = First(); keptPtr != NULL; keptPtr = keptPtr->nextPtr) {
	begins |= (keptPtr->sort == WAITS && keptPtr->arrival.pollFd == 0);
    }
    return begins;
}

/* Returns for how long to sleep at most. */
static int
Wait(SsPlace *placePtr, Kept *keptPtr, int timeout)
{
    int64_t left = keptPtr->deadline - SsMilliseconds();

    if (keptPtr->deadline != 0 && left <= 0) {
	Drop(keptPtr, 1);
	return timeout;
    }
    if (keptPtr->arrival.pollFd != placePtr->pollFd) {
	SsArrivalLeave(&keptPtr->arrival);
	if (SsPlaceAlso(placePtr, keptPtr->arrival.fd) != 0) {
	    return Give(keptPtr) ? timeout : 0;
	}
	keptPtr->arrival.pollFd = placePtr->pollFd;
    }
    return (keptPtr->deadline != 0 && (timeout < 0 || left < timeout))
	    ? (int) left : timeout;
}

int
SsKeepArrange(SsPlace *placePtr, int timeout)
{
    Kept *keptPtr, *nextPtr;

    for (keptPtr = First(); keptPtr != NULL; keptPtr = nextPtr) {
	nextPtr = keptPtr->nextPtr;
	if (keptPtr->sort == WAITS) {
	    timeout = Wait(placePtr, keptPtr, timeout);
	}
    }
    if (count > 0 && GiveAll()
	    && (timeout < 0 || timeout > SS_REPORT_RETRY)) {
	timeout = SS_REPORT_RETRY;
    }
    return timeout;
}

/*
 * What nobody waits for leaves the epoll: one that a handler has, which asks
 * for another meanwhile.
 */
void
SsKeepTold(SsPlace *placePtr, int fd, uint32_t events)
{
    Kept *keptPtr = First();

    while (keptPtr != NULL && keptPtr->arrival.fd != fd) {
	keptPtr = keptPtr->nextPtr;
    }
    if (keptPtr == NULL) {
	SsConnectionLeave(placePtr->pollFd, fd);
    } else if (keptPtr->sort == WAITS) {
	keptPtr->told = events;
    } else {
	SsArrivalLeave(&keptPtr->arrival);
    }
}

/*
 * What is to become of one that is to be read: 1: it is served; 0: the server
 * waits for the rest of the head; -1: the client has left.
 */
static int
Look(const Kept *keptPtr)
{
    const SsListener *listenerPtr = ListenerOf(keptPtr->portPtr,
	    &keptPtr->arrival);
    char bytes[SS_HEAD_LONGEST];
    ssize_t got;

    if (listenerPtr->headSize == 0 && !(keptPtr->told & GONE)) {
	return 1;
    }
    got = recv(keptPtr->arrival.fd, bytes, sizeof(bytes),
	    MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) {
	return -1;
    }
    return (keptPtr->told & GONE) || got == sizeof(bytes)
	    || memmem(bytes, (size_t) got, listenerPtr->head,
		    (size_t) listenerPtr->headSize) != NULL;
}

int
SsKeepReady(SsPort **portPtrPtr, SsArrival *arrivalPtr, int look)
{
    Kept *keptPtr = Find(*portPtrPtr, WAITS);
    struct pollfd state = { .events = POLLIN | POLLRDHUP };

    if (keptPtr == NULL) {
	return 0;
    }
    if (look) {
	state.fd = keptPtr->arrival.fd;
	poll(&state, 1, 0);
	keptPtr->told = (uint32_t) state.revents;
    }
    if (keptPtr->told == 0) {
	return 0;
    }
    switch (Look(keptPtr)) {
    case 1:
	return Take(keptPtr, portPtrPtr, arrivalPtr);
    case 0:
	Give(keptPtr);
	return 0;
    default:
	Drop(keptPtr, 1);
	return 0;
    }
}
