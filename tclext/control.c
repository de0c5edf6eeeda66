/*
 * control.c --
 *
 *	The commands' side of the control sockets.
 */

#include "control.h"
#include "dispositions.h"
#include "fork.h"
#include "limit.h"
#include "result.h"
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Packet {
    SsControlHeader header;
    char text[SS_PACKET_TEXT + 1];
} Packet;

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

static void
CloseFds(const int *fds, int count)
{
    int i;

    SsForkLock();
    for (i = 0; i < count; i++) {
	SsForkKeeps(fds[i]);
	close(fds[i]);
    }
    SsForkUnlock();
}

/* Sends a request; returns 0 or an errno.  The other end always reads. */

static int
Send(const SsCall *callPtr)
{
    const char *text = (callPtr->text == NULL) ? "" : callPtr->text;
    size_t left = strlen(text), length;
    Packet packet = { .header = { .id = ++own.lastId } };

    if (left > SS_CONTROL_TEXT) {
	return EMSGSIZE;
    }
    strcpy(packet.header.name, callPtr->name);
    memcpy(packet.header.numbers, callPtr->numbers, sizeof(callPtr->numbers));
    do {
	length = (left < SS_PACKET_TEXT) ? left : SS_PACKET_TEXT;
	memcpy(packet.text, text, length);
	text += length;
	left -= length;
	packet.header.more = (left > 0);
	length += offsetof(Packet, text);
	while (send(own.fd, &packet, length, MSG_NOSIGNAL) < 0) {
	    if (errno != EINTR) {
		return errno;
	    }
	}
    } while (left > 0);
    return 0;
}

/* Takes over the descriptors of a packet, as many as there is room for. */

static void
KeepLocked(struct cmsghdr *rightsPtr, SsCall *callPtr)
{
    const int *fds = (const int *) CMSG_DATA(rightsPtr);
    size_t i, count = (rightsPtr->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fd;

    for (i = 0; i < count; i++) {
	fd = SsAboveStdio(fds[i]);
	if (fd < 0) {
	    callPtr->isCut = 1;
	    continue;
	}
	SsForkCloses(fd);
	callPtr->fds[callPtr->numFds++] = fd;
    }
}

/*
 * Takes a packet without waiting; its text ends with a NUL.  Returns 0 or an
 * errno; EPIPE: the server is gone.  Under the lock, so that no child gets
 * descriptors that are not on the list yet.
 */

static int
Receive(Packet *packetPtr, SsCall *callPtr)
{
    struct iovec part = {
	packetPtr, offsetof(Packet, text) + SS_PACKET_TEXT
    };
    union {
	struct cmsghdr header;	/* For its alignment. */
	char bytes[CMSG_SPACE(SS_PACKET_FDS * sizeof(int))];
    } rights;
    struct msghdr message = {
	.msg_iov = &part, .msg_iovlen = 1,
	.msg_control = rights.bytes, .msg_controllen = sizeof(rights)
    };
    ssize_t length;
    int error = 0;

    SsForkLock();
    length = recvmsg(own.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length <= 0) {
	error = (length == 0) ? EPIPE : errno;
    } else if (CMSG_FIRSTHDR(&message) != NULL) {
	KeepLocked(CMSG_FIRSTHDR(&message), callPtr);
    }
    callPtr->isCut |= ((message.msg_flags & MSG_CTRUNC) != 0);
    SsForkUnlock();
    if (error == 0) {
	((char *) packetPtr)[length] = '\0';
    }
    return error;
}

/* Whether the port has a pool, which tells the interpreter's result. */

static int
IsPools(Tcl_Interp *interp, int port)
{
    Tcl_Obj *words[3] = {
	Tcl_NewStringObj("::socketserver::pool::Hear", -1),
	Tcl_NewIntObj(port), Tcl_GetObjResult(interp)
    };
    int i, isPools = 0;

    for (i = 0; i < 3; i++) {
	Tcl_IncrRefCount(words[i]);
    }
    if (Tcl_EvalObjv(interp, 3, words, TCL_EVAL_GLOBAL) != TCL_OK
	    || Tcl_GetBooleanFromObj(NULL, Tcl_GetObjResult(interp), &isPools)
	    != TCL_OK) {
	isPools = 0;
    }
    for (i = 0; i < 3; i++) {
	Tcl_DecrRefCount(words[i]);
    }
    Tcl_ResetResult(interp);
    return isPools;
}

/* Tells what the server has to say, in the interpreter that it concerns. */

static void
Tell(const Packet *packetPtr)
{
    const SsControlHeader *headerPtr = &packetPtr->header;
    Tcl_Interp *interp = NULL;
    Tcl_InterpState state;
    int port = 0;

    if (headerPtr->id == 0) {
	interp = noticeProc(headerPtr->numbers, &port);
    }
    if (interp == NULL) {
	return;
    }
    state = Tcl_SaveInterpState(interp, TCL_OK);
    Tcl_ResetResult(interp);
    Raise(interp, headerPtr->posix, headerPtr->name, packetPtr->text);
    if (!IsPools(interp, port)) {
	Raise(interp, headerPtr->posix, headerPtr->name, packetPtr->text);
	Tcl_BackgroundException(interp, TCL_ERROR);
    }
    Tcl_RestoreInterpState(interp, state);
}

static void
Close(void)
{
    if (own.fd >= 0) {
	Tcl_DeleteFileHandler(own.fd);
	CloseFds(&own.fd, 1);
	own.fd = -1;
    }
}

/* Hears what the server tells unasked, if it is this process's. */

static void
Look(void)
{
    SsCall none = { .numFds = 0 };
    Packet packet;
    int error;

    if (own.process != SsForkCount()) {
	return;
    }
    while ((error = Receive(&packet, &none)) == 0) {
	Tell(&packet);
    }
    if (error == EPIPE) {
	Close();
    }
    CloseFds(none.fds, none.numFds);
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
Take(Tcl_Interp *interp, const Packet *packetPtr, SsCall *callPtr)
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
    CloseFds(callPtr->fds, callPtr->numFds);
    if (undo.name != NULL) {
	memcpy(undo.numbers, callPtr->numbers, sizeof(undo.numbers));
	SsAsk(interp, &undo);
    }
    return Fail(interp, EMFILE, "can't take the server's answer");
}

int
SsAsk(Tcl_Interp *interp, SsCall *callPtr)
{
    struct pollfd look = { .events = POLLIN };
    Packet packet;
    int error, isAnswer;

    SsDispositionsOnStack();
    if (Open(interp) != TCL_OK) {
	return TCL_ERROR;
    }
    error = Send(callPtr);
    if (error != 0) {
	return Lost(interp, error, "can't ask the server");
    }
    Tcl_ResetResult(interp);
    look.fd = own.fd;
    do {
	error = Receive(&packet, callPtr);
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
    return Take(interp, &packet, callPtr);
}

void
SsControlNotices(SsNoticeProc *proc)
{
    noticeProc = proc;
}

/*
 * The descriptors are closed already, being on the list.  But Tcl's notifier
 * still waits for the one of this thread: closed it would make select fail,
 * and another file that got the number would be taken for it.
 */

void
SsControlForget(void)
{
    int silent = (own.fd < 0) ? -1 : eventfd(0, EFD_CLOEXEC);

    if (silent >= 0 && silent != own.fd) {
	dup3(silent, own.fd, O_CLOEXEC);
	close(silent);
    }
}
