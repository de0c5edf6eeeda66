#include "receive.h"
#include "clock.h"
#include "connection.h"
#include "fork.h"
#include "keep.h"
#include "limit.h"
#include "result.h"
#include "return.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * How many descriptors the first request in a process needs below the bound of
 * Tcl's own notifier: one to wait with, a connection, and the notifier's pipe,
 * which Tcl opens when the event loop first waits.
 */
#define FIRST_NEED 8

#define OF_THREAD static __thread \
	__attribute__((tls_model("initial-exec")))

OF_THREAD int seen = -1;	/* The lowest free descriptor... */
OF_THREAD int64_t seenAt = 0;	/* ...and when. */
OF_THREAD int inRow = 0;	/* How often one with unread bytes went before
				 * the queue. */

/*
 * Only near the limit a descriptor is opened to see whether there is one: as
 * long as the process, had it opened one each microsecond since this was last
 * done, would not have reached it.  Returns 0 or an errno.
 */
static int
CheckRoom(int queueFd)
{
    int64_t now = SsMilliseconds();
    int most = INT_MAX, bound = SsDescriptorBound();
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX) {
	most = (int) limit.rlim_cur;
    }
    if (bound > 0 && most > bound) {
	most = bound;
    }
    if (seen >= 0 && (now - seenAt + 1) * 1000 < (int64_t) most - seen) {
	return 0;
    }
    seen = fcntl(queueFd, F_DUPFD_CLOEXEC, 3);
    if (seen < 0) {
	/* The limit is 3 or less. */
	return (errno == EINVAL) ? EMFILE : errno;
    }
    close(seen);
    seenAt = now;
    return (seen >= most) ? ERANGE : 0;
}

/* Whether its client has waited too long, or has left. */
static int
IsLate(const SsArrival *arrivalPtr)
{
    const SsMessage *headPtr = &arrivalPtr->head;
    struct pollfd state = { .fd = arrivalPtr->fd, .events = POLLRDHUP };
    int gone = 0;

    if (headPtr->patience > 0 && SsNanoseconds() > headPtr->ready
	    + (uint64_t) headPtr->patience * 1000000) {
	return 1;
    }
    if (headPtr->flags & SS_FLAG_SKIP_RESET) {
	gone |= POLLERR | POLLHUP;
    }
    if (headPtr->flags & SS_FLAG_SKIP_HALF) {
	gone |= POLLERR | POLLHUP | POLLRDHUP;
    }
    return gone != 0 && poll(&state, 1, 0) > 0 && (state.revents & gone);
}

/* One that is late goes back, if it can; otherwise it is served after all. */
static SsReceiveStatus
ReceiveInTime(const SsPort *portPtr, SsArrival *arrivalPtr)
{
    SsReceiveStatus status = SsQueueReceive(portPtr->queueFd, arrivalPtr);

    while (status == SS_RECEIVE_GOT && IsLate(arrivalPtr)
	    && SsReturnGive(portPtr, SS_KIND_UNSERVED, arrivalPtr) == 0) {
	SsArrivalClose(arrivalPtr);
	status = SsQueueReceive(portPtr->queueFd, arrivalPtr);
    }
    return status;
}

/*
 * Queue and UDP sockets have their turns.  Where the queue has ended, what the
 * sockets still have is served, if nothing more can come there.
 */
static SsReceiveStatus
FromSources(const SsPort *portPtr, SsArrival *arrivalPtr)
{
    SsSockets *socketsPtr = portPtr->socketsPtr;
    SsReceiveStatus queueStatus, status = SS_RECEIVE_EMPTY;

    if (socketsPtr == NULL) {
	return ReceiveInTime(portPtr, arrivalPtr);
    }
    if (socketsPtr->turn) {
	socketsPtr->turn = 0;
	status = SsSocketsReceive(socketsPtr, arrivalPtr);
    }
    if (status != SS_RECEIVE_EMPTY) {
	return status;
    }
    queueStatus = ReceiveInTime(portPtr, arrivalPtr);
    if (queueStatus == SS_RECEIVE_EMPTY || (queueStatus == SS_RECEIVE_END
	    && SsSocketsLeft(socketsPtr))) {
	status = SsSocketsReceive(socketsPtr, arrivalPtr);
    }
    socketsPtr->turn = (queueStatus == SS_RECEIVE_GOT);
    return (status == SS_RECEIVE_EMPTY) ? queueStatus : status;
}

