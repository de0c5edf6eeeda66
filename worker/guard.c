//go:build tcl9

#include "guard.h"
#include "channel.h"
#include "limit.h"
#include "result.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An interpreter that is nobody's child: it and its children are guarded. */
typedef struct Guarded {
    struct Guarded *nextPtr;	/* Of the same thread. */
    Tcl_Interp *interp;
} Guarded;

static __thread Guarded *firstPtr
	__attribute__((tls_model("initial-exec"))) = NULL;

static _Atomic int idleFd = -1;	/* A socket of nobody's, to be shut down; -1:
				 * nothing is guarded yet. */

/* Tcl's "interp", of one kind or the other: NULL, it is of the other. */

static Tcl_ObjCmdProc *_Atomic interpProc = NULL;
static Tcl_ObjCmdProc2 *_Atomic interpProc2 = NULL;

/* Children have it, too.  Whether there is one. */
static int
HasIdle(void)
{
    int none = -1, fd;

    if (idleFd < 0) {
	fd = SsAboveStdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd >= 0 && !atomic_compare_exchange_strong(&idleFd, &none, fd)) {
	    close(fd);
	}
    }
    return idleFd >= 0;
}

static void
InterpDeleted(void *clientData, Tcl_Interp *interp)
{
    Guarded **linkPtr = &firstPtr, *guardedPtr;

    (void) clientData;
    while (*linkPtr != NULL && (*linkPtr)->interp != interp) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    guardedPtr = *linkPtr;
    if (guardedPtr != NULL) {
	*linkPtr = guardedPtr->nextPtr;
	Tcl_Free((char *) guardedPtr);
    }
}

/* Not one that somebody has put in its place: that has data. */
static void
FindInterpProc(Tcl_Interp *interp)
{
    Tcl_CmdInfo info;

    if (!Tcl_GetCommandInfo(interp, "::interp", &info)) {
	return;
    }
    if (info.isNativeObjectProc == 2) {
	if (info.objClientData2 == NULL) {
	    interpProc2 = info.objProc2;
	}
    } else if (info.objClientData == NULL) {
	interpProc = info.objProc;
    }
}

void
SsGuardBegin(Tcl_Interp *interp)
{
    Guarded *guardedPtr;

    FindInterpProc(interp);
    while (Tcl_GetParent(interp) != NULL) {
	interp = Tcl_GetParent(interp);
    }
    InterpDeleted(NULL, interp);
    guardedPtr = (Guarded *) Tcl_Alloc(sizeof(Guarded));
    *guardedPtr = (Guarded) { .nextPtr = firstPtr, .interp = interp };
    firstPtr = guardedPtr;
    Tcl_DontCallWhenDeleted(interp, InterpDeleted, NULL);
    Tcl_CallWhenDeleted(interp, InterpDeleted, NULL);
}

Tcl_Interp *
SsGuardInterp(void)
{
    return (firstPtr != NULL) ? firstPtr->interp : NULL;
}

/* Whether it can be written to, as far as can be told without trying. */
static int
IsWritable(int fd)
{
    struct pollfd state = { .fd = fd, .events = POLLOUT };

    return poll(&state, 1, 0) > 0 && state.revents == POLLOUT;
}

/* Tcl has no error to report any more when it flushes itself. */
static void
Flush(Tcl_Channel channel)
{
    Tcl_Interp *interp = SsGuardInterp();
    Tcl_InterpState state;

    if (Tcl_Flush(channel) == TCL_OK || interp == NULL) {
	return;
    }
    state = Tcl_SaveInterpState(interp, TCL_OK);
    SsErrorPosix(interp, Tcl_GetErrno(), "error flushing \"%s\": %m",
	    Tcl_GetChannelName(channel));
    Tcl_BackgroundException(interp, TCL_ERROR);
    Tcl_RestoreInterpState(interp, state);
}

/* Whether nothing is to be written to it any more. */
static int
IsFlushed(Tcl_Channel channel, int fd)
{
    if (Tcl_OutputBuffered(channel) > 0 && IsWritable(fd)) {
	Flush(channel);
    }
    return Tcl_OutputBuffered(channel) == 0;
}

