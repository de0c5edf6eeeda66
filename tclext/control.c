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
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Tcl's event loop can't wait for a descriptor whose number is too high: it
 * looks instead, each so many milliseconds.
 */

#define LOOK_DELAY 100

/*
 * Descriptors that travel with a packet; the union aligns them.
 */

typedef union Rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SS_CONTROL_FDS * sizeof(int))];
} Rights;

/*
 * A packet as it came.
 */

typedef struct Packet {
    SsControlHeader header;
    char text[SS_CONTROL_INLINE + 1];
    ssize_t length;		/* Of both; 0: the server is gone. */
    int fds[SS_CONTROL_FDS];	/* On the list of those that a child closes. */
    int numFds;
} Packet;

/*
 * A thread's control socket.
 */

typedef struct Control {
    struct Control *nextPtr;
    pthread_t thread;
    int process;		/* Whose, as SsForkCount tells. */
    int fd;			/* On the list of those that a child closes;
				 * -1: none.  In a child the thread that forked
				 * has something silent under this number, for
				 * as long as Tcl waits for it. */
    uint32_t lastId;
    Tcl_TimerToken timer;	/* Looks instead of Tcl's notifier; or NULL. */
} Control;

static Control *firstPtr = NULL;/* Guarded by the fork lock. */
static int doorFd = -1;		/* Where the server takes control sockets,
				 * owned; on that list; guarded by the lock. */
static SsNoticeProc *noticeProc = NULL;

static int
Fail(SsGoError *errorPtr, int error, const char *what)
{
    errorPtr->posix = error;
    snprintf(errorPtr->message, SS_ERROR_SIZE, "%s: %s", what,
	    strerror(error));
    return -1;
}

/*
 * Closes descriptors that are on the list of those that a child closes; -1 is
 * none.
 */

static void
CloseFds(const int *fds, int count)
{
    int i;

    SsForkLock();
    for (i = 0; i < count; i++) {
	SsForkKeeps(fds[i]);
	if (fds[i] >= 0) {
	    close(fds[i]);
	}
    }
    SsForkUnlock();
}

/*
 * Sends a packet, and a descriptor along, which stays the caller's; -1: none.
 * Returns 0 or an errno.  The other end always reads.
 */

