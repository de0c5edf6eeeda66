/*
 * Child processes.
 *
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
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASSOC_KEY "socketserver::Process"

#define LOOK_DELAY 20		/* Milliseconds until it looks again where
				 * there is no pidfd. */
#define AT_ONCE 16		/* Ends told before others have their turn. */

typedef struct Watch {
    Tcl_Interp *interp;		/* Who wants to know. */
    Tcl_Obj *prefixPtr;		/* Called at the child's end. */
    pid_t pid;			/* The child. */
    int fd;			/* Its pidfd, owned; -1: none. */
    Tcl_TimerToken timer;	/* Looks instead, or NULL. */
    Tcl_HashEntry *entryPtr;	/* Where it stands. */
} Watch;

typedef struct ThreadData {
    int isOpen;			/* Whether the rest is set. */
    int process;		/* Whose all this is, as SsForkCount tells. */
    int epollFd;		/* Has the pidfds, owned; -1: none. */
    Tcl_HashTable watches;	/* By pid. */
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static void	Look(Watch *watchPtr);

static void
CloseEpoll(ThreadData *dataPtr)
{
    if (dataPtr->epollFd >= 0) {
	Tcl_DeleteFileHandler(dataPtr->epollFd);
	close(dataPtr->epollFd);
	dataPtr->epollFd = -1;
    }
}

/*
 * A forked child may have a copy of the descriptor, so that closing it isn't
 * enough for the epoll.
 */
static void
DropPidfd(Watch *watchPtr)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    if (watchPtr->fd >= 0) {
	if (dataPtr->epollFd >= 0) {
	    epoll_ctl(dataPtr->epollFd, EPOLL_CTL_DEL, watchPtr->fd, NULL);
	}
	close(watchPtr->fd);
	watchPtr->fd = -1;
    }
}

static void
DeleteWatch(Watch *watchPtr)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    Tcl_DeleteHashEntry(watchPtr->entryPtr);
    DropPidfd(watchPtr);
    if (dataPtr->watches.numEntries == 0) {
	CloseEpoll(dataPtr);
    }
    Tcl_DeleteTimerHandler(watchPtr->timer);
    Tcl_DecrRefCount(watchPtr->prefixPtr);
    Tcl_Free((char *) watchPtr);
}

static void
CloseProc(
    void *clientData)		/* The thread's data. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;
    Tcl_HashEntry *entryPtr;
    Tcl_HashSearch search;

    CloseEpoll(dataPtr);
    while ((entryPtr = Tcl_FirstHashEntry(&dataPtr->watches, &search))
	    != NULL) {
	DeleteWatch((Watch *) Tcl_GetHashValue(entryPtr));
    }
    Tcl_DeleteHashTable(&dataPtr->watches);
    dataPtr->isOpen = 0;
}

/*
 * This thread's watches.  What came through a fork is dropped: the epoll is
 * the parent's, too, and must not be touched but to close it.
 */
static ThreadData *
GetData(void)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    if (dataPtr->isOpen && dataPtr->process != SsForkCount()) {
	Tcl_DeleteThreadExitHandler(CloseProc, dataPtr);
	CloseProc(dataPtr);
    }
    if (!dataPtr->isOpen) {
	dataPtr->isOpen = 1;
	dataPtr->process = SsForkCount();
	dataPtr->epollFd = -1;
	Tcl_InitHashTable(&dataPtr->watches, TCL_ONE_WORD_KEYS);
	Tcl_CreateThreadExitHandler(CloseProc, dataPtr);
    }
    return dataPtr;
}

static Watch *
FindWatch(pid_t pid)
{
    Tcl_HashEntry *entryPtr = Tcl_FindHashEntry(&GetData()->watches,
	    (void *) (intptr_t) pid);

    return (entryPtr == NULL) ? NULL : (Watch *) Tcl_GetHashValue(entryPtr);
}

