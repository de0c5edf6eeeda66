#include "wait.h"
#include "fork.h"
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

static SsWait *firstWaitPtr = NULL;
				/* Guarded by the fork lock. */

static void	LeaveLocked(SsWait *waitPtr);
static void	CloseOwn(SsWait *waitPtr);
static void	Renew(SsWait *waitPtr);

void
SsWaitInit(SsWait *waitPtr)
{
    waitPtr->pollFd = waitPtr->queueFd = -1;
    waitPtr->lent = waitPtr->watched = 0;
    SsForkLock();
    waitPtr->nextPtr = firstWaitPtr;
    firstWaitPtr = waitPtr;
    SsForkUnlock();
}

int
SsWaitOpen(SsWait *waitPtr)
{
    if (waitPtr->pollFd < 0) {
	waitPtr->pollFd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    }
    return (waitPtr->pollFd < 0) ? errno : 0;
}

/* A place on an epoll that is no more is not left, it is gone. */
void
SsWaitLend(SsWait *waitPtr, int pollFd)
{
    SsForkLock();
    if (waitPtr->pollFd != pollFd) {
	waitPtr->queueFd = -1;
    }
    waitPtr->pollFd = pollFd;
    waitPtr->lent = 1;
    SsForkUnlock();
}

int
SsWaitJoin(SsWait *waitPtr, int queueFd, uint64_t data, int last)
{
    struct epoll_event event = {
	.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u64 = data
    };
    int error = 0;

    SsForkLock();
    if (last || waitPtr->queueFd != queueFd) {
	LeaveLocked(waitPtr);
	if (epoll_ctl(waitPtr->pollFd, EPOLL_CTL_ADD, queueFd, &event) < 0) {
	    error = errno;
	} else {
	    waitPtr->queueFd = queueFd;
	}
    }
    SsForkUnlock();
    return error;
}

void
SsWaitLeave(SsWait *waitPtr)
{
    SsForkLock();
    LeaveLocked(waitPtr);
    SsForkUnlock();
}

static void
LeaveLocked(SsWait *waitPtr)
{
    if (waitPtr->queueFd >= 0) {
	epoll_ctl(waitPtr->pollFd, EPOLL_CTL_DEL, waitPtr->queueFd, NULL);
	waitPtr->queueFd = -1;
    }
}

void
SsWaitsLeaveLocked(int queueFd)
{
    SsWait *waitPtr;

    for (waitPtr = firstWaitPtr; waitPtr != NULL; waitPtr = waitPtr->nextPtr) {
	if (waitPtr->queueFd == queueFd) {
	    LeaveLocked(waitPtr);
	}
    }
}

SsWaitStatus
SsWaitSleep(SsWait *waitPtr, int timeout, const sigset_t *maskPtr)
{
    struct epoll_event event;
    int number;

    number = epoll_pwait(waitPtr->pollFd, &event, 1, timeout, maskPtr);
    if (number < 0 && errno != EINTR) {
	return SS_WAIT_FAILED;
    }
    return (number > 0) ? SS_WAIT_READY : SS_WAIT_NOTHING;
}

void
SsWaitClose(SsWait *waitPtr)
{
    SsWait **linkPtr;

    SsForkLock();
    for (linkPtr = &firstWaitPtr; *linkPtr != NULL;
	    linkPtr = &(*linkPtr)->nextPtr) {
	if (*linkPtr == waitPtr) {
	    *linkPtr = waitPtr->nextPtr;
	    break;
	}
    }
    LeaveLocked(waitPtr);
    CloseOwn(waitPtr);
    SsForkUnlock();
}

void
SsWaitsForget(int keep)
{
    SsWait *waitPtr;

    for (waitPtr = firstWaitPtr; waitPtr != NULL; waitPtr = waitPtr->nextPtr) {
	waitPtr->queueFd = -1;
	if (keep && waitPtr->watched) {
	    Renew(waitPtr);
	} else {
	    CloseOwn(waitPtr);
	    waitPtr->watched = 0;
	}
    }
}

static void
CloseOwn(SsWait *waitPtr)
{
    if (waitPtr->pollFd >= 0 && !waitPtr->lent) {
	close(waitPtr->pollFd);
    }
    waitPtr->pollFd = -1;
}

static void
Renew(SsWait *waitPtr)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd >= 0) {
	dup3(fd, waitPtr->pollFd, O_CLOEXEC);
	close(fd);
    }
}
