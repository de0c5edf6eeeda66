#include "lines.h"
#include "callback.h"
#include "fork.h"
#include "limit.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LONGEST 1000		/* Bytes of a line. */
#define AT_THE_END 16		/* How often it is read before it is closed:
				 * what is in the pipe, not what goes on. */

typedef struct Lines {
    struct Lines *nextPtr;
    Tcl_Interp *interp;		/* Preserved. */
    Tcl_Obj *prefixPtr;
    Tcl_ThreadId thread;	/* Whose event loop reads. */
    int process;		/* Whose this is: SsForkCount. */
    int readFd;			/* Owned; on the list of those that a child
				 * closes. */
    int writeFd;		/* Owned. */
    int length;			/* What there is of a line that goes on. */
    char bytes[5 * LONGEST];
} Lines;

static Lines *firstPtr = NULL;	/* Guarded by the fork lock. */

static void
AppendLine(Tcl_Obj *listPtr, const char *bytes, int length)
{
    Tcl_DString text;

    if (length == 0) {
	return;
    }
    Tcl_ExternalToUtfDString(NULL, bytes, length, &text);
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
	    Tcl_DStringValue(&text), Tcl_DStringLength(&text)));
    Tcl_DStringFree(&text);
}

/* Takes all lines that have ended, and pieces of one that is too long. */
static void
TakeLines(Lines *linesPtr, Tcl_Obj *listPtr)
{
    const char *line = linesPtr->bytes, *end;
    int left = linesPtr->length, length;

    for (;;) {
	length = (left < LONGEST + 1) ? left : LONGEST + 1;
	end = memchr(line, '\n', (size_t) length);
	if (end != NULL) {
	    length = (int) (end - line);
	} else if (length <= LONGEST) {
	    break;
	} else {
	    length = LONGEST;
	}
	AppendLine(listPtr, line, length);
	length += (end != NULL);
	line += length;
	left -= length;
    }
    memmove(linesPtr->bytes, line, (size_t) left);
    linesPtr->length = left;
}

/* Returns whether there was something. */
static int
Read(Lines *linesPtr, Tcl_Obj *listPtr)
{
    ssize_t got = read(linesPtr->readFd, linesPtr->bytes + linesPtr->length,
	    sizeof(linesPtr->bytes) - (size_t) linesPtr->length);

    if (got > 0) {
	linesPtr->length += (int) got;
	TakeLines(linesPtr, listPtr);
    }
    return got > 0;
}

/* What is called may close it. */
static void
FileProc(void *clientData, int mask)
{
    Lines *linesPtr = (Lines *) clientData;
    Tcl_Obj *listPtr, *prefixPtr = linesPtr->prefixPtr;
    Tcl_Size count;

    (void) mask;
    if (linesPtr->process != SsForkCount()) {
	Tcl_DeleteFileHandler(linesPtr->readFd);
	return;
    }
    listPtr = Tcl_NewListObj(0, NULL);
    Tcl_IncrRefCount(listPtr);
    Read(linesPtr, listPtr);
    Tcl_ListObjLength(NULL, listPtr, &count);
    if (count > 0 && !Tcl_InterpDeleted(linesPtr->interp)) {
	Tcl_IncrRefCount(prefixPtr);
	SsCallbackTell(linesPtr->interp, prefixPtr, listPtr);
	Tcl_DecrRefCount(prefixPtr);
    }
    Tcl_DecrRefCount(listPtr);
}

/* Sets the ends, or returns an errno. */
static int
OpenPipeLocked(Lines *linesPtr)
{
    int ends[2], on = 1, error;

    if (pipe2(ends, O_CLOEXEC) < 0) {
	return errno;
    }
    linesPtr->writeFd = SsAboveStdio(ends[1]);
    error = (linesPtr->writeFd < 0) ? errno : 0;
    linesPtr->readFd = SsForEventLoop(ends[0]);
    if (linesPtr->readFd < 0) {
	error = errno;
    }
    if (error == 0 && ioctl(linesPtr->readFd, FIONBIO, &on) == 0) {
	SsForkCloses(linesPtr->readFd);
	return 0;
    }
    error = (error != 0) ? error : errno;
    close(linesPtr->readFd);
    close(linesPtr->writeFd);
    return error;
}

int
SsLinesOpen(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    Lines *linesPtr = (Lines *) Tcl_Alloc(sizeof(Lines));
    int error;

    linesPtr->interp = interp;
    linesPtr->prefixPtr = prefixPtr;
    linesPtr->thread = Tcl_GetCurrentThread();
    linesPtr->process = SsForkCount();
    linesPtr->length = 0;
    SsForkLock();
    error = OpenPipeLocked(linesPtr);
    if (error == 0) {
	linesPtr->nextPtr = firstPtr;
	firstPtr = linesPtr;
    }
    SsForkUnlock();
    if (error != 0) {
	Tcl_Free((char *) linesPtr);
	return SsErrorPosix(interp, error, "can't make a pipe: %m");
    }
    Tcl_Preserve(interp);
    Tcl_IncrRefCount(prefixPtr);
    Tcl_CreateFileHandler(linesPtr->readFd, TCL_READABLE, FileProc, linesPtr);
    Tcl_SetObjResult(interp, Tcl_NewIntObj(linesPtr->writeFd));
    return TCL_OK;
}

/* This thread's; the caller owns it. */
static Lines *
TakeOff(int writeFd)
{
    Lines **linkPtr = &firstPtr, *linesPtr;

    SsForkLock();
    while (*linkPtr != NULL && ((*linkPtr)->writeFd != writeFd
	    || (*linkPtr)->process != SsForkCount()
	    || (*linkPtr)->thread != Tcl_GetCurrentThread())) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    linesPtr = *linkPtr;
    if (linesPtr != NULL) {
	*linkPtr = linesPtr->nextPtr;
    }
    SsForkUnlock();
    return linesPtr;
}

int
SsLinesClose(Tcl_Interp *interp, int writeFd)
{
    Lines *linesPtr = TakeOff(writeFd);
    Tcl_Obj *listPtr;
    int i;

    if (linesPtr == NULL) {
	return SsErrorOurs(interp, "USAGE", "%d is no pipe for lines",
		writeFd);
    }
    listPtr = Tcl_NewListObj(0, NULL);
    for (i = 0; i < AT_THE_END && Read(linesPtr, listPtr); i++) {
	/* It says all. */
    }
    AppendLine(listPtr, linesPtr->bytes, linesPtr->length);
    Tcl_DeleteFileHandler(linesPtr->readFd);
    SsForkLock();
    SsForkKeeps(linesPtr->readFd);
    close(linesPtr->readFd);
    close(linesPtr->writeFd);
    SsForkUnlock();
    Tcl_DecrRefCount(linesPtr->prefixPtr);
    Tcl_Release(linesPtr->interp);
    Tcl_Free((char *) linesPtr);
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/* They are closed already, being on the list. */
void
SsLinesForget(void)
{
    Lines *linesPtr;

    for (linesPtr = firstPtr; linesPtr != NULL; linesPtr = linesPtr->nextPtr) {
	if (linesPtr->process == SsForkCount() - 1) {
	    SsForkSilence(linesPtr->readFd);
	}
    }
}