static SsReceiveStatus
FromQueue(SsPort *portPtr, SsArrival *arrivalPtr)
{
    SsReceiveStatus status = SS_RECEIVE_FAILED;
    int error = portPtr->ended ? 0 : CheckRoom(portPtr->queueFd);

    if (portPtr->ended || (error != 0 && SsQueueAtEnd(portPtr->queueFd))) {
	status = SS_RECEIVE_END;
    } else if (error == 0) {
	status = FromSources(portPtr, arrivalPtr);
    } else {
	errno = error;
    }
    if (status == SS_RECEIVE_END) {
	SsForkLock();
	SsPortEndLocked(portPtr);
	SsForkUnlock();
    } else if (status == SS_RECEIVE_LOST || status == SS_RECEIVE_REJECTED) {
	SsConnectionDiscard(portPtr,
		(status == SS_RECEIVE_LOST) ? arrivalPtr : NULL);
    }
    return status;
}

/*
 * A client that sends without waiting for answers has something unread all the
 * time, and the queue its turn now and then; not so a worker that is to end.
 */
SsReceiveStatus
SsReceive(SsPort **portPtrPtr, SsArrival *arrivalPtr)
{
    SsPort *portPtr = *portPtrPtr;
    SsReceiveStatus status;

    if ((inRow < SS_MOST_IN_ROW || portPtr->retired)
	    && SsKeepUnread(portPtrPtr, arrivalPtr)) {
	inRow++;
	return SS_RECEIVE_GOT;
    }
    inRow = 0;
    if (portPtr->retired) {
	portPtr->retired = 0;
	return SS_RECEIVE_RETIRE;
    }
    status = FromQueue(portPtr, arrivalPtr);
    if ((status == SS_RECEIVE_EMPTY || status == SS_RECEIVE_END
	    || status == SS_RECEIVE_RETIRE)
	    && SsKeepUnread(portPtrPtr, arrivalPtr)) {
	portPtr->retired = (status == SS_RECEIVE_RETIRE);
	status = SS_RECEIVE_GOT;
    }
    return status;
}

int
SsReceiveError(
    Tcl_Interp *interp,
    const SsPort *portPtr,
    SsReceiveStatus status,
    int error)			/* An errno with SS_RECEIVE_FAILED. */
{
    const char *called = portPtr->called;

    switch (status) {
    case SS_RECEIVE_END:
	return SsErrorClosed(interp, called);
    case SS_RECEIVE_RETIRE:
	return SsErrorOurs(interp, "RETIRED",
		"this process was asked to retire as a worker of %s: ask"
		" again if it should go on", called);
    case SS_RECEIVE_REJECTED:
	return SsErrorOurs(interp, "MESSAGE",
		"a message on the queue of %s is not of this version: it"
		" was discarded", called);
    case SS_RECEIVE_LOST:
	return SsErrorPosix(interp, EMFILE,
		"a connection of %s was lost for want of a descriptor:"
		" close files or raise the limit", called);
    default:
	break;
    }
    if (error == ERANGE) {
	return SsErrorOurs(interp, "FDSETSIZE",
		"can't take connections of %s: too many open files for"
		" this Tcl, which waits with select: have fewer than %d open",
		called, SsDescriptorBound());
    }
    return SsErrorPosix(interp, error,
	    "can't take connections of %s for the time being: %s", called,
	    strerror(error));
}

int
SsReceiveCanWait(void)
{
    static atomic_int known = -1;
				/* A process, as SsForkCount tells, that had
				 * them. */
    int bound = SsDescriptorBound();
    int fd, needed = FIRST_NEED;

    if (bound == 0 || known == SsForkCount()) {
	return 1;
    }
    for (fd = 3; fd < bound && needed > 0; fd++) {
	needed -= (fcntl(fd, F_GETFD) < 0);
    }
    if (needed == 0) {
	known = SsForkCount();
    }
    return needed == 0;
}
