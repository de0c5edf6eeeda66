/*
 * control.c --
 *
 *	The commands' side of the control sockets.
 */

#include "control.h"
#include "callback.h"
#include "dispositions.h"
#include "fork.h"
#include "limit.h"
#include "packet.h"
#include "result.h"
#include "start.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A thread's control socket.
 */

typedef struct Control {
    int isKnown;		/* To the thread's event loop. */
    int process;		/* Whose, as SsForkCount tells. */
    int fd;			/* On the list of those that a child closes;
				 * -1: none.  In a child the thread that forked
				 * has something silent under this number, for
				 * as long as Tcl waits for it. */
    uint32_t lastId;
    Tcl_Obj *toldPtr;		/* What has come of a notice's text; NULL:
				 * none has begun. */
} Control;

static __thread Control own __attribute__((tls_model("initial-exec"))) = {
    .fd = -1
};
static SsNoticeProc *noticeProc;

static int
Fail(Tcl_Interp *interp, int error, const char *what)
{
    return SsErrorPosix(interp, error, "%s: %m", what);
}

/* Makes an error of the server's Tcl's. */

static int
Raise(Tcl_Interp *interp, int posix, const char *reason, const char *message)
{
    return (posix != 0) ? SsErrorPosix(interp, posix, "%s", message)
	    : SsErrorOurs(interp, reason, "%s", message);
}

/* Sends a request; returns 0 or an errno.  The other end always reads. */

static int
Send(const SsCall *callPtr)
{
    SsControlHeader header = { .id = ++own.lastId };

    strcpy(header.name, callPtr->name);
    memcpy(header.numbers, callPtr->numbers, sizeof(header.numbers));
    return SsPacketsSend(own.fd, &header,
	    (callPtr->text == NULL) ? "" : callPtr->text,
	    callPtr->sendFds, callPtr->numSendFds);
}

/* Whether the port has a pool, which tells the interpreter's result. */

static int
IsPools(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Obj *words[] = { namePtr, Tcl_GetObjResult(interp) };
    Tcl_Obj *hearPtr = Tcl_NewStringObj("::socketserver::pool::Hear", -1);
    int isPools = 0;

    Tcl_IncrRefCount(hearPtr);
    if (SsCallback(interp, hearPtr, 2, words) != TCL_OK
	    || Tcl_GetBooleanFromObj(NULL, Tcl_GetObjResult(interp), &isPools)
	    != TCL_OK) {
	isPools = 0;
    }
    Tcl_DecrRefCount(hearPtr);
    Tcl_ResetResult(interp);
    return isPools;
}

/* Tells of trouble in the interpreter that it concerns. */

