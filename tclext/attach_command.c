/*
 * attach_command.c --
 *
 *	The command ::socketserver::attach: becomes a worker of a server that
 *	didn't fork this process.  Go isn't entered, so that any forked child
 *	may, too.
 */

#include "commands.h"
#include "attached.h"
#include "await.h"
#include "board.h"
#include "clock.h"
#include "connection.h"
#include "counters.h"
#include "fork.h"
#include "interrupt.h"
#include "limit.h"
#include "listener.h"
#include "packet.h"
#include "ports.h"
#include "result.h"
#include "socket_path.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE 15		/* Seconds for the answer. */
#define MOST_TEXT 262144		/* Of an answer. */

/* Its first descriptors; one with UDP sockets has two more, and these. */

enum { QUEUE, RETURN, BOARD, COUNTERS, GATE, TALLY, SOCKETS };

#define MOST_FDS (SS_PACKET_FDS + 1)

/* What a server answers, checked as it is taken. */

typedef struct Offer {
    const char *path;		/* As the user wrote it, for messages. */
    SsControlHeader header;	/* Of the last packet. */
    Tcl_Obj *textPtr;		/* All of the text, owned. */
    int fds[MOST_FDS];		/* As SsPacketFds has them, one too many... */
    SsPacketFds came;		/* ...there. */
    SsSocket sockets[MOST_FDS];
    int numSockets;
    int pid, slot, generation;
    int numListeners;
    SsListener listeners[SS_LISTENERS_MOST];
} Offer;

static int
NotControl(Tcl_Interp *interp, const char *path, const char *why)
{
    return SsErrorOurs(interp, "NOTCONTROL",
	    "can't attach to \"%.150s\": %s: give a server's -control path",
	    path, why);
}

static int
Fail(Tcl_Interp *interp, const char *path, int error)
{
    return SsErrorPosix(interp, error, "can't attach to \"%.150s\": %m", path);
}

/*
 * Reads a path, or the name of an abstract socket behind an "@".  Returns the
 * length of the address, 0: there is a message in the interpreter.
 */

static socklen_t
GetAddress(Tcl_Interp *interp, const char *path,
    struct sockaddr_un *addressPtr)
{
    Tcl_Obj *pathPtr, *nativePtr;
    const char *native, *why = SsSocketPath(path, &pathPtr);
    Tcl_Size length;

    if (why != NULL) {
	SsErrorOurs(interp, "USAGE", "bad path \"%.150s\": %s", path, why);
	return 0;
    }
    nativePtr = Tcl_NewObj();
    Tcl_IncrRefCount(nativePtr);
    SsSocketPathWrite(nativePtr, Tcl_GetString(pathPtr));
    native = Tcl_GetStringFromObj(nativePtr, &length);
    *addressPtr = (struct sockaddr_un) { .sun_family = AF_UNIX };
    memcpy(addressPtr->sun_path, native, (size_t) length);
    if (native[0] == '@') {
	addressPtr->sun_path[0] = '\0';
    } else {
	length++;
    }
    Tcl_DecrRefCount(nativePtr);
    Tcl_DecrRefCount(pathPtr);
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length);
}

/*
 * Opens the connection, which is on the list of those that a child closes;
 * -1 with errno.  It waits neither for room in the backlog nor to send longer
 * than for an answer.
 */

