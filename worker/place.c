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

void
SsPlacesLeaveLocked(int pollFd, int queueFd)
{
    SsPlace *placePtr;

    for (placePtr = firstPtr; placePtr != NULL; placePtr = placePtr->nextPtr) {
	if (placePtr->queueFd >= 0
		&& (pollFd < 0 || pollFd == placePtr->pollFd)
		&& (queueFd < 0 || queueFd == placePtr->queueFd)) {
	    epoll_ctl(placePtr->pollFd, EPOLL_CTL_DEL, placePtr->queueFd,
		    NULL);
	    placePtr->queueFd = -1;
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
SsPlaceTake(SsPlace *placePtr, int pollFd, int queueFd, int last)
{
    struct epoll_event event = {
	.events = EPOLLIN | EPOLLEXCLUSIVE,
	.data.u64 = SS_PLACE_DATA | (uint64_t) queueFd
    };
    int error = 0;

    if (!last && placePtr->queueFd == queueFd
	    && (pollFd < 0 || placePtr->pollFd == pollFd)) {
	return 0;
    }
    SsForkLock();
    LeaveLocked(placePtr);
    if (pollFd >= 0) {
	placePtr->pollFd = pollFd;
    } else if (placePtr->pollFd < 0) {
	placePtr->pollFd = SsForEventLoop(epoll_create1(EPOLL_CLOEXEC));
	placePtr->own = 1;
    }

    /* Another watch of this thread may have put the queue there. */
    if (placePtr->pollFd < 0 || (epoll_ctl(placePtr->pollFd, EPOLL_CTL_ADD,
	    queueFd, &event) < 0 && errno != EEXIST)) {
	error = errno;
    } else {
	placePtr->queueFd = queueFd;
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
	if (keep && placePtr->watched) {
	    fd = epoll_create1(EPOLL_CLOEXEC);
	    dup3(fd, placePtr->pollFd, O_CLOEXEC);
	    close(fd);
	} else {
	    CloseOwn(placePtr);
	}
    }
}
