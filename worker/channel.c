#include "channel.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* As with Tcl, a reset is the end of what there is to read. */
static int
Input(void *clientData, char *bytes, int room, int *errorPtr)
{
    ssize_t got = recv(((SsChannel *) clientData)->fd, bytes, room, 0);

    if (got < 0 && errno != ECONNRESET) {
	*errorPtr = errno;
	return -1;
    }
    return (got < 0) ? 0 : (int) got;
}

/* Tcl ignores SIGPIPE, unless the application wants it. */
static int
Output(void *clientData, const char *bytes, int count, int *errorPtr)
{
    ssize_t sent = send(((SsChannel *) clientData)->fd, bytes, count, 0);

    if (sent < 0) {
	*errorPtr = errno;
    }
    return (int) sent;
}

static int
BlockMode(void *clientData, int mode)
{
    SsChannel *channelPtr = (SsChannel *) clientData;

    channelPtr->nonblocking = (mode == TCL_MODE_NONBLOCKING);
    return (ioctl(channelPtr->fd, FIONBIO, &channelPtr->nonblocking) < 0)
	    ? errno : 0;
}

static void
ReadyProc(void *clientData, int mask)
{
    Tcl_NotifyChannel(((SsChannel *) clientData)->channel, mask);
}

static void
Watch(void *clientData, int mask)
{
    SsChannel *channelPtr = (SsChannel *) clientData;

    if (mask != 0) {
	Tcl_CreateFileHandler(channelPtr->fd, mask, ReadyProc, channelPtr);
    } else {
	Tcl_DeleteFileHandler(channelPtr->fd);
    }
}

static int
GetHandle(void *clientData, int direction, void **handlePtr)
{
    (void) direction;
    *handlePtr = (void *) (intptr_t) ((SsChannel *) clientData)->fd;
    return TCL_OK;
}

static int
Close(void *clientData, Tcl_Interp *interp)
{
    SsChannel *channelPtr = (SsChannel *) clientData;

    (void) interp;
    Tcl_DeleteFileHandler(channelPtr->fd);
    return channelPtr->closedProc(channelPtr);
}

/* Tcl 9 closes all by this one, and begins with the reading half. */
static int
CloseSide(void *clientData, Tcl_Interp *interp, int side)
{
    SsChannel *channelPtr = (SsChannel *) clientData;

    if (side == 0) {
	return Close(clientData, interp);
    }
    if (channelPtr->isClosing) {
	return 0;
    }
    return (shutdown(channelPtr->fd,
	    (side == TCL_CLOSE_READ) ? SHUT_RD : SHUT_WR) < 0) ? errno : 0;
}

/*
 * A channel of Tcl's own on a second descriptor of the socket, for a moment.
 * When Tcl 9 closes it, it ends reading: so another socket has the number then.
 */

typedef struct Twin {
    Tcl_Channel channel;
    int fd;			/* The channel's. */
    int idleFd;			/* Of a socket that nobody has; -1. */
} Twin;

