#include "place.h"
#include "fork.h"
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static SsPlace *firstPtr = NULL;
				/* Guarded by the fork lock. */

void
SsPlaceInit(SsPlace *placePtr)
{
    SsForkLock();
    *placePtr = (SsPlace) { .nextPtr = firstPtr, .pollFd = -1, .queueFd = -1 };
    firstPtr = placePtr;
    SsForkUnlock();
}

static void
RemoveLocked(SsPlace *placePtr)
{
    SsSockets *socketsPtr = placePtr->socketsPtr;
    int i, pollFd = placePtr->pollFd;

    epoll_ctl(pollFd, EPOLL_CTL_DEL, placePtr->queueFd, NULL);
    if (socketsPtr != NULL && !placePtr->isOpen) {
	epoll_ctl(pollFd, EPOLL_CTL_DEL, socketsPtr->gateFd, NULL);
    }
    for (i = 0; socketsPtr != NULL && i < socketsPtr->count; i++) {
	epoll_ctl(pollFd, EPOLL_CTL_DEL, socketsPtr->all[i].fd, NULL);
    }
    placePtr->queueFd = -1;
    placePtr->socketsPtr = NULL;
}

/* Another watch of this thread may have put it there.  0 or an errno. */
static int
Add(const SsPlace *placePtr, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = { .events = events, .data.u64 = data };

    return (epoll_ctl(placePtr->pollFd, EPOLL_CTL_ADD, fd, &event) < 0
	    && errno != EEXIST) ? errno : 0;
}

/* After an error what was added is to be removed. */
static int
AddLocked(SsPlace *placePtr, uint64_t data)
{
    const uint32_t exclusive = EPOLLIN | EPOLLEXCLUSIVE;
    SsSockets *socketsPtr = placePtr->socketsPtr;
    int i, error;

    if (data == 0) {
	data = SS_PLACE_DATA | (uint64_t) placePtr->queueFd;
    }
    error = Add(placePtr, placePtr->queueFd, exclusive, data);
    if (socketsPtr != NULL && !placePtr->isOpen && error == 0) {
	return Add(placePtr, socketsPtr->gateFd, EPOLLIN, data);
    }
    for (i = 0; socketsPtr != NULL && i < socketsPtr->count && error == 0;
	    i++) {
	error = Add(placePtr, socketsPtr->all[i].fd, exclusive, data);
    }
    return error;
}

void
SsPlacesLeaveLocked(int pollFd, int queueFd)
{
    SsPlace *placePtr;

    for (placePtr = firstPtr; placePtr != NULL; placePtr = placePtr->nextPtr) {
	if (placePtr->queueFd >= 0
		&& (pollFd < 0 || pollFd == placePtr->pollFd)
		&& (queueFd < 0 || queueFd == placePtr->queueFd)) {
	    RemoveLocked(placePtr);
	}
    }
}

static void
LeaveLocked(SsPlace *placePtr)
{
    if (placePtr->queueFd >= 0) {
	SsPlacesLeaveLocked(placePtr->pollFd, placePtr->queueFd);
    }
}

int
SsPlaceTake(SsPlace *placePtr, const SsLoopPoll *loopPtr, int queueFd,
    SsSockets *socketsPtr, int last)
{
    int error, isOpen = SsSocketsLook(socketsPtr);

    if (!last && placePtr->queueFd == queueFd && placePtr->isOpen == isOpen
	    && (loopPtr == NULL || placePtr->pollFd == loopPtr->fd)) {
	return 0;
    }
    SsForkLock();
    LeaveLocked(placePtr);
    if (loopPtr != NULL) {
	placePtr->pollFd = loopPtr->fd;
    } else if (placePtr->pollFd < 0) {
	placePtr->pollFd = SsForEventLoop(epoll_create1(EPOLL_CLOEXEC));
	placePtr->own = 1;
    }
    error = (placePtr->pollFd < 0) ? errno : 0;
    if (error == 0) {
	placePtr->queueFd = queueFd;
	placePtr->socketsPtr = socketsPtr;
	placePtr->isOpen = isOpen;
	error = AddLocked(placePtr, (loopPtr != NULL) ? loopPtr->data : 0);
	if (error != 0) {
	    RemoveLocked(placePtr);
	}
    }
    SsForkUnlock();
    return error;
}

int
SsPlaceSleep(SsPlace *placePtr, int timeout, const sigset_t *maskPtr,
    struct epoll_event events[SS_PLACE_EVENTS])
{
    int number = epoll_pwait(placePtr->pollFd, events, SS_PLACE_EVENTS,
	    timeout, maskPtr);

    return (number < 0 && errno == EINTR) ? 0 : number;
}

int
SsPlaceAlso(SsPlace *placePtr, int fd)
{
    struct epoll_event event = {
	.events = EPOLLIN | EPOLLRDHUP, .data.u64 = (uint64_t) fd
    };

    return (epoll_ctl(placePtr->pollFd, EPOLL_CTL_ADD, fd, &event) < 0)
	    ? errno : 0;
}

static void
CloseOwn(SsPlace *placePtr)
{
    if (placePtr->own && placePtr->pollFd >= 0) {
	close(placePtr->pollFd);
    }
    placePtr->pollFd = -1;
    placePtr->own = placePtr->watched = 0;
}

void
SsPlaceClose(SsPlace *placePtr)
{
    SsPlace **linkPtr = &firstPtr;

    SsForkLock();
    while (*linkPtr != placePtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    LeaveLocked(placePtr);
    *linkPtr = placePtr->nextPtr;
    CloseOwn(placePtr);
    SsForkUnlock();
}

void
SsPlacesForget(int keep)
{
    SsPlace *placePtr;
    int fd;

    for (placePtr = firstPtr; placePtr != NULL; placePtr = placePtr->nextPtr) {
	placePtr->queueFd = -1;
	placePtr->socketsPtr = NULL;
	if (keep && placePtr->watched) {
	    fd = epoll_create1(EPOLL_CLOEXEC);
	    dup3(fd, placePtr->pollFd, O_CLOEXEC);
	    close(fd);
	} else {
	    CloseOwn(placePtr);
	}
    }
}
