/*
 * passed.c --
 *
 *	Listening sockets that this process was started with, or has.
 */

#include "passed.h"
#include "arguments.h"
#include "fork.h"
#include "result.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST (2 * SS_PACKET_FDS)	/* Half of them by number. */

typedef struct Passed {
    int fd;
    int isClaimed;
    int wasPassed;		/* 0: it is here only while it is claimed. */
    char name[256];
} Passed;

static Passed passed[MOST];	/* Guarded by the fork lock, as what follows. */
static int numPassed = 0;

static void
AddLocked(int fd, const char *name, int wasPassed)
{
    Passed *passedPtr = &passed[numPassed++];

    passedPtr->fd = fd;
    passedPtr->isClaimed = !wasPassed;
    passedPtr->wasPassed = wasPassed;
    snprintf(passedPtr->name, sizeof(passedPtr->name), "%s", name);
    SsForkCloses(fd);
}

/* The order stays. */
static void
RemoveLocked(Passed *passedPtr)
{
    SsForkKeeps(passedPtr->fd);
    numPassed--;
    memmove(passedPtr, passedPtr + 1,
	    (size_t) (passed + numPassed - passedPtr) * sizeof(Passed));
}

/* NULL: it isn't here. */
static Passed *
FindLocked(int fd)
{
    int i = 0;

    while (i < numPassed && passed[i].fd != fd) {
	i++;
    }
    return (i < numPassed) ? &passed[i] : NULL;
}

void
SsPassedInit(const SsStarted *startedPtr)
{
    int i;

    SsForkLock();
    for (i = 0; i < startedPtr->numPassed && numPassed < SS_PACKET_FDS; i++) {
	AddLocked(startedPtr->passed[i].fd, startedPtr->passed[i].name, 1);
    }
    SsForkUnlock();
}

/* The number that a name is, or -1. */
static int
NumberOf(const char *name)
{
    size_t length = strspn(name, "0123456789");

    return (length > 0 && length < 8 && name[length] == '\0') ? atoi(name)
	    : -1;
}

/* One by its number; returns whether it can be had. */
static int
ClaimNumberLocked(int fd)
{
    Passed *passedPtr = FindLocked(fd);
    int flags = fcntl(fd, F_GETFD);

    if (fd < 3 || flags < 0 || (passedPtr == NULL ? numPassed == MOST
	    : passedPtr->isClaimed)) {
	return 0;
    }
    if (passedPtr != NULL) {
	passedPtr->isClaimed = 1;
    } else {
	fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	AddLocked(fd, "", 0);
    }
    return 1;
}

int
SsPassedClaim(const char *name, int *fds, int *countPtr)
{
    int i, number = NumberOf(name), before = *countPtr, isFull = 0;

    SsForkLock();
    if (number >= 0 && *countPtr < SS_PACKET_FDS
	    && ClaimNumberLocked(number)) {
	fds[(*countPtr)++] = number;
    }
    for (i = 0; i < numPassed && number < 0; i++) {
	if (strcmp(passed[i].name, name) != 0 || passed[i].isClaimed) {
	    continue;
	}
	isFull |= (*countPtr == SS_PACKET_FDS);
	if (!isFull) {
	    passed[i].isClaimed = 1;
	    fds[(*countPtr)++] = passed[i].fd;
	}
    }
    isFull |= (number >= 0 && before == SS_PACKET_FDS);
    SsForkUnlock();
    return isFull ? -1 : *countPtr - before;
}

void
SsPassedGiveBack(const int *fds, int count)
{
    Passed *passedPtr;
    int i;

    SsForkLock();
    for (i = 0; i < count; i++) {
	passedPtr = FindLocked(fds[i]);
	if (passedPtr != NULL && !passedPtr->wasPassed) {
	    RemoveLocked(passedPtr);
	} else if (passedPtr != NULL) {
	    passedPtr->isClaimed = 0;
	}
    }
    SsForkUnlock();
}

void
SsPassedTaken(const int *fds, int count)
{
    Passed *passedPtr;
    int i;

    SsForkLock();
    for (i = 0; i < count; i++) {
	passedPtr = FindLocked(fds[i]);
	if (passedPtr != NULL) {
	    RemoveLocked(passedPtr);
	    close(fds[i]);
	}
    }
    SsForkUnlock();
}

Tcl_Obj *
SsPassedNames(void)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj(), *listPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj *keyPtr, *valuePtr;
    Tcl_DictSearch search;
    int i, done;

    /* Several have one name; the keys of a dict are there once. */
    SsForkLock();
    for (i = 0; i < numPassed; i++) {
	if (!passed[i].isClaimed) {
	    SsPutNumber(dictPtr, passed[i].name, 1);
	}
    }
    SsForkUnlock();
    Tcl_DictObjFirst(NULL, dictPtr, &search, &keyPtr, &valuePtr, &done);
    for (; !done; Tcl_DictObjNext(&search, &keyPtr, &valuePtr, &done)) {
	Tcl_ListObjAppendElement(NULL, listPtr, keyPtr);
    }
    Tcl_DecrRefCount(dictPtr);
    return listPtr;
}

int
SsPassedLacks(Tcl_Interp *interp, const char *name)
{
    Tcl_Obj *namesPtr = SsPassedNames();
    const char *names = Tcl_GetString(namesPtr);

    if (names[0] == '\0') {
	names = "none";
    }
    if (NumberOf(name) >= 0) {
	SsErrorOurs(interp, "NOFD", "no descriptor %.100s is open that isn't"
		" used already: sockets that were passed and are free: %s",
		name, names);
    } else {
	SsErrorOurs(interp, "NOFD", "no socket \"%.100s\" was passed to this"
		" process, or it is used already: free are: %s", name, names);
    }
    Tcl_DecrRefCount(namesPtr);
    return TCL_ERROR;
}

void
SsPassedClose(void)
{
    int i, fd;

    SsForkLock();
    for (i = numPassed - 1; i >= 0; i--) {
	if (!passed[i].isClaimed) {
	    fd = passed[i].fd;
	    RemoveLocked(&passed[i]);
	    close(fd);
	}
    }
    SsForkUnlock();
}

void
SsPassedForget(void)
{
    numPassed = 0;
}
