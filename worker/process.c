/*
 * process.c --
 *
 *	Child processes.
 *
 *	A child is watched through a descriptor of it (pidfd), which becomes
 *	readable when it has ended.  A handler for SIGCHLD would be the
 *	application's business, and waiting for any child would take those
 *	that are the application's.
 */

#include "process.h"
#include "connection.h"
#include "fork.h"
#include "handler.h"
#include "names.h"
#include "result.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASSOC_KEY "socketserver::Process"

/*
 * After how many milliseconds to look again where there is no pidfd, or its
 * number is too high for this Tcl.
 */

#define LOOK_DELAY 20

typedef struct Watch {
    struct Watch *nextPtr;	/* Of the same thread. */
    Tcl_Interp *interp;		/* Who wants to know. */
    Tcl_Obj *prefixPtr;		/* Called at the child's end. */
    pid_t pid;			/* The child... */
    int process;		/* ...of whom, as SsForkCount tells. */
    int fd;			/* Its pidfd, owned; -1: none. */
    Tcl_TimerToken timer;	/* Looks instead, or NULL. */
} Watch;

typedef struct ThreadData {
    Watch *firstPtr;
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static Watch **	FirstWatch(void);
static Watch *	FindWatch(pid_t pid);
static int	OpenPidfd(pid_t pid);
static void	StartTimer(Watch *watchPtr);
static void	FileProc(void *clientData, int mask);
static void	TimerProc(void *clientData);
static void	Look(Watch *watchPtr);
static Tcl_Obj *DescribeEnd(pid_t pid, int status,
		    const struct rusage *usagePtr);
static Tcl_Obj *DescribeLoss(Tcl_Interp *interp, pid_t pid, int error);
static void	Tell(Watch *watchPtr, Tcl_Obj *dictPtr);
static void	DeleteWatch(Watch *watchPtr);
static void	DeleteWatches(void *clientData, Tcl_Interp *interp);
static Tcl_WideInt Milliseconds(const struct timeval *timePtr);
static void	Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr);

/*
 *----------------------------------------------------------------------
 *
 * SsProcessWatch --
 *
 *	See process.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	A file handler or a timer.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsProcessWatch(
    Tcl_Interp *interp,
    pid_t pid,
    Tcl_Obj *prefixPtr)
{
    Watch *watchPtr;
    siginfo_t info;

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
    watchPtr->process = SsForkCount();
    watchPtr->timer = NULL;
    watchPtr->nextPtr = *FirstWatch();
    *FirstWatch() = watchPtr;
    Tcl_SetAssocData(interp, ASSOC_KEY, DeleteWatches, NULL);
    watchPtr->fd = OpenPidfd(pid);
    if (watchPtr->fd >= 0) {
	Tcl_CreateFileHandler(watchPtr->fd, TCL_READABLE, FileProc, watchPtr);
    } else {
	StartTimer(watchPtr);
    }
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * FirstWatch, FindWatch --
 *
 *	This thread's watches.
 *
 * Results:
 *	Where the list begins; the watch of a child of this process or NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static Watch **
FirstWatch(void)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    return &dataPtr->firstPtr;
}

static Watch *
FindWatch(
    pid_t pid)
{
    Watch *watchPtr;

    for (watchPtr = *FirstWatch(); watchPtr != NULL;
	    watchPtr = watchPtr->nextPtr) {
	if (watchPtr->pid == pid && watchPtr->process == SsForkCount()) {
	    return watchPtr;
	}
    }
    return NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * OpenPidfd --
 *
 *	Opens a descriptor of a child.
 *
 * Results:
 *	The descriptor, close-on-exec and 3 or above, which the caller owns;
 *	-1 where the system has none to give or this Tcl can't wait for it.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
OpenPidfd(
    pid_t pid)
{
    int bound = SsDescriptorBound();
    int fd = -1;

#ifdef SYS_pidfd_open
    fd = SsAboveStdio((int) syscall(SYS_pidfd_open, pid, 0));
#endif
    if (fd >= 0 && bound > 0 && fd >= bound) {
	close(fd);
	return -1;
    }
    return fd;
}

/*
 *----------------------------------------------------------------------
 *
 * StartTimer, TimerProc, FileProc --
 *
 *	The event loop's ways to Look.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the command does.  In a forked child they forget the watch,
 *	which is of a child of the parent's.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
StartTimer(
    Watch *watchPtr)
{
    watchPtr->timer = Tcl_CreateTimerHandler(LOOK_DELAY, TimerProc, watchPtr);
}

static void
TimerProc(
    void *clientData)		/* The watch. */
{
    Watch *watchPtr = (Watch *) clientData;

    watchPtr->timer = NULL;
    Look(watchPtr);
}

static void
FileProc(
    void *clientData,		/* The watch. */
    int mask)
{
    (void) mask;
    Look((Watch *) clientData);
}

