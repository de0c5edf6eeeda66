#include "notifier.h"
#include "files.h"
#include "limit.h"

#include <errno.h>
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
#define SOON 20			/* Milliseconds, for what must be tried
				 * again. */
#define NOT_A_FILE (UINT64_C(1) << 63)
				/* Alone the alert, else with a place. */

/*
 * A thread's place at a queue, shared by those of its requests that are for
 * this queue.
 */

typedef struct SsPlace {
    struct SsPlace *nextPtr;	/* Of the same thread. */
    SsWait wait;
    int queueFd;
    int behind;			/* Go behind the others before it sleeps. */
    SsWatch *firstPtr;		/* Who shares it. */
} SsPlace;

typedef struct Notifier {
    uint64_t magic;		/* First, where Tcl's has a pointer. */
    struct Notifier *nextPtr;
    int pollFd;			/* -1 until the thread first waits. */
    int alertFd;
    atomic_int alerted;
    SsFiles files;
    SsPlace *firstPlacePtr;
} Notifier;

/*
 * All of this process.  Changed by the hooks below, under a lock of Tcl's that
 * also excludes alerts.  A fork in another thread may come in the middle of
 * that, so each change is one assignment.
 */

static Notifier *volatile firstPtr = NULL;

static __thread Notifier *currentPtr
	__attribute__((tls_model("initial-exec"))) = NULL;
				/* This thread's. */
static Notifier mainNotifier;	/* Of the thread that forked the first child,
				 * where nothing may be allocated. */
static Notifier *survivorPtr = NULL;
				/* Of the thread that forked. */
static int isOurs = 0;
static int canReplace = 0;	/* Tcl's list of handlers is as below. */
static struct TclHandler **inheritedPtr = NULL;
				/* That list, until it is taken over. */
static Tcl_FileProc *notInherited;

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

static void	SetTimer(const Tcl_Time *timePtr);
static void	ServiceMode(int mode);
static void *	Init(void);
static void	Finalize(void *clientData);
static void	Alert(void *clientData);
static void	CreateHandler(int fd, int mask, Tcl_FileProc *proc,
		    void *clientData);
static void	DeleteHandler(int fd);
static int	Wait(const Tcl_Time *timePtr);

static Tcl_NotifierProcs hooks = {
    SetTimer, Wait, CreateHandler, DeleteHandler, Init, Finalize, Alert,
    ServiceMode
};

static void
TriedProc(void *clientData, int mask)
{
    (void) clientData;
    (void) mask;
}

static Tcl_ThreadCreateType
TryMain(
    void *clientData)		/* Set to 1 if all is as expected. */
{
    void *data = Tcl_InitNotifier();
    int fd = eventfd(0, EFD_CLOEXEC);
    TclHandler *handlerPtr;

    if (fd >= 0 && fd < FD_SETSIZE && data != NULL
	    && *(TclHandler **) data == NULL) {
	Tcl_CreateFileHandler(fd, TCL_READABLE, TriedProc, clientData);
	handlerPtr = *(TclHandler **) data;
	*(int *) clientData = (handlerPtr != NULL && handlerPtr->fd == fd
		&& handlerPtr->mask == TCL_READABLE
		&& handlerPtr->readyMask == 0
		&& handlerPtr->proc == TriedProc
		&& handlerPtr->clientData == clientData
		&& handlerPtr->nextPtr == NULL);
	Tcl_DeleteFileHandler(fd);
	if (*(TclHandler **) data != NULL) {
	    *(int *) clientData = 0;
	}
    }
    Tcl_FinalizeNotifier(data);
    if (fd >= 0) {
	close(fd);
    }
    Tcl_ExitThread(0);
    TCL_THREAD_CREATE_RETURN;
}

/*
 * Tried on a thread of its own, whose notifier is nobody's else.  Signals are
 * for the application's threads.
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

/*
 * Tcl's own handler has run before ours.  With our hooks set, in a grandchild,
 * it has called Init; that opens nothing.  Another copy of this library may
 * have set its hooks: ours then stay away.
 */