static void
DeleteWatches(
    void *clientData,
    Tcl_Interp *interp)		/* About to be deleted. */
{
    ThreadData *dataPtr = GetData();
    Tcl_HashEntry *entryPtr, *nextPtr;
    Tcl_HashSearch search;

    (void) clientData;
    entryPtr = Tcl_FirstHashEntry(&dataPtr->watches, &search);
    for (; entryPtr != NULL; entryPtr = nextPtr) {
	Watch *watchPtr = (Watch *) Tcl_GetHashValue(entryPtr);

	nextPtr = Tcl_NextHashEntry(&search);
	if (watchPtr->interp == interp) {
	    DeleteWatch(watchPtr);
	}
    }
}

static void
Tell(
    Watch *watchPtr,		/* Deleted. */
    Tcl_Obj *dictPtr)
{
    Tcl_Interp *interp = watchPtr->interp;
    Tcl_Obj *prefixPtr = watchPtr->prefixPtr;

    Tcl_IncrRefCount(prefixPtr);
    DeleteWatch(watchPtr);
    SsCallbackTell(interp, prefixPtr, dictPtr);
    Tcl_DecrRefCount(prefixPtr);
}

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static Tcl_WideInt
Milliseconds(const struct timeval *timePtr)
{
    return (Tcl_WideInt) timePtr->tv_sec * 1000 + timePtr->tv_usec / 1000;
}

static Tcl_Obj *
DescribeEnd(
    pid_t pid,
    int status,			/* As wait4 gave it... */
    const struct rusage *usagePtr)
				/* ...and this. */
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    char name[SS_SIGNAL_NAME_SIZE];

    Put(dictPtr, "pid", Tcl_NewIntObj((int) pid));
    if (WIFSIGNALED(status)) {
	SsSignalName(WTERMSIG(status), name);
	Put(dictPtr, "signal", Tcl_NewStringObj(name, -1));
    } else {
	Put(dictPtr, "exit", Tcl_NewIntObj(WEXITSTATUS(status)));
    }
    Put(dictPtr, "cpu", Tcl_NewWideIntObj(Milliseconds(&usagePtr->ru_utime)
	    + Milliseconds(&usagePtr->ru_stime)));
    Put(dictPtr, "maxrss",
	    Tcl_NewWideIntObj((Tcl_WideInt) usagePtr->ru_maxrss * 1024));
    Put(dictPtr, "core",
	    Tcl_NewIntObj(WIFSIGNALED(status) && WCOREDUMP(status)));
    return dictPtr;
}

/* Somebody else has waited for it. */
static Tcl_Obj *
DescribeLoss(
    Tcl_Interp *interp,
    pid_t pid,
    int error)			/* An errno. */
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    Tcl_Obj *words[3];

    Tcl_SetErrno(error);
    words[0] = Tcl_NewStringObj("POSIX", -1);
    words[1] = Tcl_NewStringObj(Tcl_ErrnoId(), -1);
    words[2] = Tcl_NewStringObj(Tcl_PosixError(interp), -1);
    Tcl_ResetResult(interp);
    Put(dictPtr, "pid", Tcl_NewIntObj((int) pid));
    Put(dictPtr, "error", Tcl_NewListObj(3, words));
    return dictPtr;
}

static void
TimerProc(
    void *clientData)		/* The watch. */
{
    Watch *watchPtr = (Watch *) clientData;

    watchPtr->timer = NULL;
    if (FindWatch(watchPtr->pid) == watchPtr) {
	Look(watchPtr);
    }
}

static void
StartTimer(Watch *watchPtr)
{
    watchPtr->timer = Tcl_CreateTimerHandler(LOOK_DELAY, TimerProc, watchPtr);
}

/* Whether a child has ended, and if so, tells. */
static void
Look(Watch *watchPtr)
{
    struct rusage usage;
    pid_t pid;
    int status;

    do {
	pid = wait4(watchPtr->pid, &status, WNOHANG, &usage);
    } while (pid < 0 && errno == EINTR);
    if (pid > 0) {
	Tell(watchPtr, DescribeEnd(pid, status, &usage));
    } else if (pid < 0) {
	Tell(watchPtr, DescribeLoss(watchPtr->interp, watchPtr->pid, errno));
    } else {
	/* It has not, whatever the pidfd says: a debugger may hold it back. */
	DropPidfd(watchPtr);
	StartTimer(watchPtr);
    }
}