static int
Open(void)
{
    struct timeval patience = { PATIENCE, 0 };
    int fd, error;

    SsForkLock();
    fd = SsForEventLoop(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    error = errno;
    if (fd >= 0) {
	SsForkCloses(fd);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    SsForkUnlock();
    errno = error;
    return fd;
}

static void
Close(int fd)
{
    SsForkLock();
    SsForkKeeps(fd);
    close(fd);
    SsForkUnlock();
}

/* Whether it is this process that listens there. */

static int
IsOwn(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
	    && peer.pid == getpid();
}

static int
Connect(Tcl_Interp *interp, const char *path, int *fdPtr)
{
    struct sockaddr_un address;
    socklen_t length = GetAddress(interp, path, &address);
    int fd, code;

    if (length == 0) {
	return TCL_ERROR;
    }
    fd = Open();
    if (fd < 0) {
	return Fail(interp, path, errno);
    }
    do {
	code = connect(fd, (struct sockaddr *) &address, length);
    } while (code < 0 && errno == EINTR);
    if (code == 0 && !IsOwn(fd)) {
	*fdPtr = fd;
	return TCL_OK;
    }
    if (code == 0) {
	Close(fd);
	return SsErrorOurs(interp, "ATTACHED", "can't attach to \"%.150s\":"
		" it is this process that serves there", path);
    }
    code = (errno == EAGAIN) ? ETIMEDOUT : errno;
    Close(fd);
    return (code == EPROTOTYPE)
	    ? NotControl(interp, path, "who listens there is no server")
	    : Fail(interp, path, code);
}

/* What the server said why not, made an error here. */

static int
Refused(Tcl_Interp *interp, const Offer *offerPtr)
{
    const SsControlHeader *headerPtr = &offerPtr->header;
    const char *at = headerPtr->name, *why = Tcl_GetString(offerPtr->textPtr);

    while (isalnum((unsigned char) *at)) {
	at++;
    }
    if (*at != '\0') {
	return NotControl(interp, offerPtr->path, "an answer that can't be");
    }
    return (headerPtr->posix != 0)
	    ? SsErrorPosix(interp, headerPtr->posix,
		    "can't attach to \"%.150s\": %.250s", offerPtr->path, why)
	    : SsErrorOurs(interp, headerPtr->name,
		    "can't attach to \"%.150s\": %.250s", offerPtr->path, why);
}

/* Asks for a queue and waits for the answer. */

static int
Ask(Tcl_Interp *interp, int fd, const char *listener, Offer *offerPtr)
{
    static const SsControlHeader request = { .id = 1, .name = "attach" };
    int error = SsPacketsSend(fd, &request, listener, NULL, 0);

    if (error == 0) {
	error = SsAwaitAnswer(fd, PATIENCE * 1000, MOST_TEXT,
		&offerPtr->header, offerPtr->textPtr, &offerPtr->came);
    }
    switch (error) {
    case 0:
	break;
    case EPIPE:
    case ECONNRESET:
	return NotControl(interp, offerPtr->path, "the connection was closed"
		" without an answer: this process may be none of the server's"
		" user, or there is no server");
    case EPROTO:
	return NotControl(interp, offerPtr->path, "an answer that can't be");
    default:
	return Fail(interp, offerPtr->path,
		(error == EAGAIN) ? ETIMEDOUT : error);
    }
    if (offerPtr->header.name[0] != '\0') {
	return Refused(interp, offerPtr);
    }
    return offerPtr->came.isCut ? Fail(interp, offerPtr->path, EMFILE)
	    : TCL_OK;
}

/* Whether a socket option of a descriptor is this. */

static int
Is(int fd, int option, int wanted)
{
    int value;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0
	    && value == wanted;
}

static int
IsPairs(int fd)
{
    return Is(fd, SO_DOMAIN, AF_UNIX) && Is(fd, SO_TYPE, SOCK_SEQPACKET)
	    && Is(fd, SO_ACCEPTCONN, 0);
}

/* A number from least to INT_MAX; -1: it is none. */

static int
Number(const char *text, char **endPtr, long least)
{
    long value = isdigit((unsigned char) *text) ? strtol(text, endPtr, 10)
	    : -1;

    return (value < least || value > INT_MAX) ? -1 : (int) value;
}

/* Whether what came are the UDP sockets of the listeners, and notes them. */

static int
ReadSockets(Offer *offerPtr)
{
    int i, j, fd, count = 0;

    for (i = 0; i < offerPtr->numListeners; i++) {
	for (j = 0; j < offerPtr->listeners[i].numSockets; j++) {
	    if (SOCKETS + count >= offerPtr->came.count) {
		return 0;
	    }
	    fd = offerPtr->fds[SOCKETS + count];
	    if (!Is(fd, SO_TYPE, SOCK_DGRAM) || Is(fd, SO_DOMAIN, AF_UNIX)) {
		return 0;
	    }
	    offerPtr->sockets[count++] = (SsSocket) { fd, i };
	}
    }
    offerPtr->numSockets = count;
    return offerPtr->came.count == ((count > 0) ? SOCKETS + count : GATE);
}

/* Reads what was answered.  Returns whether it can be. */

static int
Read(Offer *offerPtr)
{
    const int64_t *numbers = offerPtr->header.numbers;
    const char *text = Tcl_GetString(offerPtr->textPtr);
    char *end = NULL;

    if (offerPtr->came.count < GATE || !IsPairs(offerPtr->fds[QUEUE])
	    || !IsPairs(offerPtr->fds[RETURN])
	    || numbers[0] < 0 || numbers[0] >= SS_BOARD_MOST
	    || numbers[1] < 0 || numbers[1] > INT_MAX) {
	return 0;
    }
    offerPtr->slot = (int) numbers[0];
    offerPtr->generation = (int) numbers[1];
    offerPtr->pid = Number(text, &end, 1);
    return offerPtr->pid > 0 && *end == '\n'
	    && SsListenersRead(end + 1, offerPtr->listeners,
		    &offerPtr->numListeners) == TCL_OK
	    && offerPtr->numListeners > 0 && ReadSockets(offerPtr);
}

/*
 * Which of the listeners this process has already, its own, or one that it was
 * forked with, not at its end; NULL: none.
 */

static const SsListener *
Known(const Offer *offerPtr)
{
    const SsListener *listenerPtr = offerPtr->listeners;
    const SsListener *lastPtr = listenerPtr + offerPtr->numListeners;
    SsPort *portPtr;
    int count, isKnown = 0;

    SsForkLock();
    while (listenerPtr < lastPtr) {
	portPtr = SsPortNamedLocked(listenerPtr->name, listenerPtr->port,
		&count);
	isKnown = (count > 1 || (portPtr != NULL && !SsPortAtEndLocked(
		portPtr)));
	if (isKnown) {
	    break;
	}
	listenerPtr++;
    }
    SsForkUnlock();
    return isKnown ? listenerPtr : NULL;
}

/*
 * Makes the queue known; the port owns what children need, and copies of the
 * UDP sockets.
 */

static SsPort *
AddPort(Offer *offerPtr, SsSockets *socketsPtr)
{
    const int *fds = offerPtr->fds;
    SsPort *portPtr;
    int i;

    SsForkLock();
    portPtr = SsPortAddLocked(offerPtr->listeners, offerPtr->numListeners,
	    fds[QUEUE], fds[RETURN], socketsPtr);
    portPtr->server = -1;	/* No process that forked this one. */
    for (i = 0; i < offerPtr->came.count; i++) {
	SsForkKeeps(fds[i]);
    }
    close(fds[BOARD]);
    close(fds[COUNTERS]);
    for (i = 0; i < offerPtr->numSockets; i++) {
	close(offerPtr->sockets[i].fd);
    }
    offerPtr->came.count = 0;
    SsForkUnlock();
    return portPtr;
}

/*
 * Copies the UDP sockets and maps the counters.  Returns 0 or an errno, when
 * all is as it was.
 */

static int
Share(const Offer *offerPtr, SsSockets **socketsPtrPtr)
{
    const int *fds = offerPtr->fds;
    SsSockets *socketsPtr = NULL;
    int error = 0;

    SsForkLock();
    if (offerPtr->numSockets > 0) {
	socketsPtr = SsSocketsMake(fds[GATE], fds[TALLY],
		offerPtr->numSockets, offerPtr->sockets);
	error = (socketsPtr == NULL) ? errno : 0;
    }
    if (error == 0 && SsCountersMapLocked(fds[COUNTERS], 0) < 0) {
	error = errno;
    }
    if (error != 0 && socketsPtr != NULL) {
	socketsPtr->gateFd = socketsPtr->tallyFd = -1;
	SsSocketsClose(socketsPtr);
	free(socketsPtr);
    }
    SsForkUnlock();
    *socketsPtrPtr = socketsPtr;
    return error;
}

/* Becomes what the server offers.  With TCL_OK the connection is taken over. */

static int
Become(Tcl_Interp *interp, int fd, Offer *offerPtr)
{
    const SsListener *firstPtr = offerPtr->listeners, *knownPtr;
    const char *program = Tcl_GetVar(interp, "argv0", TCL_GLOBAL_ONLY);
    SsSockets *socketsPtr = NULL;
    SsPort *portPtr;
    int board, error;

    if (!Read(offerPtr)) {
	return NotControl(interp, offerPtr->path, "an answer that can't be");
    }
    knownPtr = Known(offerPtr);
    if (knownPtr != NULL) {
	return SsErrorOurs(interp, "ATTACHED", "can't attach to \"%.150s\":"
		" \"%.100s\" is served here already, as a worker or as the"
		" server", offerPtr->path, knownPtr->name);
    }
    board = SsBoardAttach(offerPtr->fds[BOARD], offerPtr->slot + 1);
    error = (board < 0) ? errno : Share(offerPtr, &socketsPtr);
    if (error != 0) {
	if (board >= 0) {
	    SsBoardDestroy(board);
	}
	return (error == EINVAL) ? NotControl(interp, offerPtr->path,
		"an answer that can't be")
		: Fail(interp, offerPtr->path, error);
    }
    SsBoardTake(board, offerPtr->slot, offerPtr->pid, offerPtr->generation,
	    (program != NULL) ? program : "");
    SsConnectionsShowAnew();
    portPtr = AddPort(offerPtr, socketsPtr);
    SsAttachedBegin(portPtr, fd, board);

    /* It serves all the same where the server can't ask for its stack. */
    SsInterruptBegin(interp, portPtr);
    Tcl_SetObjResult(interp, (firstPtr->port > 0)
	    ? Tcl_NewIntObj(firstPtr->port)
	    : Tcl_NewStringObj(firstPtr->name, -1));
    return TCL_OK;
}

static int
Attach(Tcl_Interp *interp, const char *path, const char *listener)
{
    Offer *offerPtr = (Offer *) Tcl_Alloc(sizeof(Offer));
    int fd = -1, code = Connect(interp, path, &fd);

    *offerPtr = (Offer) {
	.path = path, .textPtr = Tcl_NewObj(),
	.came = { .fds = offerPtr->fds, .most = MOST_FDS }
    };
    Tcl_IncrRefCount(offerPtr->textPtr);
    if (code == TCL_OK) {
	code = Ask(interp, fd, listener, offerPtr);
	if (code == TCL_OK) {
	    code = Become(interp, fd, offerPtr);
	}
	if (code != TCL_OK) {
	    SsPacketFdsClose(&offerPtr->came);
	    Close(fd);
	}
    }
    Tcl_DecrRefCount(offerPtr->textPtr);
    Tcl_Free((char *) offerPtr);
    return code;
}

/* The process has one slot on a scoreboard. */

static int
CheckFree(Tcl_Interp *interp)
{
    const SsPort *portPtr;
    char name[SS_NAME_SIZE] = "";

    SsForkLock();
    portPtr = SsAttachedPortLocked();
    if (portPtr != NULL) {
	strcpy(name, portPtr->listeners[0].name);
    }
    SsForkUnlock();
    if (portPtr != NULL) {
	return SsErrorOurs(interp, "ATTACHED", "this process is attached to"
		" \"%.200s\" already: attach again when that has ended", name);
    }
    SsAttachedEnd();
    return SsBoardHasOwn() ? SsErrorOurs(interp, "ATTACHED",
	    "this process is a pool's worker already: attach another one")
	    : TCL_OK;
}

int
SsAttachObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    static const char *const options[] = { "-port", NULL };
    int index;

    if (objc != 2 && objc != 4) {
	return SsWrongArgs(interp, 1, objv, "path ?-port listener?");
    }
    if (objc == 4 && SsGetIndex(interp, objv[2], options, sizeof(options[0]),
	    "option", &index) != TCL_OK) {
	return TCL_ERROR;
    }
    return (CheckFree(interp) == TCL_OK) ? Attach(interp,
	    Tcl_GetString(objv[1]), (objc == 4) ? Tcl_GetString(objv[3]) : "")
	    : TCL_ERROR;
}
