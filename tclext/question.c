/*
 * question.c --
 *
 *	What a worker asks its server.
 */

#include "question.h"
#include "await.h"
#include "fork.h"
#include "named_port.h"
#include "result.h"
#include "return.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 15000		/* Milliseconds, more than the server has. */

/* Makes a pair that no child of another thread gets.  Returns 0 or an errno. */

static int
Open(int ends[2])
{
    int error = 0;

    SsForkLock();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
	error = errno;
    } else {
	SsForkCloses(ends[0]);
	SsForkCloses(ends[1]);
    }
    SsForkUnlock();
    return error;
}

static void
Close(int fd)
{
    SsForkLock();
    SsForkKeeps(fd);
    close(fd);
    SsForkUnlock();
}

/*
 * Gives the server its end of a pair, and returns our own, or -1 with errno.
 */

static int
Begin(const SsPort *portPtr)
{
    int ends[2], error = Open(ends);

    if (error == 0) {
	error = SsReturnAsk(portPtr, ends[1]);
	Close(ends[1]);
	if (error == 0) {
	    return ends[0];
	}
	Close(ends[0]);
    }
    errno = error;
    return -1;
}

/* Asks on our end of a pair.  Returns 0 or an errno. */

static int
Ask(int fd, const char *request, SsControlHeader *headerPtr, Tcl_Obj *textPtr)
{
    SsControlHeader question = { .id = 1 };
    SsPacketFds none = { .fds = NULL };
    size_t i;
    int error;

    for (i = 0; request[i] != '\0' && i < sizeof(question.name) - 1; i++) {
	question.name[i] = request[i];
    }
    error = SsPacketsSend(fd, &question, "", NULL, 0);
    return (error != 0) ? error : SsAwaitAnswer(fd, PATIENCE,
	    SS_CONTROL_TEXT, headerPtr, textPtr, &none);
}

/* What the server said why not, made an error here. */

static int
Refused(Tcl_Interp *interp, const SsPort *portPtr,
    const SsControlHeader *headerPtr, Tcl_Obj *textPtr)
{
    const char *reason = headerPtr->name;

    while (isalnum((unsigned char) *reason)) {
	reason++;
    }
    return SsErrorOurs(interp, (*reason == '\0') ? headerPtr->name
	    : "SERVER", "the server of %.150s doesn't tell: %.250s",
	    portPtr->called, Tcl_GetString(textPtr));
}

/* Why there is no answer. */

static int
Fail(Tcl_Interp *interp, const SsPort *portPtr, int error)
{
    if (error == EPIPE || error == ECONNRESET || error == ENOTCONN) {
	return SsErrorOurs(interp, "NOPOOL", "%.150s has no pool whose server"
		" can answer now: it has none, has ended, or is asked too much"
		" at a time", portPtr->called);
    }
    return SsErrorPosix(interp, error, "can't ask the server of %.150s: %m",
	    portPtr->called);
}

int
SsQuestionAsk(Tcl_Interp *interp, Tcl_Obj *namePtr, const char *request)
{
    SsControlHeader header = { .name = "" };
    SsPortUse use;
    Tcl_Obj *textPtr;
    int fd, error, code;

    if (SsNamedPortUse(interp, namePtr, &use) == NULL) {
	return TCL_ERROR;
    }
    textPtr = Tcl_NewObj();
    Tcl_IncrRefCount(textPtr);
    fd = Begin(use.portPtr);
    error = (fd < 0) ? errno : Ask(fd, request, &header, textPtr);
    if (fd >= 0) {
	Close(fd);
    }
    if (error != 0) {
	code = Fail(interp, use.portPtr, error);
    } else if (header.name[0] != '\0') {
	code = Refused(interp, use.portPtr, &header, textPtr);
    } else {
	Tcl_SetObjResult(interp, textPtr);
	code = TCL_OK;
    }
    Tcl_DecrRefCount(textPtr);
    SsNamedPortDrop(&use);
    return code;
}
