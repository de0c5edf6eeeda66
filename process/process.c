/*
 * A child is watched through a descriptor of it (pidfd), which becomes readable
 * when it has ended; all of a thread's are in one epoll, so that neither their
 * number nor Tcl's select matters.  A handler for SIGCHLD would be the
 * application's business, and waiting for any child would take those that are
 * the application's.
 */

#include "process.h"
#include "callback.h"
#include "fork.h"
#include "limit.h"
#include "result.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASSOC_KEY "socketserver::Process"

#define LOOK_DELAY 20		/* Milliseconds until it looks again where
				 * there is no pidfd. */
#define AT_ONCE 16		/* Ends told before others have their turn. */

typedef struct Watch {
    struct Watch *nextPtr;
    Tcl_Interp *interp;		/* Who wants to know. */
    Tcl_Obj *prefixPtr;		/* Called at the child's end. */
    pid_t pid;
    int fd;			/* Its pidfd, owned; -1: none... */
    Tcl_TimerToken timer;	/* ...so this looks. */
} Watch;

/*
 * A thread's.  Of the static kind: another could wait in a forked child for a
 * lock of the dynamic linker's.
 */

#define OF_THREAD static __thread \
	__attribute__((tls_model("initial-exec")))

OF_THREAD Watch *firstPtr = NULL;
OF_THREAD int pollFd = -1;	/* Has the pidfds, owned; -1: none. */
OF_THREAD int process = 0;	/* Whose all this is: SsForkCount. */

/*
 * The epoll of a forked child is the parent's, too, and must not be touched but
 * to close it.  In the parent it isn't enough to close a pidfd, of which a
 * child may have a copy.
 */
static void
DropPidfd(Watch *watchPtr)
{
    if (watchPtr->fd >= 0) {
	if (process == SsForkCount()) {
	    epoll_ctl(pollFd, EPOLL_CTL_DEL, watchPtr->fd, NULL);
	}
	close(watchPtr->fd);
	watchPtr->fd = -1;
    }
}

static void
DeleteWatch(Watch **linkPtr)
{
    Watch *watchPtr = *linkPtr;

    *linkPtr = watchPtr->nextPtr;
    DropPidfd(watchPtr);
    Tcl_DeleteTimerHandler(watchPtr->timer);
    Tcl_DecrRefCount(watchPtr->prefixPtr);
    Tcl_Free((char *) watchPtr);
    if (firstPtr == NULL && pollFd >= 0) {
	Tcl_DeleteFileHandler(pollFd);
	close(pollFd);
	pollFd = -1;
    }
}

static void
DeleteWatches(
    void *clientData,
    Tcl_Interp *interp)		/* Whose; NULL: everybody's. */
{
    Watch **linkPtr = &firstPtr;

    while (*linkPtr != NULL) {
	if (interp == NULL || (*linkPtr)->interp == interp) {
	    DeleteWatch(linkPtr);
	} else {
	    linkPtr = &(*linkPtr)->nextPtr;
	}
    }
}

void
SsProcessesForget(void)
{
    if (process != SsForkCount()) {
	DeleteWatches(NULL, NULL);
	process = SsForkCount();
    }
}

/* The link to its watch; to NULL when there is none. */
static Watch **
FindWatch(pid_t pid)
{
    Watch **linkPtr = &firstPtr;

    SsProcessesForget();
    while (*linkPtr != NULL && (*linkPtr)->pid != pid) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    return linkPtr;
}

/* A dict. */
static Tcl_Obj *
DescribeEnd(
    pid_t pid,
    int status,			/* As wait4 gave it... */
    const struct rusage *usagePtr)
				/* ...and this. */
{
    Tcl_WideInt seconds = usagePtr->ru_utime.tv_sec
	    + usagePtr->ru_stime.tv_sec;
    int killed = WIFSIGNALED(status);
    char how[SS_SIGNAL_NAME_SIZE];

    if (killed) {
	SsSignalName(WTERMSIG(status), how);
    } else {
	snprintf(how, sizeof(how), "%d", WEXITSTATUS(status));
    }
    return Tcl_ObjPrintf("pid %d %s %s cpu %" TCL_LL_MODIFIER "d maxrss %"
	    TCL_LL_MODIFIER "d core %d", (int) pid,
	    killed ? "signal" : "exit", how, seconds * 1000
	    + (usagePtr->ru_utime.tv_usec + usagePtr->ru_stime.tv_usec) / 1000,
	    (Tcl_WideInt) usagePtr->ru_maxrss * 1024,
	    killed && WCOREDUMP(status));
}

