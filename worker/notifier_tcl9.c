//go:build tcl9

#include "notifier.h"
#include "fork.h"
#include "guard.h"
#include "limit.h"
#include "loop.h"
#include "pollset.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MOST_TRIES 10		/* To find out how Tcl alerts a thread. */

/*
 * A thread's event loop.  The epoll and the eventfd by which Tcl alerts the
 * thread are Tcl's; what is asked of them are system calls alone.
 */
typedef struct Loop {
    struct Loop *nextPtr;	/* Of this process; guarded by the fork lock. */
    int isBegun;
    int error;			/* An errno: the two below aren't known. */
    SsLoopPoll poll;		/* -1: not known, or Tcl selects. */
    SsPollMember alert;
    int anchorFd;		/* What we have Tcl wait for, and never comes:
				 * under its data queues are put there.  -1. */
    Tcl_AsyncHandler handler;	/* Called after a fork that wasn't ours. */
    int forks;			/* SsForkCount, when that was called last. */
    int refused;		/* An errno: why such a fork was none. */
} Loop;

static __thread Loop own __attribute__((tls_model("initial-exec"))) = {
    .poll.fd = -1, .anchorFd = -1
};
static Loop *firstPtr = NULL;

/* From before a fork until after it. */
static struct {
    SsPollSet set;		/* What the thread's epoll has. */
    int numClosing;		/* Of its first members: another file is under
				 * their number in the child. */
    int pollFd, alertFd;	/* The child's; -1. */
    int isElses;		/* Another copy of this library has repaired the
				 * child's before. */
} copy = { .pollFd = -1, .alertFd = -1 };

static void
CloseDescriptor(int *fdPtr)
{
    if (*fdPtr >= 0) {
	close(*fdPtr);
	*fdPtr = -1;
    }
}

void
SsNotifierPrepare(void)
{
}

/* A queue, or something else that was put there beside it. */
static void
AnchorProc(void *clientData, int mask)
{
    (void) clientData;
    (void) mask;
    SsLoopFire(-1, 0);
}

/*
 * The eventfd, of those that the epoll has, that counts when Tcl alerts; others
 * may count for other reasons.  Returns how many did.
 */
static int
TryAlert(const SsPollSet *setPtr, int64_t *counts)
{
    const SsPollMember *memberPtr;
    int i, found = 0;

    for (i = 0; i < setPtr->count; i++) {
	counts[i] = SsEventCount(setPtr->members[i].fd);
    }
    Tcl_ThreadAlert(Tcl_GetCurrentThread());
    for (i = 0; i < setPtr->count; i++) {
	memberPtr = &setPtr->members[i];
	if (counts[i] >= 0 && SsEventCount(memberPtr->fd) > counts[i]) {
	    own.alert = *memberPtr;
	    found++;
	}
    }
    return found;
}

static int
FindAlert(const SsPollSet *setPtr)
{
    int64_t *counts = calloc((size_t) setPtr->count, sizeof(int64_t));
    int tries = 0, found = 0;

    while (counts != NULL && found != 1 && tries < MOST_TRIES) {
	found = TryAlert(setPtr, counts);
	tries++;
    }
    free(counts);
    return (counts == NULL) ? ENOMEM : (found == 1) ? 0 : ENOSYS;
}

/* No epoll has the anchor: Tcl selects, and repairs that itself. */
static void
FindPoll(void)
{
    SsPollSet set = { .count = 0 };
    int pollFd = SsPollFind(&set, own.anchorFd);

    own.error = (pollFd < 0) ? errno : 0;
    if (pollFd >= 0) {
	own.poll.data = SsPollSetFind(&set, own.anchorFd)->data;
	own.error = FindAlert(&set);
	own.poll.fd = (own.error == 0) ? pollFd : -1;
    }
    SsPollSetFree(&set);
}

static void
DropAnchor(void)
{
    if (own.anchorFd >= 0) {
	Tcl_DeleteFileHandler(own.anchorFd);
	CloseDescriptor(&own.anchorFd);
    }
}

static void
ThreadExitProc(void *clientData)
{
    Loop **linkPtr = &firstPtr;

    (void) clientData;
    SsForkLock();
    while (*linkPtr != NULL && *linkPtr != &own) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    if (*linkPtr != NULL) {
	*linkPtr = own.nextPtr;
    }
    own.poll.fd = -1;
    own.isBegun = 0;
    SsForkUnlock();
    DropAnchor();
    Tcl_AsyncDelete(own.handler);
}

