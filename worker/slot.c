/*
 * slot.c --
 *
 *	Room for a descriptor.
 */

#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_SLOTS 16

/*
 *----------------------------------------------------------------------
 *
 * SsSlotHold --
 *
 *	See slot.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	May take a descriptor, which *slotPtr then owns.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsSlotHold(
    int *slotPtr,		/* Holds the slot; -1: none. */
    int queueFd,		/* Any open descriptor, to duplicate. */
    int bound)			/* The slot must be below; 0: no bound. */
{
    if (*slotPtr < 0) {
	*slotPtr = fcntl(queueFd, F_DUPFD_CLOEXEC, 3);
	if (*slotPtr < 0) {
	    /*
	     * EINVAL says that the limit is 3 or less.
	     */

	    return (errno == EINVAL) ? EMFILE : errno;
	}
    }
    if (bound > 0 && *slotPtr >= bound) {
	close(*slotPtr);
	*slotPtr = -1;
	return ERANGE;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * SsSlotRelease --
 *
 *	See slot.h.
 *
 * Results:
 *	0 or EMFILE.
 *
 * Side effects:
 *	Closes the slot.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsSlotRelease(
    int *slotPtr)		/* Holds the slot. */
{
    struct rlimit limit;
    int slot = *slotPtr;

    *slotPtr = -1;
    close(slot);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
	    && limit.rlim_cur != RLIM_INFINITY
	    && (rlim_t) slot >= limit.rlim_cur) {
	return EMFILE;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * SsSlotReceive --
 *
 *	See slot.h.
 *
 * Results:
 *	A status.
 *
 * Side effects:
 *	The slot is given up.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

SsReceiveStatus
SsSlotReceive(
    int *slotPtr,		/* Holds the slot; -1: none. */
    int queueFd,		/* The queue's receive end. */
    int bound,			/* The slot must be below; 0: no bound. */
    SsArrival *arrivalPtr)	/* Filled with what came. */
{
    int error;

    error = SsSlotHold(slotPtr, queueFd, bound);
    if (error == 0) {
	error = SsSlotRelease(slotPtr);
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
 * SsSlotsBelow --
 *
 *	See slot.h.
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
SsSlotsBelow(
    int count,			/* At most MAX_SLOTS. */
    int queueFd,		/* Any open descriptor, to duplicate. */
    int bound)			/* 0: no bound. */
{
    int fds[MAX_SLOTS];
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
