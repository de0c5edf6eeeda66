/*
 * wait_linux.c --
 *
 *	Waiting on a shared queue, as Linux does it best: EPOLLEXCLUSIVE.
 *	Each thread has an epoll descriptor of its own and puts the queue on
 *	it for as long as it sleeps, so that the queue's list of sleepers
 *	holds only those who are free, in the order in which they came.  A
 *	blocking recvmsg sleeps on the same list, but can't be timed, ended
 *	by another thread, or be told apart from a signal that came just
 *	before it.
 */

#include "wait.h"
#include "fork.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static SsWait *firstWaitPtr = NULL;
				/* All waits; guarded by the fork lock. */

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
    waitPtr->pollFd = waitPtr->callOffFd = waitPtr->slot = -1;
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
    struct epoll_event event = { .events = EPOLLIN };
    int saved;

    if (waitPtr->pollFd >= 0) {
	return 0;
    }
    waitPtr->pollFd = epoll_create1(EPOLL_CLOEXEC);
    if (waitPtr->pollFd < 0) {
	return errno;
    }
    if (!waitPtr->canCallOff) {
	return 0;
    }
    waitPtr->callOffFd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.fd = waitPtr->callOffFd;
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
 * SsWaitFor --
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
SsWaitFor(
    SsWait *waitPtr,		/* Open. */
    int queueFd,		/* The queue's receive end. */
    int timeout,		/* Milliseconds; -1: for ever. */
    const sigset_t *maskPtr)	/* Signals blocked meanwhile, or NULL. */
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
    struct epoll_event happened[2];
    SsWaitStatus status;
    uint64_t count;
    int i, number, saved;

    event.data.fd = queueFd;
    if (epoll_ctl(waitPtr->pollFd, EPOLL_CTL_ADD, queueFd, &event) < 0) {
	return SS_WAIT_FAILED;
    }
    number = epoll_pwait(waitPtr->pollFd, happened, 2, timeout, maskPtr);
    saved = errno;
    epoll_ctl(waitPtr->pollFd, EPOLL_CTL_DEL, queueFd, NULL);

    if (number < 0) {
	errno = saved;
	status = (saved == EINTR) ? SS_WAIT_SIGNAL : SS_WAIT_FAILED;
    } else {
	status = SS_WAIT_TIMEOUT;
    }
    for (i = 0; i < number; i++) {
	if (happened[i].data.fd == queueFd) {
	    status = SS_WAIT_READY;
	} else if (read(waitPtr->callOffFd, &count, sizeof(count)) > 0
		&& status != SS_WAIT_READY) {
	    status = SS_WAIT_CALLED_OFF;
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
    CloseDescriptor(&waitPtr->pollFd);
    CloseDescriptor(&waitPtr->callOffFd);
    CloseDescriptor(&waitPtr->slot);
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
