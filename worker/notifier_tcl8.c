//go:build !tcl9

#include "notifier.h"
#include "files.h"
#include "fork.h"
#include "limit.h"
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>

#define MAGIC UINT64_C(0xf00d50c7e75e47e5)
				/* No pointer of anybody's. */
#define MOST 64			/* Of what one wait is told. */

typedef struct Notifier {
    uint64_t magic;		/* First, where Tcl's has a pointer. */
    struct Notifier *volatile nextPtr;
    int pollFd;			/* -1 until the thread first waits. */
    int alertFd;
    atomic_int alerted;
    SsFiles files;
} Notifier;

/*
 * All of this process, last that of the thread that survived the fork.  Changed
 * by the hooks below, under a lock of Tcl's that also excludes alerts.  A fork
 * in another thread may come in the middle of that, so each change is one
 * assignment.
 */

static Notifier *volatile firstPtr = NULL;

static __thread Notifier *currentPtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's. */
static Notifier mainNotifier;	/* Of the thread that forked the first child,
				 * where nothing may be allocated. */
static int canReplace = 0;	/* Tcl's list of handlers is as below. */
static struct TclHandler **inheritedPtr = NULL;
				/* That list, until it is taken over. */

/*
 * As it stands in unix/tclUnixNotfy.c of Tcl 8.4 to 8.6.  A notifier's client
 * data points to the first one.
 */

typedef struct TclHandler {
    int fd;
    int mask;
    int readyMask;
    Tcl_FileProc *proc;
    void *clientData;
    struct TclHandler *nextPtr;
} TclHandler;

/* The handler that it makes is never called. */
static Tcl_ThreadCreateType
TryMain(
    void *clientData)		/* Set to 1 if all is as expected. */
{
    void *data = Tcl_InitNotifier();
    int fd = eventfd(0, EFD_CLOEXEC);
    TclHandler *handlerPtr;

    if (fd >= 0 && fd < FD_SETSIZE && data != NULL
	    && *(TclHandler **) data == NULL) {
	Tcl_CreateFileHandler(fd, TCL_READABLE, SsLoopNestedProc, clientData);
	handlerPtr = *(TclHandler **) data;
	*(int *) clientData = (handlerPtr != NULL && handlerPtr->fd == fd
		&& handlerPtr->mask == TCL_READABLE
		&& handlerPtr->readyMask == 0
		&& handlerPtr->proc == SsLoopNestedProc
		&& handlerPtr->clientData == clientData
		&& handlerPtr->nextPtr == NULL);
	Tcl_DeleteFileHandler(fd);
	*(int *) clientData &= (*(TclHandler **) data == NULL);
    }
    Tcl_FinalizeNotifier(data);
    if (fd >= 0) {
	close(fd);
    }
    Tcl_ExitThread(0);
    TCL_THREAD_CREATE_RETURN;
}

/*
 * Finds out, once, whether Tcl's notifier can be replaced in children: what was
 * set up in it before the fork must go on, and so its private list of file
 * handlers must be what we know.  Tried on a thread of its own, whose notifier
 * is nobody's else.  Signals are for the application's threads.
 */
void
SsNotifierPrepare(void)
{
    Tcl_ThreadId thread;
    sigset_t all, before;
    int code, status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = Tcl_CreateThread(&thread, TryMain, &canReplace,
	    TCL_THREAD_STACK_DEFAULT, TCL_THREAD_JOINABLE);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == TCL_OK) {
	Tcl_JoinThread(thread, &status);
    }
}

static void
CloseDescriptor(int *fdPtr)
{
    int fd = *fdPtr;

    *fdPtr = -1;
    if (fd >= 0) {
	close(fd);
    }
}

static void
Become(
    Notifier *notifierPtr)	/* Zeroed. */
{
    notifierPtr->magic = MAGIC;
    notifierPtr->pollFd = notifierPtr->alertFd = -1;
    notifierPtr->nextPtr = firstPtr;
    firstPtr = notifierPtr;
    currentPtr = notifierPtr;
}

/* The hooks that Tcl calls. */

static void
ServiceMode(int mode)
{
    (void) mode;
}