/* It is registered: Tcl may take it for a standard one that was closed. */
static int
OpenTwin(Twin *twinPtr, Tcl_Interp *interp, const SsChannel *channelPtr)
{
    twinPtr->idleFd = -1;
    twinPtr->fd = fcntl(channelPtr->fd, F_DUPFD_CLOEXEC, 3);
    if (twinPtr->fd >= 0 && TCL_MAJOR_VERSION > 8) {
	twinPtr->idleFd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (twinPtr->fd < 0 || (twinPtr->idleFd < 0 && TCL_MAJOR_VERSION > 8)) {
	if (interp != NULL) {
	    SsErrorPosix(interp, errno,
		    "can't get at options of a connection: %m");
	}
	if (twinPtr->fd >= 0) {
	    close(twinPtr->fd);
	}
	return TCL_ERROR;
    }
    twinPtr->channel = Tcl_MakeTcpClientChannel(
	    (void *) (intptr_t) twinPtr->fd);
    Tcl_RegisterChannel(NULL, twinPtr->channel);
    return TCL_OK;
}

static void
CloseTwin(Twin *twinPtr)
{
    if (twinPtr->idleFd >= 0) {
	dup3(twinPtr->idleFd, twinPtr->fd, O_CLOEXEC);
	close(twinPtr->idleFd);
    }
    Tcl_UnregisterChannel(NULL, twinPtr->channel);
}

/* Tcl's own driver answers, so that the options are its. */
static int
GetOption(void *clientData, Tcl_Interp *interp, const char *option,
    Tcl_DString *valuePtr)
{
    Twin twin;
    int code;

    if (OpenTwin(&twin, interp, (SsChannel *) clientData) != TCL_OK) {
	return TCL_ERROR;
    }
    code = Tcl_ChannelGetOptionProc(Tcl_GetChannelType(twin.channel))(
	    Tcl_GetChannelInstanceData(twin.channel), interp, option,
	    valuePtr);
    CloseTwin(&twin);
    return code;
}

#if TCL_MAJOR_VERSION > 8
static int
SetOption(void *clientData, Tcl_Interp *interp, const char *option,
    const char *value)
{
    Twin twin;
    int code;

    if (OpenTwin(&twin, interp, (SsChannel *) clientData) != TCL_OK) {
	return TCL_ERROR;
    }
    code = Tcl_ChannelSetOptionProc(Tcl_GetChannelType(twin.channel))(
	    Tcl_GetChannelInstanceData(twin.channel), interp, option, value);
    CloseTwin(&twin);
    return code;
}
#endif

/* Tcl and others know by the name that there is a socket behind the channel. */
static const Tcl_ChannelType streamType = {
    .typeName = "tcp",
    .version = TCL_CHANNEL_VERSION_5,
#if TCL_MAJOR_VERSION > 8
    .setOptionProc = SetOption,
#else
    .closeProc = Close,
#endif
    .inputProc = Input,
    .outputProc = Output,
    .getOptionProc = GetOption,
    .watchProc = Watch,
    .getHandleProc = GetHandle,
    .close2Proc = CloseSide,
    .blockModeProc = BlockMode
};

/*
 * Tcl takes a new channel for a standard one that was closed, and holds it:
 * that can't be parked, and programs that are executed would have it.
 */
static void
NotStandard(Tcl_Channel channel)
{
    static const int types[] = { TCL_STDIN, TCL_STDOUT, TCL_STDERR };
    int i;

    for (i = 0; i < 3 && Tcl_IsStandardChannel(channel); i++) {
	if (Tcl_GetStdChannel(types[i]) == channel) {
	    Tcl_SetStdChannel(NULL, types[i]);
	    Tcl_DetachChannel(NULL, channel);
	}
    }
}

/*
 * That reading is closed before all of it is closed is not for us to do: it
 * would end what others read who have the connection, a forked child's parent
 * or whoever gets it from here.
 */
static void
ClosingProc(void *clientData)
{
    ((SsChannel *) clientData)->isClosing = 1;
}

static const Tcl_ChannelType *_Atomic otherTypePtr = NULL;
				/* Of those that are no streams. */

/* Tcl's own names are "sock" and an address without leading zeros. */
void
SsChannelOpenAs(SsChannel *channelPtr, const Tcl_ChannelType *typePtr,
    struct SsDatagram *datagramPtr, int fd,
    int (*closedProc)(SsChannel *channelPtr))
{
    static atomic_ullong last;
    char name[32];

    snprintf(name, sizeof(name), "sock0%llu", atomic_fetch_add(&last, 1) + 1);
    if (typePtr != &streamType) {
	otherTypePtr = typePtr;
    }
    *channelPtr = (SsChannel) {
	.fd = fd, .datagramPtr = datagramPtr, .closedProc = closedProc
    };
    channelPtr->channel = Tcl_CreateChannel(typePtr, name, channelPtr,
	    TCL_READABLE | TCL_WRITABLE);
    NotStandard(channelPtr->channel);
    if (TCL_MAJOR_VERSION > 8) {
	Tcl_CreateCloseHandler(channelPtr->channel, ClosingProc, channelPtr);
    }
    Tcl_SetChannelOption(NULL, channelPtr->channel, "-translation",
	    "auto crlf");
}

void
SsChannelOpen(SsChannel *channelPtr, int fd,
    int (*closedProc)(SsChannel *channelPtr))
{
    SsChannelOpenAs(channelPtr, &streamType, NULL, fd, closedProc);
}

SsChannel *
SsChannelFind(Tcl_Interp *interp, const char *name)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, name, NULL);
    const Tcl_ChannelType *typePtr = (channel != NULL)
	    ? Tcl_GetChannelType(channel) : NULL;

    return (typePtr != NULL
	    && (typePtr == &streamType || typePtr == otherTypePtr))
	    ? (SsChannel *) Tcl_GetChannelInstanceData(channel) : NULL;
}