void
SsNotifierForked(Tcl_FileProc *skippedProc)
{
    Notifier *notifierPtr;
    SsPlace *placePtr;
    SsWatch *watchPtr;
    void *data;

    if (!canReplace) {
	return;
    }
    for (notifierPtr = firstPtr; notifierPtr != NULL;
	    notifierPtr = notifierPtr->nextPtr) {
	CloseDescriptor(&notifierPtr->pollFd);
	CloseDescriptor(&notifierPtr->alertFd);
    }
    if (!isOurs) {
	data = Tcl_InitNotifier();
	if (data == NULL || *(uint64_t *) data == MAGIC) {
	    return;
	}
	inheritedPtr = (TclHandler **) data;
	notInherited = skippedProc;
	isOurs = 1;
	Become(&mainNotifier);
	Tcl_SetNotifier(&hooks);
    }
    survivorPtr = currentPtr;
    firstPtr = currentPtr;
    if (currentPtr == NULL) {
	return;
    }
    currentPtr->nextPtr = NULL;
    for (placePtr = currentPtr->firstPlacePtr; placePtr != NULL;
	    placePtr = placePtr->nextPtr) {
	for (watchPtr = placePtr->firstPtr; watchPtr != NULL;
		watchPtr = watchPtr->nextPtr) {
	    watchPtr->wanted = watchPtr->error = 0;
	}
    }
}

int
SsNotifierIsOurs(void)
{
    return isOurs;
}

/* The hooks that Tcl calls. */

static void
SetTimer(const Tcl_Time *timePtr)
{
    (void) timePtr;
}

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
    if (notifierPtr == NULL) {
	return;
    }
    for (linkPtr = &firstPtr; *linkPtr != NULL;
	    linkPtr = (Notifier *volatile *) &(*linkPtr)->nextPtr) {
	if (*linkPtr == notifierPtr) {
	    *linkPtr = notifierPtr->nextPtr;
	    break;
	}
    }
    currentPtr = NULL;
    if (survivorPtr == notifierPtr) {
	survivorPtr = NULL;
    }
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
    static const uint64_t one = 1;
    Notifier *notifierPtr;
    int saved = errno;
    ssize_t written;

    for (notifierPtr = firstPtr; notifierPtr != NULL
	    && (void *) notifierPtr != clientData;
	    notifierPtr = notifierPtr->nextPtr) {
	/* To the one that is meant. */
    }
    if (notifierPtr == NULL) {
	notifierPtr = survivorPtr;
    }
    if (notifierPtr != NULL && atomic_exchange(&notifierPtr->alerted, 1) == 0
	    && notifierPtr->alertFd >= 0) {
	written = write(notifierPtr->alertFd, &one, sizeof(one));
	(void) written;
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
    TclHandler *handlerPtr = *inheritedPtr, *nextPtr;

    *inheritedPtr = NULL;
    inheritedPtr = NULL;
    for (; handlerPtr != NULL; handlerPtr = nextPtr) {
	nextPtr = handlerPtr->nextPtr;
	if (handlerPtr->proc != notInherited) {
	    SsFilesSet(&notifierPtr->files, handlerPtr->fd, handlerPtr->mask,
		    handlerPtr->proc, handlerPtr->clientData);
	}
	Tcl_Free((char *) handlerPtr);
    }
}