/* What it forked, or was forked, is told of where Tcl can be. */
static void
TellRefused(Tcl_Interp *interp)
{
    int error = own.refused;
    Tcl_InterpState state;

    own.refused = 0;
    if (interp == NULL) {
	return;
    }
    state = Tcl_SaveInterpState(interp, TCL_OK);
    Tcl_SetErrno(error);
    SsErrorOurs(interp, "NOREPAIR", "a forked process could have no event loop"
	    " of its own (%s), and ends unless it executes a program;"
	    " ::socketserver::fork tells before", Tcl_ErrnoMsg(error));
    Tcl_BackgroundException(interp, TCL_ERROR);
    Tcl_RestoreInterpState(interp, state);
}

/*
 * After a fork that wasn't ours, as soon as the command that forked is over.  A
 * child that is none ends here.
 */
static int
ForkedProc(void *clientData, Tcl_Interp *interp, int code)
{
    int isChild = (own.forks != SsForkCount());

    (void) clientData;
    own.forks = SsForkCount();
    if (own.refused != 0 && isChild) {
	_exit(1);
    }
    if (own.refused != 0) {
	TellRefused((interp != NULL) ? interp : SsGuardInterp());
    }
    SsGuardAll();
    return code;
}

const SsLoopPoll *
SsNotifierPoll(void)
{
    return (own.poll.fd >= 0) ? &own.poll : NULL;
}

/* What was closed without telling Tcl may be nothing, or a regular file. */
static int
Add(const SsPollMember *memberPtr)
{
    int error = SsPollMemberAdd(memberPtr, copy.pollFd);

    return (error == ENOMEM || error == ENOSPC) ? error : 0;
}

/*
 * The copy waits for what Tcl waits for.  What is there exclusively, or under the
 * anchor's data, are places, which a child takes itself.  Returns 0 or an errno.
 */
static int
Fill(void)
{
    const SsPollMember *memberPtr;
    SsPollMember alert = own.alert;
    int i, error;

    alert.fd = copy.alertFd;
    error = Add(&alert);
    for (i = 0; error == 0 && i < copy.set.count; i++) {
	memberPtr = &copy.set.members[i];
	if (memberPtr->data == own.alert.data
		|| (memberPtr->events & EPOLLEXCLUSIVE)
		|| (memberPtr->data == own.poll.data
		&& memberPtr->fd != own.anchorFd)) {
	    continue;
	}
	error = Add(memberPtr);
    }
    return error;
}

/*
 * Made before the fork: the set can't change meanwhile, and it may fail.
 * Returns 0 or an errno.
 */
static int
MakeCopy(void)
{
    int error;

    if (own.poll.fd < 0) {
	return own.isBegun ? own.error : 0;
    }
    error = SsPollSetRead(&copy.set, own.poll.fd);
    if (error != 0) {
	return error;
    }
    copy.numClosing = copy.isElses = 0;
    copy.alertFd = SsAboveStdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (copy.alertFd < 0) {
	return errno;
    }
    copy.pollFd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    return (copy.pollFd < 0) ? errno : Fill();
}

int
SsNotifierBefore(int ours)
{
    int error = MakeCopy();

    if (error != 0) {
	SsNotifierAfter();
    }
    if (!ours && own.isBegun) {
	own.refused = error;
	Tcl_AsyncMark(own.handler);
    }
    return error;
}

void
SsNotifierAfter(void)
{
    CloseDescriptor(&copy.alertFd);
    CloseDescriptor(&copy.pollFd);
}

/* The epoll's owner is the process whose own it is. */
static int
IsOwner(void)
{
    return fcntl(own.poll.fd, F_GETOWN) == getpid();
}

/*
 * While their files are still there: one that is open elsewhere could never be
 * taken off again.
 */