/*
 *----------------------------------------------------------------------
 *
 * Look --
 *
 *	Looks whether a child has ended.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the command does.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
Look(
    Watch *watchPtr)
{
    struct rusage usage;
    pid_t pid;
    int status;

    if (watchPtr->process != SsForkCount()) {
	DeleteWatch(watchPtr);
	return;
    }
    do {
	pid = wait4(watchPtr->pid, &status, WNOHANG, &usage);
    } while (pid < 0 && errno == EINTR);
    if (pid > 0) {
	Tell(watchPtr, DescribeEnd(pid, status, &usage));
    } else if (pid < 0) {
	Tell(watchPtr, DescribeLoss(watchPtr->interp, watchPtr->pid, errno));
    } else {
	/*
	 * It has not, whatever the pidfd says: a debugger may hold it back.
	 */

	if (watchPtr->fd >= 0) {
	    Tcl_DeleteFileHandler(watchPtr->fd);
	    close(watchPtr->fd);
	    watchPtr->fd = -1;
	}
	StartTimer(watchPtr);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * DescribeEnd, DescribeLoss --
 *
 *	How a child ended; that somebody else has waited for it.
 *
 * Results:
 *	A new dict.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static Tcl_Obj *
DescribeEnd(
    pid_t pid,
    int status,			/* As wait4 gave it... */
    const struct rusage *usagePtr)
				/* ...and this. */
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    char name[SS_SIGNAL_NAME_SIZE];
    Tcl_WideInt unit = 1;
    int core = 0;

    Put(dictPtr, "pid", Tcl_NewIntObj((int) pid));
    if (WIFSIGNALED(status)) {
	SsSignalName(WTERMSIG(status), name);
	Put(dictPtr, "signal", Tcl_NewStringObj(name, -1));
#ifdef WCOREDUMP
	core = WCOREDUMP(status) ? 1 : 0;
#endif
    } else {
	Put(dictPtr, "exit", Tcl_NewIntObj(WEXITSTATUS(status)));
    }
    Put(dictPtr, "cpu", Tcl_NewWideIntObj(Milliseconds(&usagePtr->ru_utime)
	    + Milliseconds(&usagePtr->ru_stime)));
#ifdef __linux__
    unit = 1024;
#endif
    Put(dictPtr, "maxrss", Tcl_NewWideIntObj(usagePtr->ru_maxrss * unit));
    Put(dictPtr, "core", Tcl_NewIntObj(core));
    return dictPtr;
}

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

static Tcl_WideInt
Milliseconds(
    const struct timeval *timePtr)
{
    return (Tcl_WideInt) timePtr->tv_sec * 1000 + timePtr->tv_usec / 1000;
}

static void
Put(
    Tcl_Obj *dictPtr,
    const char *key,
    Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

/*
 *----------------------------------------------------------------------
 *
 * Tell --
 *
 *	Calls the command of a watch, which has done its work.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the command does.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
Tell(
    Watch *watchPtr,		/* Deleted. */
    Tcl_Obj *dictPtr)
{
    Tcl_Interp *interp = watchPtr->interp;
    Tcl_Obj *prefixPtr = watchPtr->prefixPtr;

    Tcl_IncrRefCount(prefixPtr);
    DeleteWatch(watchPtr);
    SsHandlerTell(interp, prefixPtr, dictPtr);
    Tcl_DecrRefCount(prefixPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsProcessUnwatch, SsProcessesForget, DeleteWatches, DeleteWatch --
 *
 *	Forget one watch; those that came through a fork; those of an
 *	interpreter that goes away.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Descriptors are closed.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsProcessUnwatch(
    Tcl_Interp *interp,
    pid_t pid)
{
    Watch *watchPtr = FindWatch(pid);

    if (watchPtr != NULL && watchPtr->interp == interp) {
	DeleteWatch(watchPtr);
    }
}

void
SsProcessesForget(void)
{
    Watch *watchPtr, *nextPtr;

    for (watchPtr = *FirstWatch(); watchPtr != NULL; watchPtr = nextPtr) {
	nextPtr = watchPtr->nextPtr;
	if (watchPtr->process != SsForkCount()) {
	    DeleteWatch(watchPtr);
	}
    }
}

static void
DeleteWatches(
    void *clientData,
    Tcl_Interp *interp)		/* About to be deleted. */
{
    Watch *watchPtr, *nextPtr;

    (void) clientData;
    for (watchPtr = *FirstWatch(); watchPtr != NULL; watchPtr = nextPtr) {
	nextPtr = watchPtr->nextPtr;
	if (watchPtr->interp == interp) {
	    DeleteWatch(watchPtr);
	}
    }
}

static void
DeleteWatch(
    Watch *watchPtr)
{
    Watch **linkPtr;

    for (linkPtr = FirstWatch(); *linkPtr != watchPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = watchPtr->nextPtr;
    if (watchPtr->fd >= 0) {
	Tcl_DeleteFileHandler(watchPtr->fd);
	close(watchPtr->fd);
    }
    Tcl_DeleteTimerHandler(watchPtr->timer);
    Tcl_DecrRefCount(watchPtr->prefixPtr);
    Tcl_Free((char *) watchPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsProcessKill --
 *
 *	See process.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	The other process gets a signal.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

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