static Notifier *
Current(void)
{
    Notifier *notifierPtr = (currentPtr != NULL) ? currentPtr : Init();

    if (inheritedPtr != NULL && notifierPtr == survivorPtr) {
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

    if (timePtr == NULL) {
	return -1;
    }
    left = *timePtr;
    if (left.sec <= 0 && left.usec <= 0) {
	return 0;
    }
    Tcl_QueryTimeProc(&getProc, &scaleProc, &clientData);
    scaleProc(&left, clientData);
    if (left.sec > INT32_MAX / 1000 - 1) {
	return INT32_MAX;
    }
    return (int) (left.sec * 1000 + (left.usec + 999) / 1000);
}

static int
Open(Notifier *notifierPtr)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = NOT_A_FILE };
    int error;

    if (notifierPtr->pollFd >= 0) {
	return 0;
    }
    if (notifierPtr->alertFd < 0) {
	notifierPtr->alertFd = SsAboveStdio(
		eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (notifierPtr->alertFd < 0) {
	    return errno;
	}
    }
    notifierPtr->pollFd = SsAboveStdio(epoll_create1(EPOLL_CLOEXEC));
    if (notifierPtr->pollFd < 0) {
	return errno;
    }
    if (epoll_ctl(notifierPtr->pollFd, EPOLL_CTL_ADD, notifierPtr->alertFd,
	    &event) < 0) {
	error = errno;
	CloseDescriptor(&notifierPtr->pollFd);
	return error;
    }
    SsFilesRenew(&notifierPtr->files);
    return 0;
}

static void
FirePlace(SsPlace *placePtr, int error)
{
    SsWatch *watchPtr;

    for (watchPtr = placePtr->firstPtr; watchPtr != NULL;
	    watchPtr = watchPtr->nextPtr) {
	if (watchPtr->wanted) {
	    watchPtr->error = error;
	    SsWatchFire(watchPtr);
	}
    }
}

/* Without a descriptor to wait with: looks at everything now and then. */
static void
WaitWithout(Notifier *notifierPtr, int timeout, int error)
{
    SsPlace *placePtr;

    if (!atomic_exchange(&notifierPtr->alerted, 0)) {
	poll(NULL, 0, (timeout < 0 || timeout > SOON) ? SOON : timeout);
    }
    SsFilesPoll(&notifierPtr->files);
    for (placePtr = notifierPtr->firstPlacePtr; placePtr != NULL;
	    placePtr = placePtr->nextPtr) {
	FirePlace(placePtr, error);
    }
}

static int
IsWanted(const SsPlace *placePtr)
{
    const SsWatch *watchPtr = placePtr->firstPtr;

    while (watchPtr != NULL && !watchPtr->wanted) {
	watchPtr = watchPtr->nextPtr;
    }
    return watchPtr != NULL;
}

static int
Take(Notifier *notifierPtr, SsPlace *placePtr, int sleeps)
{
    int last = placePtr->behind && sleeps;

    if (sleeps) {
	placePtr->behind = 0;
    }
    if (!last && placePtr->wait.pollFd == notifierPtr->pollFd
	    && placePtr->wait.queueFd == placePtr->queueFd) {
	return 0;
    }
    SsWaitLend(&placePtr->wait, notifierPtr->pollFd);
    return SsWaitJoin(&placePtr->wait, placePtr->queueFd,
	    NOT_A_FILE | (uintptr_t) placePtr, last);
}

/*
 * A thread that will sleep must not be woken for what nobody wants there.  One
 * that won't keeps its place meanwhile.  Returns whether a watch has fired,
 * for want of a place.
 */
static int
Arrange(Notifier *notifierPtr, int sleeps)
{
    SsPlace *placePtr;
    int error, fired = 0;

    for (placePtr = notifierPtr->firstPlacePtr; placePtr != NULL;
	    placePtr = placePtr->nextPtr) {
	if (IsWanted(placePtr)) {
	    error = Take(notifierPtr, placePtr, sleeps);
	    if (error != 0) {
		FirePlace(placePtr, error);
		fired = 1;
	    }
	} else if (sleeps && placePtr->wait.queueFd >= 0) {
	    SsWaitLeave(&placePtr->wait);
	}
    }
    return fired;
}

/*
 * A file that is closed here but open in another process can't be taken off the
 * epoll.
 */
static void
Reopen(Notifier *notifierPtr)
{
    SsPlace *placePtr;

    CloseDescriptor(&notifierPtr->pollFd);
    for (placePtr = notifierPtr->firstPlacePtr; placePtr != NULL;
	    placePtr = placePtr->nextPtr) {
	SsWaitLend(&placePtr->wait, -1);
    }
}

