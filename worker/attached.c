#include "attached.h"
#include "board.h"
#include "fork.h"
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <tcl.h>
#include <unistd.h>

/* The process's.  All guarded by the fork lock. */

static struct {
    int fd;			/* The connection, on the list of those that a
				 * child closes; -1: it isn't attached. */
    int process;		/* Whose all this is, as SsForkCount tells. */
    int number, queue;		/* Names the port's queue, which may be gone. */
    int board;			/* Destroyed with it. */
    Tcl_ThreadId thread;	/* Whose event loop hears it. */
} own = { .fd = -1 };

static __thread int isKnown
	__attribute__((tls_model("initial-exec"))) = 0;
				/* To this thread's event loop. */

static int
IsAttachedLocked(void)
{
    return own.fd >= 0 && own.process == SsForkCount();
}

/* Its queue, ended or not; NULL: it has none any more. */
static SsPort *
PortLocked(void)
{
    return IsAttachedLocked() ? SsPortQueueLocked(own.number, own.queue)
	    : NULL;
}

/*
 * Whether the server has closed its end.  It sends nothing after its answer;
 * what comes all the same is dropped, and descriptors with it.
 */
static int
IsOver(int fd)
{
    char byte;
    ssize_t length;

    do {
	length = recv(fd, &byte, 1, MSG_DONTWAIT);
    } while (length > 0 || (length < 0 && errno == EINTR));
    return length == 0 || errno != EAGAIN;
}

static void
RetireLocked(SsPort *portPtr)
{
    if (!portPtr->ended) {
	SsPortEndLocked(portPtr);
    }
    SsBoardRetireLocked();
}

const SsPort *
SsAttachedPortLocked(void)
{
    SsPort *portPtr = PortLocked();

    if (portPtr == NULL || SsPortAtEndLocked(portPtr)) {
	return NULL;
    }
    if (IsOver(own.fd)) {
	RetireLocked(portPtr);
	return NULL;
    }
    return portPtr;
}

void
SsAttachedRetire(SsPort *portPtr)
{
    SsForkLock();
    if (portPtr == PortLocked()) {
	RetireLocked(portPtr);
    }
    SsForkUnlock();
}

void
SsAttachedLook(SsPort *portPtr)
{
    if (own.fd < 0) {
	return;
    }
    SsForkLock();
    if (portPtr == PortLocked() && !portPtr->ended && IsOver(own.fd)) {
	RetireLocked(portPtr);
    }
    SsForkUnlock();
}

void
SsAttachedWait(SsPlace *placePtr)
{
    const SsPort *portPtr;

    if (own.fd < 0) {
	return;
    }
    SsForkLock();
    portPtr = PortLocked();
    if (portPtr != NULL && !portPtr->ended) {
	SsPlaceAlso(placePtr, own.fd);
    }
    SsForkUnlock();
}

/* It is this process's, or what stands in for its parent's. */
void
SsAttachedEnd(void)
{
    int isOurs, board = own.board, fd = own.fd;

    if (fd < 0) {
	return;
    }
    if (own.thread == Tcl_GetCurrentThread()) {
	Tcl_DeleteFileHandler(fd);
    }
    SsInterruptEnd();
    SsForkLock();
    isOurs = IsAttachedLocked();
    if (isOurs) {
	SsForkKeeps(fd);
    }
    close(fd);
    own.fd = -1;
    SsForkUnlock();
    SsBoardDestroy(board);
}

/* Once nothing of its queue is in use here any more. */
static int
IsDone(void)
{
    const SsPort *portPtr;
    int isDone;

    SsForkLock();
    portPtr = PortLocked();
    isDone = (portPtr == NULL || (portPtr->ended && portPtr->queueFd < 0));
    SsForkUnlock();
    return isDone;
}

static void
FileProc(void *clientData, int mask)
{
    SsPort *portPtr;

    (void) clientData;
    (void) mask;
    SsForkLock();
    portPtr = PortLocked();
    if (portPtr != NULL && IsOver(own.fd)) {
	RetireLocked(portPtr);
	Tcl_DeleteFileHandler(own.fd);
    }
    SsForkUnlock();
}

/* The event loop is about to wait: perhaps that of a child. */
static void
SetupProc(void *clientData, int flags)
{
    (void) clientData;
    (void) flags;
    if (own.fd >= 0 && own.thread == Tcl_GetCurrentThread() && IsDone()) {
	SsAttachedEnd();
    }
}

static void
CheckProc(void *clientData, int flags)
{
    (void) clientData;
    (void) flags;
}

/* Nobody would hear the connection, nor end it. */
static void
ThreadExitProc(void *clientData)
{
    SsPort *portPtr;

    (void) clientData;
    isKnown = 0;
    if (own.fd < 0 || own.thread != Tcl_GetCurrentThread()) {
	return;
    }
    SsForkLock();
    portPtr = PortLocked();
    if (portPtr != NULL) {
	RetireLocked(portPtr);
    }
    SsForkUnlock();
    SsAttachedEnd();
}

void
SsAttachedBegin(SsPort *portPtr, int fd, int board)
{
    SsForkLock();
    own.fd = fd;
    own.process = SsForkCount();
    own.number = portPtr->number;
    own.queue = portPtr->queue;
    own.board = board;
    own.thread = Tcl_GetCurrentThread();
    SsForkUnlock();
    if (!isKnown) {
	isKnown = 1;
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
	Tcl_CreateThreadExitHandler(ThreadExitProc, NULL);
    }
    Tcl_CreateFileHandler(fd, TCL_READABLE, FileProc, NULL);
}

/* It is closed already, being on the list. */
void
SsAttachedForget(void)
{
    SsForkSilence(own.fd);
}
