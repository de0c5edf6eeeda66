/*
 * reserve.c --
 *
 *	Room for a descriptor.
 */

#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_ROOM 16

static int	Release(int *reservePtr);

/*
 *----------------------------------------------------------------------
 *
 * SsReserveHold --
 *
 *	See reserve.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	May take a descriptor, which *reservePtr then owns.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsReserveHold(
    int *reservePtr,		/* Holds it; -1: none. */
    int queueFd,		/* Any open descriptor, to duplicate. */
    int bound)			/* It must be below; 0: no bound. */
{
    if (*reservePtr < 0) {
	*reservePtr = fcntl(queueFd, F_DUPFD_CLOEXEC, 3);
	if (*reservePtr < 0) {
	    /*
	     * EINVAL says that the limit is 3 or less.
	     */

	    return (errno == EINVAL) ? EMFILE : errno;
	}
    }
    if (bound > 0 && *reservePtr >= bound) {
	close(*reservePtr);
	*reservePtr = -1;
	return ERANGE;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * Release --
 *
 *	Gives the reserve up, so that the descriptor to be received finds
 *	room.
 *
 * Results:
 *	0, or EMFILE when the limit has been lowered since, so that it makes no
 *	room.
 *
 * Side effects:
 *	Closes the reserve.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
Release(
    int *reservePtr)		/* Holds it. */
{
    struct rlimit limit;
    int reserve = *reservePtr;

    *reservePtr = -1;
    close(reserve);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
	    && limit.rlim_cur != RLIM_INFINITY
	    && (rlim_t) reserve >= limit.rlim_cur) {
	return EMFILE;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * SsReserveReceive --
 *
 *	See reserve.h.
 *
 * Results:
 *	A status.
 *
 * Side effects:
 *	The reserve is given up.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

SsReceiveStatus
SsReserveReceive(
    int *reservePtr,		/* Holds it; -1: none. */
    int queueFd,		/* The queue's receive end. */
    int bound,			/* It must be below; 0: no bound. */
    SsArrival *arrivalPtr)	/* Filled with what came. */
{
    int error;

    error = SsReserveHold(reservePtr, queueFd, bound);
    if (error == 0) {
	error = Release(reservePtr);
    }
    if (error == 0) {
	return SsQueueReceive(queueFd, arrivalPtr);
    }
    if (SsQueueAtEnd(queueFd)) {
	return SS_RECEIVE_END;
    }
    errno = error;
    return SS_RECEIVE_FAILED;
}

/*
 *----------------------------------------------------------------------
 *
 * SsRoomBelow --
 *
 *	See reserve.h.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	None that lasts.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsRoomBelow(
    int count,			/* At most MAX_ROOM. */
    int queueFd,		/* Any open descriptor, to duplicate. */
    int bound)			/* 0: no bound. */
{
    int fds[MAX_ROOM];
    int taken, below = 1;

    if (bound == 0) {
	return 1;
    }
    for (taken = 0; taken < count && below; taken++) {
	fds[taken] = fcntl(queueFd, F_DUPFD_CLOEXEC, 3);
	if (fds[taken] < 0) {
	    break;
	}
	below = (fds[taken] < bound);
    }
    while (taken > 0) {
	close(fds[--taken]);
    }
    return below;
}
