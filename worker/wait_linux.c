/*
 * wait_linux.c --
 *
 *	Waiting on a shared queue, as Linux does it best: EPOLLEXCLUSIVE.
 *	Each wait has an epoll descriptor of its own with the queue on it:
 *	that is its place.  A message goes through the places in the order in
 *	which they were taken, and wakes the first thread that it finds
 *	asleep there (Linux, fs/eventpoll.c).  A blocking recvmsg would take
 *	a new place each time, and can't be timed, ended by another thread,
 *	or be told apart from a signal that came just before it.
 */

#include "wait.h"
#include "fork.h"
#include "queue.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static SsWait *firstWaitPtr = NULL;
				/* All waits; guarded by the fork lock. */

/*
 * What an epoll event is of.
 */

enum { QUEUE, CALL_OFF };

static void	LeaveLocked(SsWait *waitPtr);
static void	CloseDescriptors(SsWait *waitPtr);
static void	CloseDescriptor(int *fdPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsWaitInit --
 *
 *	See wait.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The process's list of waits grows.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsWaitInit(
    SsWait *waitPtr,		/* Stays in place until SsWaitClose. */
    int canCallOff)		/* Whether another thread may end it. */
{
    waitPtr->canCallOff = canCallOff;
    waitPtr->pollFd = waitPtr->callOffFd = waitPtr->reserve = -1;
    waitPtr->queueFd = -1;
    SsForkLock();
    waitPtr->nextPtr = firstWaitPtr;
    firstWaitPtr = waitPtr;
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitOpen --
 *
 *	See wait.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	Opens up to two descriptors, which the wait owns.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsWaitOpen(
    SsWait *waitPtr)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = CALL_OFF };
    int saved;

    if (waitPtr->pollFd >= 0) {
	return 0;
    }
    waitPtr->pollFd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    if (waitPtr->pollFd < 0) {
	return errno;
    }
    if (!waitPtr->canCallOff) {
	return 0;
    }
    waitPtr->callOffFd = SsAboveStdio(
	    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (waitPtr->callOffFd < 0 || epoll_ctl(waitPtr->pollFd, EPOLL_CTL_ADD,
	    waitPtr->callOffFd, &event) < 0) {
	saved = errno;
	CloseDescriptors(waitPtr);
	return saved;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitJoin, SsWaitsLeaveLocked --
 *
 *	See wait.h.
 *
 * Results:
 *	SsWaitJoin: 0 or an errno.
 *
 * Side effects:
 *	Places are taken and given up.
 *
 * Process:
 *	Worker; both.
 *
 *----------------------------------------------------------------------
 */

int
SsWaitJoin(
    SsWait *waitPtr,		/* Open. */
    int queueFd,		/* The queue's receive end. */
    int last)			/* Whether to go behind all others. */
{
    struct epoll_event event = {
	.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = QUEUE
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
SsWaitsLeaveLocked(
    int queueFd)		/* About to be closed. */
{
    SsWait *waitPtr;

    for (waitPtr = firstWaitPtr; waitPtr != NULL; waitPtr = waitPtr->nextPtr) {
	if (waitPtr->queueFd == queueFd) {
	    LeaveLocked(waitPtr);
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * LeaveLocked --
 *
 *	Gives up a wait's place.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Messages don't wake it any more.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static void
LeaveLocked(
    SsWait *waitPtr)
{
    if (waitPtr->queueFd >= 0) {
	epoll_ctl(waitPtr->pollFd, EPOLL_CTL_DEL, waitPtr->queueFd, NULL);
	waitPtr->queueFd = -1;
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitSleep --
 *
 *	See wait.h.
 *
 * Results:
 *	A status.  READY wins over everything else that happened, because the
 *	wake-up for a message goes to one thread only.
 *
 * Side effects:
 *	Sleeps.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

SsWaitStatus
SsWaitSleep(
    SsWait *waitPtr,		/* Open. */
    int timeout,		/* Milliseconds; -1: for ever. */
    const sigset_t *maskPtr)	/* Signals blocked meanwhile, or NULL. */
{
    struct epoll_event happened[2];
    SsWaitStatus status = SS_WAIT_NOTHING;
    uint64_t count;
    ssize_t got;
    int i, number;

    number = epoll_pwait(waitPtr->pollFd, happened, 2, timeout, maskPtr);
    if (number < 0) {
	return (errno == EINTR) ? SS_WAIT_NOTHING : SS_WAIT_FAILED;
    }
    for (i = 0; i < number; i++) {
	if (happened[i].data.u32 == QUEUE) {
	    status = SS_WAIT_READY;
	} else {
	    got = read(waitPtr->callOffFd, &count, sizeof(count));
	    (void) got;
	}
    }
    return status;
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitCallOff --
 *
 *	See wait.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Wakes the thread that waits.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsWaitCallOff(
    SsWait *waitPtr)		/* Open, and made to be called off. */
{
    const uint64_t one = 1;
    ssize_t written;

    /*
     * It can only fail when the counter is full, and then the thread is
     * awake already.
     */

    written = write(waitPtr->callOffFd, &one, sizeof(one));
    (void) written;
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitClose --
 *
 *	See wait.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes the wait's descriptors.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsWaitClose(
    SsWait *waitPtr)
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
    CloseDescriptors(waitPtr);
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * SsWaitsForget --
 *
 *	See wait.h.  An epoll descriptor that came through fork is the
 *	parent's: what the child put on it the parent would wait for.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes descriptors.
 *
 * Process:
 *	Worker, in the child's fork handler.
 *
 *----------------------------------------------------------------------
 */

void
SsWaitsForget(void)
{
    SsWait *waitPtr;

    for (waitPtr = firstWaitPtr; waitPtr != NULL; waitPtr = waitPtr->nextPtr) {
	CloseDescriptors(waitPtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * CloseDescriptors, CloseDescriptor --
 *
 *	Close what a wait owns.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The descriptors are closed and -1.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
CloseDescriptors(
    SsWait *waitPtr)
{
    waitPtr->queueFd = -1;
    CloseDescriptor(&waitPtr->pollFd);
    CloseDescriptor(&waitPtr->callOffFd);
    CloseDescriptor(&waitPtr->reserve);
}

static void
CloseDescriptor(
    int *fdPtr)
{
    if (*fdPtr >= 0) {
	close(*fdPtr);
	*fdPtr = -1;
    }
}