static int
Write(int to, struct iovec *parts, int count, int fd)
{
    Rights rights;
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
    ssize_t sent;

    if (fd >= 0) {
	memset(&rights, 0, sizeof(rights));
	rights.header.cmsg_level = SOL_SOCKET;
	rights.header.cmsg_type = SCM_RIGHTS;
	rights.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(int));
	message.msg_control = rights.bytes;
	message.msg_controllen = CMSG_SPACE(sizeof(int));
    }
    do {
	sent = sendmsg(to, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return (sent < 0) ? errno : 0;
}

/*
 * Returns a memory file with a text in it, the caller's, or -1 with errno set.
 */

static int
MemoryFileLocked(const char *text, size_t length)
{
    int fd = memfd_create("socketserver", MFD_CLOEXEC);
    size_t done = 0;
    ssize_t written;

    while (fd >= 0 && done < length) {
	written = write(fd, text + done, length - done);
	if (written > 0) {
	    done += (size_t) written;
	} else if (errno != EINTR) {
	    int error = errno;

	    close(fd);
	    errno = error;
	    return -1;
	}
    }
    return fd;
}

/* Sends a request; returns 0 or an errno. */

static int
Send(int fd, uint32_t id, const SsCall *callPtr)
{
    size_t length = (callPtr->text == NULL) ? 0 : strlen(callPtr->text);
    SsControlHeader header = { .id = id, .length = (uint32_t) length };
    struct iovec parts[2] = {
	{ &header, sizeof(header) }, { (void *) callPtr->text, length }
    };
    int file, error;

    if (length > SS_CONTROL_TEXT) {
	return EMSGSIZE;
    }
    snprintf(header.name, sizeof(header.name), "%s", callPtr->name);
    memcpy(header.numbers, callPtr->numbers, sizeof(header.numbers));
    if (length <= SS_CONTROL_INLINE) {
	return Write(fd, parts, 2, -1);
    }
    header.numFds = 1;
    SsForkLock();
    file = MemoryFileLocked(callPtr->text, length);
    error = (file < 0) ? errno : Write(fd, parts, 1, file);
    if (file >= 0) {
	close(file);
    }
    SsForkUnlock();
    return error;
}

static void
KeepRightsLocked(struct msghdr *messagePtr, Packet *packetPtr)
{
    struct cmsghdr *partPtr;
    size_t i, count;
    int fd;

    for (partPtr = CMSG_FIRSTHDR(messagePtr); partPtr != NULL;
	    partPtr = CMSG_NXTHDR(messagePtr, partPtr)) {
	count = (partPtr->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (i = 0; i < count; i++) {
	    memcpy(&fd, CMSG_DATA(partPtr) + i * sizeof(int), sizeof(int));
	    fd = SsAboveStdio(fd);
	    if (fd >= 0) {
		SsForkCloses(fd);
		packetPtr->fds[packetPtr->numFds++] = fd;
	    }
	}
    }
}

/*
 * Takes a packet without waiting; returns 0 or an errno.  Under the lock, so
 * that no child gets descriptors that are not on the list yet.
 */

static int
Receive(int fd, Packet *packetPtr)
{
    struct iovec parts[2] = {
	{ &packetPtr->header, sizeof(packetPtr->header) },
	{ packetPtr->text, SS_CONTROL_INLINE }
    };
    Rights rights;
    struct msghdr message = {
	.msg_iov = parts, .msg_iovlen = 2,
	.msg_control = rights.bytes, .msg_controllen = sizeof(rights)
    };
    int error = 0;

    packetPtr->numFds = 0;
    SsForkLock();
    packetPtr->length = recvmsg(fd, &message,
	    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (packetPtr->length < 0) {
	error = errno;
    } else {
	KeepRightsLocked(&message, packetPtr);
    }
    SsForkUnlock();
    return error;
}

/* Passes on what isn't the answer that is waited for. */

static void
Tell(Packet *packetPtr)
{
    CloseFds(packetPtr->fds, packetPtr->numFds);
    if (packetPtr->header.id == 0 && noticeProc != NULL) {
	noticeProc(packetPtr->header.name, packetPtr->header.numbers[0],
		packetPtr->header.posix);
    }
}

static void
Close(Control *controlPtr)
{
    if (controlPtr->timer != NULL) {
	Tcl_DeleteTimerHandler(controlPtr->timer);
	controlPtr->timer = NULL;
    } else if (controlPtr->fd >= 0) {
	Tcl_DeleteFileHandler(controlPtr->fd);
    }
    CloseFds(&controlPtr->fd, 1);
    controlPtr->fd = -1;
}

/* Hears what the server tells unasked. */

static void
Look(Control *controlPtr)
{
    Packet packet;

    while (Receive(controlPtr->fd, &packet) == 0) {
	if (packet.length == 0) {
	    Close(controlPtr);
	    return;
	}
	Tell(&packet);
    }
}

static void
FileProc(void *clientData, int mask)
{
    Control *controlPtr = (Control *) clientData;

    if (controlPtr->process == SsForkCount()) {
	Look(controlPtr);
    }
}

static void
TimerProc(void *clientData)
{
    Control *controlPtr = (Control *) clientData;

    controlPtr->timer = Tcl_CreateTimerHandler(LOOK_DELAY, TimerProc,
	    controlPtr);
    FileProc(clientData, TCL_READABLE);
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
 * Starts the server, unless it runs.  With the lock held, so that no child
 * gets what is open for a moment meanwhile.
 */

static int
OpenDoorLocked(SsGoError *errorPtr)
{
    SsStarted started;
    int pair[2], i, code;

    if (doorFd >= 0) {
	return 0;
    }
    code = PairLocked(pair);
    if (code != 0) {
	return Fail(errorPtr, code, "can't start the server");
    }
    code = SsStart(pair, &started);
    close(pair[0]);
    if (code < 0) {
	*errorPtr = started.error;
	close(pair[1]);
	return -1;
    }
    doorFd = pair[1];
    SsForkCloses(doorFd);
    for (i = 0; i < started.numUseless; i++) {
	SsForkCloses(started.useless[i]);
    }
    return 0;
}

/* Hands the server its end of a control socket; returns 0 or an errno. */

static int
Introduce(int door, int fd)
{
    char byte = 0;
    struct iovec part = { &byte, 1 };

    return Write(door, &part, 1, fd);
}

/*
 * Opens the calling thread's control socket, and has its event loop look there.
 */

static int
Open(Control *controlPtr, SsGoError *errorPtr)
{
    int pair[2], door, error;

    SsForkLock();
    if (OpenDoorLocked(errorPtr) < 0) {
	SsForkUnlock();
	return -1;
    }
    door = doorFd;
    error = PairLocked(pair);
    if (error == 0) {
	SsForkCloses(pair[0]);
	SsForkCloses(pair[1]);
    }
    SsForkUnlock();
    if (error == 0) {
	error = Introduce(door, pair[1]);
	CloseFds(&pair[1], 1);
	if (error != 0) {
	    CloseFds(&pair[0], 1);
	}
    }
    if (error != 0) {
	return Fail(errorPtr, error, "can't reach the server");
    }
    controlPtr->fd = pair[0];
    controlPtr->process = SsForkCount();
    if (controlPtr->fd < FD_SETSIZE) {
	Tcl_CreateFileHandler(controlPtr->fd, TCL_READABLE, FileProc,
		controlPtr);
    } else {
	controlPtr->timer = Tcl_CreateTimerHandler(LOOK_DELAY, TimerProc,
		controlPtr);
    }
    return 0;
}

/* The calling thread's, or NULL. */

static Control *
FindLocked(void)
{
    Control *controlPtr;

    for (controlPtr = firstPtr; controlPtr != NULL;
	    controlPtr = controlPtr->nextPtr) {
	if (pthread_equal(controlPtr->thread, pthread_self())) {
	    break;
	}
    }
    return controlPtr;
}

void
SsControlTidy(void)
{
    Control *controlPtr;

    SsForkLock();
    controlPtr = FindLocked();
    SsForkUnlock();
    if (controlPtr != NULL && controlPtr->process != SsForkCount()) {
	Close(controlPtr);
    }
}

/*
 * Before each wait of the thread's event loop: in a forked child there is
 * nothing to wait for.
 */

static void
SetupProc(void *clientData, int flags)
{
    SsControlTidy();
}

/* The calling thread ends. */

static void
Drop(void *clientData)
{
    Control *controlPtr = (Control *) clientData;
    Control **linkPtr;

    Close(controlPtr);
    Tcl_DeleteEventSource(SetupProc, NULL, controlPtr);
    SsForkLock();
    for (linkPtr = &firstPtr; *linkPtr != controlPtr;
	    linkPtr = &(*linkPtr)->nextPtr) {
	/* To the link that leads to it. */
    }
    *linkPtr = controlPtr->nextPtr;
    SsForkUnlock();
    Tcl_Free((char *) controlPtr);
}

/* The calling thread's, which needn't be open. */

static Control *
Own(void)
{
    Control *controlPtr;

    SsControlTidy();
    SsForkLock();
    controlPtr = FindLocked();
    if (controlPtr == NULL) {
	controlPtr = (Control *) Tcl_Alloc(sizeof(Control));
	memset(controlPtr, 0, sizeof(Control));
	controlPtr->thread = pthread_self();
	controlPtr->process = SsForkCount();
	controlPtr->fd = -1;
	controlPtr->nextPtr = firstPtr;
	firstPtr = controlPtr;
	Tcl_CreateEventSource(SetupProc, NULL, controlPtr);
	Tcl_CreateThreadExitHandler(Drop, controlPtr);
    }
    SsForkUnlock();
    return controlPtr;
}

/* Copies the text of an answer; returns 0 or an errno. */

static int
TakeText(Packet *packetPtr, SsCall *callPtr)
{
    size_t length = packetPtr->header.length, done = 0;
    ssize_t got = 1;
    int *filePtr = &packetPtr->fds[packetPtr->numFds - 1];

    if (length == 0) {
	return 0;
    }
    callPtr->reply = malloc(length + 1);
    if (callPtr->reply == NULL) {
	return ENOMEM;
    }
    callPtr->reply[length] = '\0';
    if (length <= SS_CONTROL_INLINE) {
	memcpy(callPtr->reply, packetPtr->text, length);
	return 0;
    }
    while (done < length && got > 0) {
	got = pread(*filePtr, callPtr->reply + done, length - done,
		(off_t) done);
	done += (got > 0) ? (size_t) got : 0;
    }
    if (done < length) {
	free(callPtr->reply);
	callPtr->reply = NULL;
	return EIO;
    }
    CloseFds(filePtr, 1);
    packetPtr->numFds--;
    return 0;
}

/* Makes a packet the answer to a request. */

static int
Take(Packet *packetPtr, SsCall *callPtr)
{
    const SsControlHeader *headerPtr = &packetPtr->header;
    int error;

    if (headerPtr->name[0] != '\0') {
	CloseFds(packetPtr->fds, packetPtr->numFds);
	snprintf(callPtr->reason, sizeof(callPtr->reason), "%s",
		headerPtr->name);
	packetPtr->text[packetPtr->length - sizeof(*headerPtr)] = '\0';
	snprintf(callPtr->error.message, SS_ERROR_SIZE, "%.*s",
		SS_ERROR_SIZE - 1, packetPtr->text);
	callPtr->error.posix = headerPtr->posix;
	return -1;
    }
    callPtr->done = 1;
    memcpy(callPtr->numbers, headerPtr->numbers, sizeof(callPtr->numbers));
    error = (packetPtr->numFds != (int) headerPtr->numFds) ? EMFILE
	    : TakeText(packetPtr, callPtr);
    if (error != 0) {
	CloseFds(packetPtr->fds, packetPtr->numFds);
	return Fail(&callPtr->error, error, "can't take the server's answer");
    }
    callPtr->numFds = packetPtr->numFds;
    memcpy(callPtr->fds, packetPtr->fds, sizeof(callPtr->fds));
    return 0;
}

/*
 * Waits for the answer to the latest request; what else comes are notices.
 */

static int
Await(Control *controlPtr, SsCall *callPtr)
{
    struct pollfd look = { .fd = controlPtr->fd, .events = POLLIN };
    Packet packet;
    int error;

    for (;;) {
	error = Receive(controlPtr->fd, &packet);
	if (error == EAGAIN) {
	    poll(&look, 1, -1);
	} else if (error != 0 && error != EINTR) {
	    return Fail(&callPtr->error, error, "can't hear the server");
	} else if (error == 0 && packet.length == 0) {
	    /* It had no descriptor free for its end. */
	    Close(controlPtr);
	    return Fail(&callPtr->error, EMFILE, "can't reach the server");
	} else if (error == 0 && packet.header.id == controlPtr->lastId) {
	    return Take(&packet, callPtr);
	} else if (error == 0) {
	    Tell(&packet);
	}
    }
}

int
SsAsk(SsCall *callPtr)
{
    Control *controlPtr = Own();
    int error;

    callPtr->reply = NULL;
    callPtr->numFds = callPtr->done = 0;
    strcpy(callPtr->reason, "SERVER");
    SsDispositionsOnStack();
    if (controlPtr->fd < 0 && Open(controlPtr, &callPtr->error) < 0) {
	return -1;
    }
    error = Send(controlPtr->fd, ++controlPtr->lastId, callPtr);
    if (error != 0) {
	return Fail(&callPtr->error, error, "can't ask the server");
    }
    return Await(controlPtr, callPtr);
}

int
SsAskError(Tcl_Interp *interp, const SsCall *callPtr)
{
    if (callPtr->error.posix != 0) {
	return SsErrorPosix(interp, callPtr->error.posix, "%s",
		callPtr->error.message);
    }
    return SsErrorOurs(interp, callPtr->reason, "%s",
	    callPtr->error.message);
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
    Control *ownPtr = FindLocked();
    int silent;

    doorFd = -1;
    firstPtr = ownPtr;
    if (ownPtr == NULL) {
	return;
    }
    ownPtr->nextPtr = NULL;
    if (ownPtr->fd < 0) {
	return;
    }
    silent = eventfd(0, EFD_CLOEXEC);
    if (silent >= 0 && silent != ownPtr->fd) {
	dup3(silent, ownPtr->fd, O_CLOEXEC);
	close(silent);
    }
}