/*
 * Tcl closes the channel, and will shut down whatever has this number.  What is
 * still to be written must go to the socket itself: where it can't be now, that
 * is shut down; so it is where something is stacked on it, which writes when it
 * is closed, later.  Tcl finds a handler of a listening socket by number, and
 * the epoll would no more.
 */
static void
CloseProc(
    void *clientData)		/* The channel. */
{
    Tcl_Channel channel = (Tcl_Channel) clientData;
    void *handle;
    int fd;

    if (Tcl_GetTopChannel(channel) != channel
	    || Tcl_GetChannelHandle(channel, TCL_READABLE, &handle)
	    != TCL_OK) {
	return;
    }
    fd = (int) (intptr_t) handle;
    if (IsFlushed(channel, fd)) {
	Tcl_DeleteFileHandler(fd);
	dup3(idleFd, fd, O_CLOEXEC);
    }
}

/* Ours shuts nothing down. */
static void
Guard(Tcl_Interp *interp, const char *name)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, name, NULL);

    if (channel != NULL && SsChannelFind(interp, name) == NULL
	    && strcmp(Tcl_ChannelName(Tcl_GetChannelType(channel)), "tcp")
	    == 0 && HasIdle()) {
	Tcl_DeleteCloseHandler(channel, CloseProc, channel);
	Tcl_CreateCloseHandler(channel, CloseProc, channel);
    }
}

static void	GuardInterp(Tcl_Interp *interp);

/*
 * Nothing is evaluated: that would take notice of limits, and of what is to end
 * a script.
 */
static int
ListChildren(Tcl_Interp *interp)
{
    Tcl_Obj *words[] = {
	Tcl_NewStringObj("interp", -1), Tcl_NewStringObj("children", -1)
    };
    int code;

    Tcl_IncrRefCount(words[0]);
    Tcl_IncrRefCount(words[1]);
    code = (interpProc2 != NULL) ? interpProc2(NULL, interp, 2, words)
	    : (interpProc != NULL) ? interpProc(NULL, interp, 2, words)
	    : TCL_ERROR;
    Tcl_DecrRefCount(words[0]);
    Tcl_DecrRefCount(words[1]);
    return code;
}

/* By a name, which is the one word of its path. */
static Tcl_Interp *
Child(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Obj *pathPtr = Tcl_NewListObj(1, &namePtr);
    Tcl_Interp *childPtr;

    Tcl_IncrRefCount(pathPtr);
    childPtr = Tcl_GetChild(interp, Tcl_GetString(pathPtr));
    Tcl_DecrRefCount(pathPtr);
    return childPtr;
}

static void
GuardChildren(Tcl_Interp *interp)
{
    Tcl_Obj *listPtr, **names;
    Tcl_Size i, count;
    Tcl_Interp *childPtr;

    if (ListChildren(interp) != TCL_OK) {
	return;
    }
    listPtr = Tcl_GetObjResult(interp);
    Tcl_IncrRefCount(listPtr);
    if (Tcl_ListObjGetElements(NULL, listPtr, &count, &names) == TCL_OK) {
	for (i = 0; i < count; i++) {
	    childPtr = Child(interp, names[i]);
	    if (childPtr != NULL) {
		GuardInterp(childPtr);
	    }
	}
    }
    Tcl_DecrRefCount(listPtr);
}

static void
GuardInterp(Tcl_Interp *interp)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);
    Tcl_Obj *listPtr, **names;
    Tcl_Size i, count;

    if (Tcl_GetChannelNames(interp) == TCL_OK) {
	listPtr = Tcl_GetObjResult(interp);
	Tcl_IncrRefCount(listPtr);
	if (Tcl_ListObjGetElements(NULL, listPtr, &count, &names) == TCL_OK) {
	    for (i = 0; i < count; i++) {
		Guard(interp, Tcl_GetString(names[i]));
	    }
	}
	Tcl_DecrRefCount(listPtr);
    }
    GuardChildren(interp);
    Tcl_RestoreInterpState(interp, state);
}

void
SsGuardAll(void)
{
    Guarded *guardedPtr;

    for (guardedPtr = firstPtr; guardedPtr != NULL;
	    guardedPtr = guardedPtr->nextPtr) {
	GuardInterp(guardedPtr->interp);
    }
}
