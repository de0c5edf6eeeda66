/*
 * Timers: a sorted list for each thread, and one timerfd that is set to the
 * first of them; where the system or Tcl's select has no room for that, one of
 * Tcl's own timers.
 */

#include "timer.h"
#include "clock.h"
#include "fork.h"
#include "limit.h"

#include <sys/timerfd.h>
#include <tcl.h>
#include <unistd.h>

struct SsTimer {
    SsTimer *nextPtr, *previousPtr;
    int64_t due;		/* As SsMilliseconds tells. */
    uint64_t number;		/* In the order in which they were started. */
    SsTimerProc *proc;
    void *clientData;
};

typedef struct ThreadData {
    uint64_t started;
    int isOpen;			/* Whether the rest is set. */
    SsTimer ring;		/* No timer, but next to it are the first that
				 * is due, and the last. */
    int fd;			/* The timerfd, owned; -1: none. */
    Tcl_TimerToken token;	/* Stands in for it, or NULL. */
    int process;		/* Whose all this is: SsForkCount. */
} ThreadData;

static Tcl_ThreadDataKey dataKey;

static Tcl_FileProc FireProc;

static void
Drop(SsTimer *timerPtr)
{
    timerPtr->previousPtr->nextPtr = timerPtr->nextPtr;
    timerPtr->nextPtr->previousPtr = timerPtr->previousPtr;
    Tcl_Free((char *) timerPtr);
}

static void
CloseProc(
    void *clientData)		/* The thread's data. */
{
    ThreadData *dataPtr = (ThreadData *) clientData;

    if (dataPtr->fd >= 0) {
	Tcl_DeleteFileHandler(dataPtr->fd);
	close(dataPtr->fd);
    }
    Tcl_DeleteTimerHandler(dataPtr->token);
    dataPtr->isOpen = 0;
    while (dataPtr->ring.nextPtr != &dataPtr->ring) {
	Drop(dataPtr->ring.nextPtr);
    }
}

static void
Close(ThreadData *dataPtr)
{
    Tcl_DeleteThreadExitHandler(CloseProc, dataPtr);
    CloseProc(dataPtr);
}

/* What came through a fork is dropped here: the descriptor is the parent's. */
static ThreadData *
GetData(void)
{
    ThreadData *dataPtr = (ThreadData *) Tcl_GetThreadData(&dataKey,
	    sizeof(ThreadData));

    if (dataPtr->isOpen && dataPtr->process != SsForkCount()) {
	Close(dataPtr);
    }
    return dataPtr;
}

static void
FireWithoutProc(
    void *clientData)		/* The thread's data. */
{
    ((ThreadData *) clientData)->token = NULL;
    FireProc(clientData, 0);
}

/* Sets the descriptor to the first timer; without one it stays as it is. */
static void
Arm(ThreadData *dataPtr)
{
    struct itimerspec when = { { 0, 0 }, { 0, 0 } };
    int64_t left;

    if (dataPtr->ring.nextPtr == &dataPtr->ring) {
	return;
    }
    left = dataPtr->ring.nextPtr->due - SsMilliseconds();
    if (left < 0) {
	left = 0;
    }
    if (dataPtr->fd < 0) {
	Tcl_DeleteTimerHandler(dataPtr->token);
	dataPtr->token = Tcl_CreateTimerHandler((int) left, FireWithoutProc,
		dataPtr);
	return;
    }
    when.it_value.tv_sec = (time_t) (left / 1000);
    when.it_value.tv_nsec = (long) (left % 1000) * 1000000
	    + (left == 0);	/* 0 would be none. */
    timerfd_settime(dataPtr->fd, 0, &when, NULL);
}

static void
CloseUnused(ThreadData *dataPtr)
{
    if (dataPtr->isOpen && dataPtr->ring.nextPtr == &dataPtr->ring) {
	Close(dataPtr);
    }
}

/*
 * Fires what is due.  What is started meanwhile has its turn the next time,
 * so that files and others have theirs.
 */
static void
FireProc(
    void *clientData,		/* The thread's data. */
    int mask)
{
    ThreadData *dataPtr = (ThreadData *) clientData;
    uint64_t latest = dataPtr->started;
    uint64_t expirations;
    int64_t now;
    SsTimer fired, *timerPtr;
    ssize_t count;

    (void) mask;
    if (GetData()->isOpen == 0) {
	return;			/* Another process's. */
    }
    if (dataPtr->fd >= 0) {
	count = read(dataPtr->fd, &expirations, sizeof(expirations));
	(void) count;
    }
    now = SsMilliseconds();
    while ((timerPtr = dataPtr->ring.nextPtr) != &dataPtr->ring
	    && timerPtr->due <= now && timerPtr->number <= latest) {
	fired = *timerPtr;
	Drop(timerPtr);
	Arm(dataPtr);
	fired.proc(fired.clientData);
	if (!GetData()->isOpen) {
	    return;		/* Or it has come back in a forked child. */
	}
    }
    Arm(dataPtr);
    CloseUnused(dataPtr);
}

static void
Open(ThreadData *dataPtr)
{
    int bound = SsDescriptorBound();
    int fd = SsAboveStdio(timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK));

    if (bound > 0 && fd >= bound) {
	close(fd);
	fd = -1;
    }
    dataPtr->ring.nextPtr = dataPtr->ring.previousPtr = &dataPtr->ring;
    dataPtr->fd = fd;
    dataPtr->token = NULL;
    dataPtr->isOpen = 1;
    dataPtr->process = SsForkCount();
    if (fd >= 0) {
	Tcl_CreateFileHandler(fd, TCL_READABLE, FireProc, dataPtr);
    }
    Tcl_CreateThreadExitHandler(CloseProc, dataPtr);
}

SsTimer *
SsTimerStart(int64_t milliseconds, SsTimerProc *proc, void *clientData)
{
    ThreadData *dataPtr = GetData();
    SsTimer *timerPtr, *beforePtr;

    if (!dataPtr->isOpen) {
	Open(dataPtr);
    }
    timerPtr = (SsTimer *) Tcl_Alloc(sizeof(SsTimer));
    timerPtr->due = SsMilliseconds() + milliseconds;
    timerPtr->number = ++dataPtr->started;
    timerPtr->proc = proc;
    timerPtr->clientData = clientData;

    /* Most are as long as the one before, so the place is near the end. */
    beforePtr = dataPtr->ring.previousPtr;
    while (beforePtr != &dataPtr->ring && beforePtr->due > timerPtr->due) {
	beforePtr = beforePtr->previousPtr;
    }
    timerPtr->previousPtr = beforePtr;
    timerPtr->nextPtr = beforePtr->nextPtr;
    timerPtr->nextPtr->previousPtr = beforePtr->nextPtr = timerPtr;
    if (beforePtr == &dataPtr->ring) {
	Arm(dataPtr);
    }
    return timerPtr;
}

void
SsTimerCancel(SsTimer *timerPtr)
{
    ThreadData *dataPtr = GetData();

    Drop(timerPtr);
    CloseUnused(dataPtr);
}

void
SsTimersForget(void)
{
    (void) GetData();
}