static void
FileProc(
    void *clientData,		/* The thread's data. */
    int mask)
{
    ThreadData *dataPtr = (ThreadData *) clientData;
    struct epoll_event events[AT_ONCE];
    int i, count;

    (void) mask;
    if (dataPtr->process != SsForkCount()) {
	SsProcessesForget();
	return;
    }
    count = epoll_wait(dataPtr->epollFd, events, AT_ONCE, 0);
    for (i = 0; i < count; i++) {
	Watch *watchPtr = FindWatch((pid_t) events[i].data.u64);

	if (watchPtr != NULL) {
	    Look(watchPtr);
	}
    }
}

/* Without one each child is looked for by a timer. */
static void
OpenEpoll(ThreadData *dataPtr)
{
    int bound = SsDescriptorBound();
    int fd;

    if (dataPtr->epollFd >= 0) {
	return;
    }
    fd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    if (fd >= 0 && bound > 0 && fd >= bound) {
	close(fd);
	return;
    }
    dataPtr->epollFd = fd;
    if (fd >= 0) {
	Tcl_CreateFileHandler(fd, TCL_READABLE, FileProc, dataPtr);
    }
}

/* The caller owns the descriptor: close-on-exec, in this thread's epoll. */
static int
OpenPidfd(pid_t pid)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
    ThreadData *dataPtr = GetData();
    int fd;

    if (dataPtr->epollFd < 0) {
	return -1;
    }
    fd = SsAboveStdio((int) syscall(SYS_pidfd_open, pid, 0));
    event.data.u64 = (uint64_t) pid;
    if (fd >= 0 && epoll_ctl(dataPtr->epollFd, EPOLL_CTL_ADD, fd, &event)
	    < 0) {
	close(fd);
	return -1;
    }
    return fd;
}

int
SsProcessWatch(Tcl_Interp *interp, pid_t pid, Tcl_Obj *prefixPtr)
{
    ThreadData *dataPtr = GetData();
    Watch *watchPtr;
    siginfo_t info;
    int isNew;

    if (FindWatch(pid) != NULL) {
	return SsErrorOurs(interp, "WATCHED",
		"process %d is watched already", (int) pid);
    }
    if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
	int error = errno;

	return SsErrorPosix(interp, error, "can't watch process %d: %s",
		(int) pid, strerror(error));
    }
    watchPtr = (Watch *) Tcl_Alloc(sizeof(Watch));
    watchPtr->interp = interp;
    watchPtr->prefixPtr = prefixPtr;
    Tcl_IncrRefCount(prefixPtr);
    watchPtr->pid = pid;
    watchPtr->timer = NULL;
    watchPtr->entryPtr = Tcl_CreateHashEntry(&dataPtr->watches,
	    (void *) (intptr_t) pid, &isNew);
    Tcl_SetHashValue(watchPtr->entryPtr, watchPtr);
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteWatches, NULL);
    OpenEpoll(dataPtr);
    watchPtr->fd = OpenPidfd(pid);
    if (watchPtr->fd < 0) {
	StartTimer(watchPtr);
    }
    return TCL_OK;
}

void
SsProcessUnwatch(Tcl_Interp *interp, pid_t pid)
{
    Watch *watchPtr = FindWatch(pid);

    if (watchPtr != NULL && watchPtr->interp == interp) {
	DeleteWatch(watchPtr);
    }
}

void
SsProcessesForget(void)
{
    (void) GetData();
}

int
SsProcessKill(
    Tcl_Interp *interp,
    pid_t pid,			/* One process: above 0. */
    int number)
{
    int error;

    if (kill(pid, number) < 0) {
	error = errno;
	return SsErrorPosix(interp, error,
		"can't send a signal to process %d: %s", (int) pid,
		strerror(error));
    }
    return TCL_OK;
}