/* A dict: somebody else has waited for it. */
static Tcl_Obj *
DescribeLoss(
    pid_t pid,
    int error)			/* An errno. */
{
    Tcl_SetErrno(error);
    return Tcl_ObjPrintf("pid %d error {POSIX %s {%s}}", (int) pid,
	    Tcl_ErrnoId(), Tcl_ErrnoMsg(error));
}

/* Whether a child has ended, and if so, tells. */
static void
Look(
    void *clientData)		/* Its pid. */
{
    pid_t pid = (pid_t) (intptr_t) clientData;
    Watch **linkPtr = FindWatch(pid), *watchPtr = *linkPtr;
    Tcl_Interp *interp;
    Tcl_Obj *prefixPtr;
    struct rusage usage;
    int status, error;
    pid_t ended;

    if (watchPtr == NULL) {
	return;
    }
    ended = wait4(pid, &status, WNOHANG, &usage);
    error = errno;
    if (ended == 0) {
	/* It has not, whatever the pidfd says: a debugger may hold it back. */
	DropPidfd(watchPtr);
	watchPtr->timer = Tcl_CreateTimerHandler(LOOK_DELAY, Look, clientData);
	return;
    }
    interp = watchPtr->interp;
    prefixPtr = watchPtr->prefixPtr;
    Tcl_IncrRefCount(prefixPtr);
    DeleteWatch(linkPtr);
    SsCallbackTell(interp, prefixPtr, (ended > 0)
	    ? DescribeEnd(pid, status, &usage) : DescribeLoss(pid, error));
    Tcl_DecrRefCount(prefixPtr);
}

static void
FileProc(void *clientData, int mask)
{
    struct epoll_event events[AT_ONCE];
    int i, count;

    SsProcessesForget();
    count = epoll_wait(pollFd, events, AT_ONCE, 0);
    for (i = 0; i < count; i++) {
	Look(events[i].data.ptr);
    }
}

/* The caller owns the descriptor: close-on-exec, in this thread's epoll. */
static int
OpenPidfd(pid_t pid)
{
    struct epoll_event event = { .events = EPOLLIN,
	.data.ptr = (void *) (intptr_t) pid };
    int fd;

    if (pollFd < 0) {
	pollFd = SsForEventLoop(epoll_create1(EPOLL_CLOEXEC));
	if (pollFd < 0) {
	    return -1;
	}
	Tcl_CreateFileHandler(pollFd, TCL_READABLE, FileProc, NULL);
    }
    fd = SsAboveStdio((int) syscall(SYS_pidfd_open, pid, 0));
    if (fd >= 0 && epoll_ctl(pollFd, EPOLL_CTL_ADD, fd, &event) < 0) {
	close(fd);
	return -1;
    }
    return fd;
}

int
SsProcessWatch(Tcl_Interp *interp, pid_t pid, Tcl_Obj *prefixPtr)
{
    Watch *watchPtr;
    siginfo_t info;

    if (*FindWatch(pid) != NULL) {
	return SsErrorOurs(interp, "WATCHED",
		"process %d is watched already", (int) pid);
    }
    if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
	return SsErrorPosix(interp, errno, "can't watch process %d: %m",
		(int) pid);
    }
    watchPtr = (Watch *) Tcl_Alloc(sizeof(Watch));
    watchPtr->interp = interp;
    watchPtr->prefixPtr = prefixPtr;
    Tcl_IncrRefCount(prefixPtr);
    watchPtr->pid = pid;
    watchPtr->fd = OpenPidfd(pid);
    watchPtr->timer = (watchPtr->fd >= 0) ? NULL
	    : Tcl_CreateTimerHandler(LOOK_DELAY, Look,
	    (void *) (intptr_t) pid);
    watchPtr->nextPtr = firstPtr;
    firstPtr = watchPtr;
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteWatches, NULL);
    return TCL_OK;
}