static void
Warn(Tcl_Interp *interp, const SsControlHeader *headerPtr, Tcl_Obj *namePtr,
    const char *text)
{
    Raise(interp, headerPtr->posix, headerPtr->name, text);
    if (!IsPools(interp, namePtr)) {
	Raise(interp, headerPtr->posix, headerPtr->name, text);
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
}

/* Hands a pool what somebody asks of it, or what there is to know. */

static void
Command(Tcl_Interp *interp, const SsControlHeader *headerPtr,
    Tcl_Obj *textPtr)
{
    Tcl_Obj *prefixPtr = Tcl_NewStringObj("::socketserver::pool::Commanded",
	    -1);
    Tcl_Obj *words[] = {
	Tcl_NewWideIntObj(headerPtr->numbers[0]),
	Tcl_NewWideIntObj(headerPtr->numbers[1]), textPtr
    };
    int code;

    Tcl_IncrRefCount(prefixPtr);
    code = SsCallback(interp, prefixPtr, 3, words);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_DecrRefCount(prefixPtr);
}

/* A notice has come whole. */

static void
TellWhole(const SsControlHeader *headerPtr, Tcl_Obj *textPtr)
{
    Tcl_Obj *namePtr = NULL;
    Tcl_Interp *interp = noticeProc(headerPtr, &namePtr);
    Tcl_InterpState state;

    if (namePtr == NULL) {
	namePtr = Tcl_NewObj();
    }
    Tcl_IncrRefCount(namePtr);
    if (interp != NULL) {
	Tcl_Preserve(interp);
	state = Tcl_SaveInterpState(interp, TCL_OK);
	Tcl_ResetResult(interp);
	if (strcmp(headerPtr->name, "COMMAND") == 0) {
	    Command(interp, headerPtr, textPtr);
	} else {
	    Warn(interp, headerPtr, namePtr, Tcl_GetString(textPtr));
	}
	Tcl_RestoreInterpState(interp, state);
	Tcl_Release(interp);
    }
    Tcl_DecrRefCount(namePtr);
}

/*
 * Hears a part of what the server has to say.  Perhaps a request of this thread
 * is being answered: what is told must not ask another.
 */

static void
Tell(const SsPacket *packetPtr)
{
    Tcl_Obj *textPtr;

    if (packetPtr->header.id != 0) {
	return;
    }
    if (own.toldPtr == NULL) {
	own.toldPtr = Tcl_NewObj();
	Tcl_IncrRefCount(own.toldPtr);
    }
    textPtr = own.toldPtr;
    Tcl_AppendToObj(textPtr, packetPtr->text, (int) packetPtr->length);
    if (packetPtr->header.more) {
	return;
    }
    own.toldPtr = NULL;
    TellWhole(&packetPtr->header, textPtr);
    Tcl_DecrRefCount(textPtr);
}

static void
Close(void)
{
    if (own.fd >= 0) {
	Tcl_DeleteFileHandler(own.fd);
	SsForkLock();
	SsForkKeeps(own.fd);
	close(own.fd);
	SsForkUnlock();
	own.fd = -1;
    }
    if (own.toldPtr != NULL) {
	Tcl_DecrRefCount(own.toldPtr);
	own.toldPtr = NULL;
    }
}

/* Hears what the server tells unasked, if it is this process's. */

static void
Look(void)
{
    SsPacketFds none = { .most = 0 };
    SsPacket packet;
    int error;

    if (own.process != SsForkCount()) {
	return;
    }
    while ((error = SsPacketReceive(own.fd, &packet, &none)) == 0) {
	Tell(&packet);
    }
    if (error == EPIPE) {
	Close();
    }
}

static void
FileProc(void *clientData, int mask)
{
    Look();
}

void
SsControlTidy(void)
{
    if (own.process != SsForkCount()) {
	Close();
    }
}

/*
 * Before and after each wait of the thread's event loop.  In a forked child
 * there is nothing to wait for.  Nor can Tcl wait for a descriptor whose number
 * is too high: it looks now and then instead.
 */

static void
SetupProc(void *clientData, int flags)
{
    static const Tcl_Time delay = { 0, 100000 };

    SsControlTidy();
    if (own.fd >= FD_SETSIZE) {
	Tcl_SetMaxBlockTime(&delay);
    }
}

static void
CheckProc(void *clientData, int flags)
{
    if (own.fd >= FD_SETSIZE) {
	Look();
    }
}

/* The calling thread ends. */

static void
Drop(void *clientData)
{
    Close();
    Tcl_DeleteEventSource(SetupProc, CheckProc, NULL);
    own.isKnown = 0;
}

/*
 * Makes a pair of sockets, the caller's, above the standard channels.  Returns
 * 0, or an errno and no pair.
 */

static int
PairLocked(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
	return errno;
    }
    pair[0] = SsAboveStdio(pair[0]);
    pair[1] = SsAboveStdio(pair[1]);
    if (pair[0] >= 0 && pair[1] >= 0) {
	return 0;
    }
    close((pair[0] >= 0) ? pair[0] : pair[1]);
    return EMFILE;
}

/*
 * Opens the calling thread's control socket, and starts the server unless it
 * runs.  With the lock held, so that no child gets what is open for a moment
 * meanwhile.
 */