void
SsNotifierClosing(const int *fds, int count)
{
    SsPollMember *members = copy.set.members, closing;
    int i, j, pollFd = copy.pollFd;

    copy.isElses = (pollFd >= 0 && IsOwner());
    if (copy.isElses) {
	SsNotifierAfter();
	pollFd = own.poll.fd;
    }
    for (i = 0; pollFd >= 0 && i < count; i++) {
	if (epoll_ctl(pollFd, EPOLL_CTL_DEL, fds[i], NULL) != 0) {
	    continue;
	}
	for (j = copy.numClosing; j < copy.set.count; j++) {
	    if (members[j].fd == fds[i]) {
		closing = members[j];
		members[j] = members[copy.numClosing];
		members[copy.numClosing++] = closing;
		break;
	    }
	}
    }
}

/* Puts a descriptor, which it owns, in the place of another. */
static void
Replace(int *fdPtr, int otherFd)
{
    if (*fdPtr >= 0 && *fdPtr != otherFd) {
	dup3(*fdPtr, otherFd, O_CLOEXEC);
	close(*fdPtr);
    }
    *fdPtr = -1;
}

static void
TakeCopy(void)
{
    int i, pollFd = own.poll.fd;

    if (!copy.isElses) {
	epoll_ctl(copy.pollFd, EPOLL_CTL_DEL, copy.alertFd, NULL);
	Replace(&copy.alertFd, own.alert.fd);
	Replace(&copy.pollFd, pollFd);
	SsPollMemberAdd(&own.alert, pollFd);
	fcntl(pollFd, F_SETOWN, getpid());
    }
    for (i = 0; i < copy.numClosing; i++) {
	SsPollMemberAdd(&copy.set.members[i], pollFd);
    }
}

/* From now on forks are prepared for this thread. */
static void
Begun(void)
{
    own.handler = Tcl_AsyncCreate(ForkedProc, NULL);
    own.forks = SsForkCount();
    own.isBegun = 1;
    Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    SsForkLock();
    own.nextPtr = firstPtr;
    firstPtr = &own;
    SsForkUnlock();
}

/*
 * Makes the epoll this process's own: one that was forked before it had this
 * library shares it.  Returns 0 or an errno.
 */
static int
TakeOwn(void)
{
    int error;

    SsForkLock();
    error = MakeCopy();
    if (error == 0) {
	TakeCopy();
    }
    SsNotifierAfter();
    SsForkUnlock();
    return error;
}

int
SsNotifierBegin(Tcl_Interp *interp)
{
    int error = 0;

    SsGuardBegin(interp);
    if (own.isBegun) {
	return 0;
    }
    own.anchorFd = SsAboveStdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (own.anchorFd < 0) {
	return errno;
    }
    Tcl_CreateFileHandler(own.anchorFd, TCL_READABLE, AnchorProc, NULL);
    FindPoll();
    if (own.poll.fd >= 0 && !IsOwner()) {
	error = TakeOwn();
    }
    if (own.poll.fd < 0 || error != 0) {
	own.poll.fd = -1;
	DropAnchor();
    } else {
	SsDescriptorsUnbound();
    }
    if (error == 0) {
	Begun();
    }
    return error;
}

/*
 * Whoever forked wasn't told that it can't be.  Until the child ends it leaves
 * its parent's epoll alone.
 */
static void
TakeEmpty(void)
{
    close(own.alert.fd);
    copy.alertFd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    Replace(&copy.alertFd, own.alert.fd);
    close(own.poll.fd);
    copy.pollFd = epoll_create1(EPOLL_CLOEXEC);
    Replace(&copy.pollFd, own.poll.fd);
    SsPollMemberAdd(&own.alert, own.poll.fd);
}

/* Tcl may still alert a thread that isn't there: of that it has the number. */
void
SsNotifierForked(void)
{
    Loop *loopPtr;

    for (loopPtr = firstPtr; loopPtr != NULL; loopPtr = loopPtr->nextPtr) {
	if (loopPtr != &own && loopPtr->poll.fd >= 0) {
	    CloseDescriptor(&loopPtr->poll.fd);
	    SsForkSilence(loopPtr->alert.fd);
	    CloseDescriptor(&loopPtr->anchorFd);
	}
    }
    firstPtr = own.isBegun ? &own : NULL;
    own.nextPtr = NULL;
    if (copy.pollFd >= 0 || copy.isElses) {
	TakeCopy();
    } else if (own.poll.fd >= 0) {
	TakeEmpty();
    }
    SsLoopForked(0);
}

void
SsNotifierShared(void)
{
    own.forks = SsForkCount();
    SsGuardAll();
}