static void
Happened(
    Notifier *notifierPtr,
    const struct epoll_event *events,
    int number)			/* -1: a signal came. */
{
    uint64_t data, count;
    ssize_t got;
    int i, stale = 0;

    for (i = 0; i < number; i++) {
	data = events[i].data.u64;
	if (data == NOT_A_FILE) {
	    got = read(notifierPtr->alertFd, &count, sizeof(count));
	    (void) got;
	} else if (data & NOT_A_FILE) {
	    FirePlace((SsPlace *) (uintptr_t) (data & ~NOT_A_FILE), 0);
	} else if (!SsFilesReady(&notifierPtr->files, data,
		events[i].events)) {
	    stale = 1;
	}
    }
    if (stale) {
	Reopen(notifierPtr);
    }
}

/*
 * Nothing is received here, nor looked for twice: the kernel tells in turn what
 * is ready, connections among the rest.
 */
static int
Wait(const Tcl_Time *timePtr)
{
    Notifier *notifierPtr = Current();
    struct epoll_event events[MOST];
    int timeout = Milliseconds(timePtr);
    int number, error;

    error = Open(notifierPtr);
    if (error != 0) {
	WaitWithout(notifierPtr, timeout, error);
	return 0;
    }
    if (!SsFilesPut(&notifierPtr->files, notifierPtr->pollFd)
	    && (timeout < 0 || timeout > SOON)) {
	timeout = SOON;
    }
    if (notifierPtr->files.numAlways > 0
	    || atomic_load(&notifierPtr->alerted)) {
	timeout = 0;
    }
    if (Arrange(notifierPtr, timeout != 0)) {
	timeout = 0;
    }
    number = epoll_wait(notifierPtr->pollFd, events, MOST, timeout);
    if (atomic_load(&notifierPtr->alerted)) {
	atomic_store(&notifierPtr->alerted, 0);
    }
    Happened(notifierPtr, events, number);
    SsFilesAlwaysReady(&notifierPtr->files);
    return 0;
}

/* Places at queues. */

void
SsNotifierWatch(SsWatch *watchPtr, int queueFd, int last)
{
    Notifier *notifierPtr = Current();
    SsPlace *placePtr = watchPtr->placePtr;

    if (placePtr == NULL) {
	for (placePtr = notifierPtr->firstPlacePtr; placePtr != NULL
		&& placePtr->queueFd != queueFd;
		placePtr = placePtr->nextPtr) {
	    /* To the one at this queue. */
	}
	if (placePtr == NULL) {
	    placePtr = (SsPlace *) Tcl_Alloc(sizeof(SsPlace));
	    memset(placePtr, 0, sizeof(SsPlace));
	    SsWaitInit(&placePtr->wait);
	    placePtr->queueFd = queueFd;
	    placePtr->nextPtr = notifierPtr->firstPlacePtr;
	    notifierPtr->firstPlacePtr = placePtr;
	}
	watchPtr->placePtr = placePtr;
	watchPtr->nextPtr = placePtr->firstPtr;
	placePtr->firstPtr = watchPtr;
    }
    placePtr->behind |= last;
    watchPtr->wanted = 1;
}

void
SsNotifierUnwatch(SsWatch *watchPtr)
{
    SsPlace *placePtr = watchPtr->placePtr, **linkPtr;
    SsWatch **watchLinkPtr;

    if (placePtr == NULL || currentPtr == NULL) {
	return;
    }
    watchPtr->placePtr = NULL;
    for (watchLinkPtr = &placePtr->firstPtr; *watchLinkPtr != watchPtr;
	    watchLinkPtr = &(*watchLinkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *watchLinkPtr = watchPtr->nextPtr;
    if (placePtr->firstPtr != NULL) {
	return;
    }
    for (linkPtr = &currentPtr->firstPlacePtr; *linkPtr != placePtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* The same. */
    }
    *linkPtr = placePtr->nextPtr;
    SsWaitClose(&placePtr->wait);
    Tcl_Free((char *) placePtr);
}