static int
OpenLocked(Tcl_Interp *interp)
{
    SsStarted started;
    int pair[2], i, code;

    code = PairLocked(pair);
    if (code != 0) {
	return Fail(interp, code, "can't reach the server");
    }
    code = SsStart(pair[1], &started);
    close(pair[1]);
    for (i = 0; i < started.numUseless; i++) {
	SsForkCloses(started.useless[i]);
    }
    if (code < 0) {
	close(pair[0]);
	return Raise(interp, started.posix, "SERVER", started.message);
    }
    own.fd = pair[0];
    own.process = SsForkCount();
    SsForkCloses(own.fd);
    return TCL_OK;
}

/* Opens the calling thread's control socket, unless it is. */

static int
Open(Tcl_Interp *interp)
{
    int code;

    SsControlTidy();
    if (!own.isKnown) {
	own.isKnown = 1;
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
	Tcl_CreateThreadExitHandler(Drop, NULL);
    }
    if (own.fd >= 0) {
	return TCL_OK;
    }
    SsForkLock();
    code = OpenLocked(interp);
    SsForkUnlock();
    if (code == TCL_OK && own.fd < FD_SETSIZE) {
	Tcl_CreateFileHandler(own.fd, TCL_READABLE, FileProc, NULL);
    }
    return code;
}

/*
 * The server couldn't be asked or heard.  That it had no descriptor free for
 * its end of the socket shows in either way; there is another one next time.
 */

static int
Lost(Tcl_Interp *interp, int error, const char *what)
{
    if (error != EPIPE && error != ECONNRESET) {
	return Fail(interp, error, what);
    }
    Close();
    return Fail(interp, EMFILE, "can't reach the server");
}

/* Makes the last packet of an answer the end of a request. */

static int
Take(Tcl_Interp *interp, const SsPacket *packetPtr, SsCall *callPtr)
{
    const SsControlHeader *headerPtr = &packetPtr->header;
    SsCall undo = { .name = callPtr->undo };

    if (headerPtr->name[0] != '\0') {
	return Raise(interp, headerPtr->posix, headerPtr->name,
		packetPtr->text);
    }
    if (!callPtr->isCut) {
	return TCL_OK;
    }
    if (undo.name != NULL) {
	memcpy(undo.numbers, callPtr->numbers, sizeof(undo.numbers));
	SsAsk(interp, &undo);
    }
    return Fail(interp, EMFILE, "can't take the server's answer");
}

/* Waits for the answer to what was asked. */

static int
Hear(Tcl_Interp *interp, SsCall *callPtr, SsPacketFds *fdsPtr)
{
    struct pollfd look = { .fd = own.fd, .events = POLLIN };
    SsPacket packet;
    int error, isAnswer;

    Tcl_ResetResult(interp);
    do {
	error = SsPacketReceive(own.fd, &packet, fdsPtr);
	isAnswer = (error == 0 && packet.header.id == own.lastId);
	if (isAnswer) {
	    Tcl_AppendResult(interp, packet.text, NULL);
	} else if (error == 0) {
	    Tell(&packet);
	} else if (error == EAGAIN) {
	    poll(&look, 1, -1);
	} else if (error != EINTR) {
	    return Lost(interp, error, "can't hear the server");
	}
    } while (!isAnswer || packet.header.more);
    callPtr->isCut = fdsPtr->isCut;
    return Take(interp, &packet, callPtr);
}

int
SsAsk(Tcl_Interp *interp, SsCall *callPtr)
{
    SsPacketFds came = { .fds = callPtr->fds, .most = SS_CONTROL_FDS };
    int error, code;

    SsDispositionsOnStack();
    if (Open(interp) != TCL_OK) {
	return TCL_ERROR;
    }
    error = Send(callPtr);
    code = (error == 0) ? Hear(interp, callPtr, &came)
	    : Lost(interp, error, "can't ask the server");
    if (code != TCL_OK) {
	SsPacketFdsClose(&came);
    }
    callPtr->numFds = came.count;
    return code;
}

void
SsControlNotices(SsNoticeProc *proc)
{
    noticeProc = proc;
}

/* It is closed already, being on the list. */

void
SsControlForget(void)
{
    SsForkSilence(own.fd);
}