static void *
Init(void)
{
    Notifier *notifierPtr = currentPtr;

    if (notifierPtr == NULL) {
	notifierPtr = (Notifier *) calloc(1, sizeof(Notifier));
	if (notifierPtr == NULL) {
	    Tcl_Panic("out of memory for a notifier");
	}
	Become(notifierPtr);
    }
    return notifierPtr;
}

/* Its watches are gone, with the interpreters that had them. */
static void
Finalize(void *clientData)
{
    Notifier *notifierPtr = currentPtr;
    Notifier *volatile *linkPtr;

    (void) clientData;
    for (linkPtr = &firstPtr; *linkPtr != notifierPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = notifierPtr->nextPtr;
    currentPtr = NULL;
    CloseDescriptor(&notifierPtr->pollFd);
    CloseDescriptor(&notifierPtr->alertFd);
    SsFilesFree(&notifierPtr->files);
    if (notifierPtr != &mainNotifier) {
	free(notifierPtr);
    }
}

/*
 * In signal handlers, too.  The thread that survived a fork is still known to
 * Tcl by what its own notifier was.
 */
static void
Alert(void *clientData)
{
    Notifier *notifierPtr;
    int saved = errno;

    for (notifierPtr = firstPtr; notifierPtr != NULL
	    && notifierPtr != clientData && notifierPtr->nextPtr != NULL;
	    notifierPtr = notifierPtr->nextPtr) {
	/* To the one that is meant, or the last. */
    }
    if (notifierPtr != NULL && atomic_exchange(&notifierPtr->alerted, 1) == 0
	    && notifierPtr->alertFd >= 0) {
	eventfd_write(notifierPtr->alertFd, 1);
    }
    errno = saved;
}

/*
 * Tcl's list is left empty: events of its notifier may be queued still, and
 * would find handlers there that are deleted here.
 */
static void
TakeOver(Notifier *notifierPtr)
{
    TclHandler *handlerPtr;

    while (*inheritedPtr != NULL) {
	handlerPtr = *inheritedPtr;
	*inheritedPtr = handlerPtr->nextPtr;
	if (handlerPtr->proc != SsLoopNestedProc) {
	    SsFilesSet(&notifierPtr->files, handlerPtr->fd, handlerPtr->mask,
		    handlerPtr->proc, handlerPtr->clientData);
	}
	Tcl_Free((char *) handlerPtr);
    }
    inheritedPtr = NULL;
}

static Notifier *
Current(void)
{
    Notifier *notifierPtr = (currentPtr != NULL) ? currentPtr : Init();

    if (inheritedPtr != NULL && notifierPtr == &mainNotifier) {
	TakeOver(notifierPtr);
    }
    return notifierPtr;
}

static void
CreateHandler(int fd, int mask, Tcl_FileProc *proc, void *clientData)
{
    SsFilesSet(&Current()->files, fd, mask, proc, clientData);
}

static void
DeleteHandler(int fd)
{
    SsFilesUnset(&Current()->files, fd);
}

static int
Milliseconds(
    const Tcl_Time *timePtr)	/* NULL: for ever. */
{
    Tcl_GetTimeProc *getProc;
    Tcl_ScaleTimeProc *scaleProc;
    void *clientData;
    Tcl_Time left;
    int64_t result;

    if (timePtr == NULL) {
	return -1;
    }
    left = *timePtr;
    Tcl_QueryTimeProc(&getProc, &scaleProc, &clientData);
    scaleProc(&left, clientData);
    result = (int64_t) left.sec * 1000 + (left.usec + 999) / 1000;
    return (result > INT_MAX) ? INT_MAX : (result < 0) ? 0 : (int) result;
}

/* Of two timeouts; -1, for ever, is the longest. */
static int
Sooner(int one, int other)
{
    return ((unsigned) one < (unsigned) other) ? one : other;
}

static int
Open(Notifier *notifierPtr)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    int error;

    if (notifierPtr->pollFd >= 0) {
	return 0;
    }
    if (notifierPtr->alertFd < 0) {
	notifierPtr->alertFd = SsAboveStdio(
		eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    notifierPtr->pollFd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    event.data.u64 = SS_PLACE_DATA | (uint64_t) notifierPtr->alertFd;
    if (notifierPtr->alertFd < 0 || notifierPtr->pollFd < 0
	    || epoll_ctl(notifierPtr->pollFd, EPOLL_CTL_ADD,
		    notifierPtr->alertFd, &event) < 0) {
	error = errno;
	CloseDescriptor(&notifierPtr->pollFd);
	return error;
    }
    SsFilesRenew(&notifierPtr->files);
    return 0;
}

/*
 * Nothing is received here, nor looked for twice: the kernel tells in turn what
 * is ready, connections among the rest.  An alert only wakes; its descriptor is
 * no queue's.
 */
static void
Sleep(
    Notifier *notifierPtr,	/* Open. */
    int timeout)
{
    struct epoll_event events[MOST];
    uint64_t data;
    int i, number, stale = 0;

    timeout = SsLoopArrange(notifierPtr->pollFd, timeout);
    number = epoll_wait(notifierPtr->pollFd, events, MOST, timeout);
    for (i = 0; i < number; i++) {
	data = events[i].data.u64;
	if (data & SS_PLACE_DATA) {
	    SsLoopFire((int) (data & INT_MAX), 0);
	} else if (!SsFilesReady(&notifierPtr->files, data,
		events[i].events)) {
	    stale = 1;
	}
    }

    /*
     * A file that is closed here but open in another process can't be taken
     * off the epoll: the next wait is on another one.
     */
    if (stale) {
	SsForkLock();
	SsPlacesLeaveLocked(notifierPtr->pollFd, -1);
	SsForkUnlock();
	CloseDescriptor(&notifierPtr->pollFd);
    }
}

static int
Wait(const Tcl_Time *timePtr)
{
    Notifier *notifierPtr = Current();
    int timeout = Milliseconds(timePtr);
    int error;

    error = Open(notifierPtr);
    if (error == 0) {
	timeout = Sooner(timeout, SsFilesPut(&notifierPtr->files,
		notifierPtr->pollFd));
    }
    if (atomic_load(&notifierPtr->alerted)) {
	timeout = 0;
    }
    if (error == 0) {
	Sleep(notifierPtr, timeout);
    } else {
	/* Looks at everything now and then. */
	poll(NULL, 0, Sooner(timeout, SS_FILES_SOON));
	SsFilesPoll(&notifierPtr->files);
	SsLoopFire(-1, error);
    }
    atomic_store_explicit(&notifierPtr->alerted, 0, memory_order_release);
    return 0;
}

static Tcl_NotifierProcs hooks = {
    NULL, Wait, CreateHandler, DeleteHandler, Init, Finalize, Alert,
    ServiceMode
};

int
SsNotifierBegin(Tcl_Interp *interp)
{
    (void) interp;
    return 0;
}

const SsLoopPoll *
SsNotifierPoll(void)
{
    return NULL;
}

int
SsNotifierBefore(int ours)
{
    (void) ours;
    return 0;
}

void
SsNotifierAfter(void)
{
}

void
SsNotifierClosing(const int *fds, int count)
{
    (void) fds;
    (void) count;
}

void
SsNotifierShared(void)
{
}

/*
 * Tcl's own handler has run before ours.  With our hooks set, in a grandchild,
 * it has called Init; that opens nothing.  Another copy of this library may
 * have set its hooks: ours then stay away.
 */
void
SsNotifierForked(void)
{
    Notifier *notifierPtr;
    int ours = SsLoopIsOurs();
    void *data;

    for (notifierPtr = firstPtr; notifierPtr != NULL;
	    notifierPtr = notifierPtr->nextPtr) {
	CloseDescriptor(&notifierPtr->pollFd);
	CloseDescriptor(&notifierPtr->alertFd);
    }
    if (canReplace && !ours) {
	data = Tcl_InitNotifier();
	if (data != NULL && *(uint64_t *) data != MAGIC) {
	    inheritedPtr = (TclHandler **) data;
	    ours = 1;
	    Become(&mainNotifier);
	    Tcl_SetNotifier(&hooks);
	}
    }
    firstPtr = currentPtr;
    if (firstPtr != NULL) {
	firstPtr->nextPtr = NULL;
    }
    SsLoopForked(ours);
}
