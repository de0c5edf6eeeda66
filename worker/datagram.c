#include "datagram.h"
#include "fork.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST 65535
#define LONGEST_REPLY 65507	/* To an IPv4 peer... */
#define LONGEST_REPLY6 65527	/* ...and an IPv6 peer. */
#define TRIES 3			/* To send where it may do later... */
#define PATIENCE 1000		/* ...and milliseconds to wait for room. */

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

typedef union Asked {
    struct in_pktinfo v4;
    struct in6_pktinfo v6;
} Asked;

typedef union Control {
    struct cmsghdr header;	/* Aligns the bytes. */
    char bytes[CMSG_SPACE(sizeof(Asked))];
} Control;

/* Where a datagram comes from or goes to, as a message says it. */

typedef struct Plain {
    int family;			/* 4, 6, or 0: none that we know. */
    uint8_t address[16];
    uint16_t port;
    uint32_t scope;
} Plain;

struct SsDatagram {
    Address peer;
    int askedLevel;		/* IPPROTO_IP or IPPROTO_IPV6 of... */
    Asked asked;		/* ...this; -1: it isn't known. */
    int process;		/* Who gathers the reply, as SsForkCount tells:
				 * a forked child sends only its own. */
    int inherited;		/* Bytes that Tcl has yet to flush and that its
				 * parent wrote. */
    char *reply;		/* Gone with the channel. */
    int replyLength, replyRoom;
    int failure;		/* An errno: the reply can't be sent whole. */
    int watched;		/* What events a script wants... */
    int isQueued;		/* ...and whether one is on its way. */
    int numRead, length;
    char bytes[];		/* The datagram. */
};

/* An IPv4 peer of an IPv6 socket is an IPv4 peer. */
static void
SetPlain6(Plain *plainPtr, const struct in6_addr *addressPtr, uint32_t scope)
{
    if (IN6_IS_ADDR_V4MAPPED(addressPtr)) {
	plainPtr->family = 4;
	memcpy(plainPtr->address, &addressPtr->s6_addr[12], 4);
    } else {
	plainPtr->family = 6;
	plainPtr->scope = scope;
	memcpy(plainPtr->address, addressPtr, sizeof(*addressPtr));
    }
}

static Plain
PlainOf(const Address *addressPtr)
{
    Plain plain = { 0 };

    if (addressPtr->any.sa_family == AF_INET) {
	plain.family = 4;
	plain.port = ntohs(addressPtr->v4.sin_port);
	memcpy(plain.address, &addressPtr->v4.sin_addr, 4);
    } else if (addressPtr->any.sa_family == AF_INET6) {
	plain.port = ntohs(addressPtr->v6.sin6_port);
	SetPlain6(&plain, &addressPtr->v6.sin6_addr,
		addressPtr->v6.sin6_scope_id);
    }
    return plain;
}

/* The index of a link-local address's interface; else 0. */
static uint32_t
ScopeOf(const struct in6_pktinfo *askedPtr)
{
    return IN6_IS_ADDR_LINKLOCAL(&askedPtr->ipi6_addr)
	    ? (uint32_t) askedPtr->ipi6_ifindex : 0;
}

/* The address that was asked; of the socket where that isn't known. */
static Plain
PlainAsked(const SsDatagram *datagramPtr, int fd)
{
    Address own = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t size = sizeof(own);
    Plain plain;

    getsockname(fd, &own.any, &size);
    plain = PlainOf(&own);
    if (datagramPtr->askedLevel == IPPROTO_IP) {
	plain.family = 4;
	memcpy(plain.address, &datagramPtr->asked.v4.ipi_addr, 4);
    } else if (datagramPtr->askedLevel == IPPROTO_IPV6) {
	SetPlain6(&plain, &datagramPtr->asked.v6.ipi6_addr,
		ScopeOf(&datagramPtr->asked.v6));
    }
    return plain;
}

static void
SetAsked(SsDatagram *datagramPtr, struct msghdr *headerPtr)
{
    struct cmsghdr *partPtr;

    datagramPtr->askedLevel = -1;
    for (partPtr = CMSG_FIRSTHDR(headerPtr); partPtr != NULL;
	    partPtr = CMSG_NXTHDR(headerPtr, partPtr)) {
	if (partPtr->cmsg_level == IPPROTO_IP
		&& partPtr->cmsg_type == IP_PKTINFO) {
	    memcpy(&datagramPtr->asked.v4, CMSG_DATA(partPtr),
		    sizeof(datagramPtr->asked.v4));
	} else if (partPtr->cmsg_level == IPPROTO_IPV6
		&& partPtr->cmsg_type == IPV6_PKTINFO) {
	    memcpy(&datagramPtr->asked.v6, CMSG_DATA(partPtr),
		    sizeof(datagramPtr->asked.v6));
	} else {
	    continue;
	}
	datagramPtr->askedLevel = partPtr->cmsg_level;
    }
}

static void
SetPeer(SsArrival *arrivalPtr, const Address *peerPtr)
{
    Plain peer = PlainOf(peerPtr);
    SsMessage *headPtr = &arrivalPtr->head;

    headPtr->family = (uint8_t) peer.family;
    headPtr->port = peer.port;
    headPtr->scope = peer.scope;
    memcpy(headPtr->address, peer.address, sizeof(headPtr->address));
    SsArrivalName(arrivalPtr);
}

/* An earlier reply's error is none of the next datagram. */
static ssize_t
Receive(int socketFd, struct msghdr *headerPtr)
{
    ssize_t length;

    do {
	length = recvmsg(socketFd, headerPtr, MSG_DONTWAIT);
    } while (length < 0 && (errno == EINTR || errno == ECONNREFUSED
	    || errno == EHOSTUNREACH || errno == ENETUNREACH));
    return length;
}

SsReceiveStatus
SsDatagramReceive(int socketFd, SsArrival *arrivalPtr)
{
    char bytes[LONGEST];
    SsDatagram head = { .process = SsForkCount() };
    Control control;
    struct iovec part = { bytes, sizeof(bytes) };
    struct msghdr header = {
	.msg_name = &head.peer, .msg_namelen = sizeof(head.peer),
	.msg_iov = &part, .msg_iovlen = 1,
	.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    ssize_t length = Receive(socketFd, &header);

    if (length < 0) {
	return (errno == EAGAIN || errno == EWOULDBLOCK)
		? SS_RECEIVE_EMPTY : SS_RECEIVE_FAILED;
    }
    SetAsked(&head, &header);
    head.length = (int) length;
    memset(arrivalPtr, 0, sizeof(*arrivalPtr));
    arrivalPtr->fd = fcntl(socketFd, F_DUPFD_CLOEXEC, 3);
    arrivalPtr->datagramPtr = malloc(sizeof(head) + (size_t) length);
    if (arrivalPtr->fd < 0 || arrivalPtr->datagramPtr == NULL) {
	SsArrivalClose(arrivalPtr);
	return SS_RECEIVE_LOST;
    }
    *arrivalPtr->datagramPtr = head;
    memcpy(arrivalPtr->datagramPtr->bytes, bytes, (size_t) length);
    SetPeer(arrivalPtr, &head.peer);
    return SS_RECEIVE_GOT;
}

static int
Input(void *clientData, char *bytes, int room, int *errorPtr)
{
    SsDatagram *datagramPtr = ((SsChannel *) clientData)->datagramPtr;
    int left = datagramPtr->length - datagramPtr->numRead;
    int count = (left < room) ? left : room;

    (void) errorPtr;
    memcpy(bytes, datagramPtr->bytes + datagramPtr->numRead, (size_t) count);
    datagramPtr->numRead += count;
    return count;
}

/* What another process gathered, that sends. */
static void
Own(SsDatagram *datagramPtr)
{
    if (datagramPtr->process != SsForkCount()) {
	datagramPtr->process = SsForkCount();
	datagramPtr->replyLength = 0;
	datagramPtr->failure = 0;
    }
}

/* Returns 0 or an errno. */
static int
Gather(SsDatagram *datagramPtr, const char *bytes, int count)
{
    int most = (PlainOf(&datagramPtr->peer).family == 4)
	    ? LONGEST_REPLY : LONGEST_REPLY6;
    int length = datagramPtr->replyLength + count, room;
    char *reply;

    if (length > most) {
	return EMSGSIZE;
    }
    if (length > datagramPtr->replyRoom) {
	room = (length > most / 2) ? most : 2 * length;
	reply = realloc(datagramPtr->reply, (size_t) room);
	if (reply == NULL) {
	    return ENOMEM;
	}
	datagramPtr->reply = reply;
	datagramPtr->replyRoom = room;
    }
    if (count > 0) {
	memcpy(datagramPtr->reply + datagramPtr->replyLength, bytes,
		(size_t) count);
	datagramPtr->replyLength = length;
    }
    return 0;
}

static int
Output(void *clientData, const char *bytes, int count, int *errorPtr)
{
    SsDatagram *datagramPtr = ((SsChannel *) clientData)->datagramPtr;
    int skipped = (count < datagramPtr->inherited) ? count
	    : datagramPtr->inherited;

    Own(datagramPtr);
    datagramPtr->inherited -= skipped;
    if (datagramPtr->failure == 0) {
	datagramPtr->failure = Gather(datagramPtr, bytes + skipped,
		count - skipped);
    }
    *errorPtr = datagramPtr->failure;
    return (datagramPtr->failure == 0) ? count : -1;
}

/*
 * Returns 0 or an errno.  What was asked may be no address to send from, as a
 * broadcast: then the system chooses.  It may also be the error of an earlier
 * reply that is told here, and somebody may have made the socket nonblocking.
 */
static int
Send(int fd, struct msghdr *headerPtr)
{
    struct pollfd room = { .fd = fd, .events = POLLOUT };
    int tries = 0;

    while (sendmsg(fd, headerPtr, MSG_NOSIGNAL) < 0) {
	if (errno == EINTR) {
	    continue;
	}
	if ((errno == EINVAL || errno == ENETUNREACH)
		&& headerPtr->msg_controllen > 0) {
	    headerPtr->msg_control = NULL;
	    headerPtr->msg_controllen = 0;
	    continue;
	}
	if ((errno != ECONNREFUSED && errno != EAGAIN) || ++tries == TRIES) {
	    return errno;
	}
	if (errno == EAGAIN) {
	    poll(&room, 1, PATIENCE);
	}
    }
    return 0;
}

/* Where the reply comes from; by which interface is the system's to know. */
static void
PutAsked(const SsDatagram *datagramPtr, struct msghdr *headerPtr,
    Control *controlPtr)
{
    struct cmsghdr *partPtr = &controlPtr->header;
    Asked from = { .v6 = { .ipi6_ifindex = 0 } };
    size_t size = sizeof(from.v4);

    if (datagramPtr->askedLevel < 0) {
	return;
    }
    if (datagramPtr->askedLevel == IPPROTO_IP) {
	from.v4.ipi_spec_dst = datagramPtr->asked.v4.ipi_spec_dst;
    } else {
	size = sizeof(from.v6);
	from.v6.ipi6_addr = datagramPtr->asked.v6.ipi6_addr;
	from.v6.ipi6_ifindex = ScopeOf(&datagramPtr->asked.v6);
    }
    partPtr->cmsg_level = datagramPtr->askedLevel;
    partPtr->cmsg_type = (datagramPtr->askedLevel == IPPROTO_IP)
	    ? IP_PKTINFO : IPV6_PKTINFO;
    partPtr->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(partPtr), &from, size);
    headerPtr->msg_control = controlPtr->bytes;
    headerPtr->msg_controllen = CMSG_SPACE(size);
}

/* Sends what this process has gathered, once.  Returns 0 or an errno. */
static int
Reply(SsChannel *channelPtr)
{
    SsDatagram *datagramPtr = channelPtr->datagramPtr;
    Control control = { .bytes = { 0 } };
    struct iovec part = { datagramPtr->reply, 0 };
    struct msghdr header = {
	.msg_name = &datagramPtr->peer,
	.msg_namelen = (datagramPtr->peer.any.sa_family == AF_INET)
		? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
	.msg_iov = &part, .msg_iovlen = 1
    };
    int error;

    Own(datagramPtr);
    error = datagramPtr->failure;
    part.iov_len = (size_t) datagramPtr->replyLength;
    datagramPtr->failure = datagramPtr->replyLength = 0;
    if (error != 0 || part.iov_len == 0) {
	return error;
    }
    PutAsked(datagramPtr, &header, &control);
    error = Send(channelPtr->fd, &header);
    channelPtr->answered |= (error == 0);
    return error;
}

/*
 * There is no descriptor to wait for: as long as a script wants events, they
 * come.
 */

typedef struct Ready {
    Tcl_Event header;
    SsChannel *channelPtr;
} Ready;

static int
ReadyEventProc(Tcl_Event *evPtr, int flags)
{
    SsChannel *channelPtr = ((Ready *) evPtr)->channelPtr;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    channelPtr->datagramPtr->isQueued = 0;
    Tcl_NotifyChannel(channelPtr->channel, channelPtr->datagramPtr->watched);
    return 1;
}

static int
IsReadyOf(Tcl_Event *evPtr, void *clientData)
{
    return evPtr->proc == ReadyEventProc
	    && ((Ready *) evPtr)->channelPtr == clientData;
}

static void
SetupProc(void *clientData, int flags)
{
    static const Tcl_Time now = { 0, 0 };

    (void) clientData;
    if (flags & TCL_FILE_EVENTS) {
	Tcl_SetMaxBlockTime(&now);
    }
}

static void
CheckProc(void *clientData, int flags)
{
    SsChannel *channelPtr = (SsChannel *) clientData;
    Ready *readyPtr;

    if (!(flags & TCL_FILE_EVENTS) || channelPtr->datagramPtr->isQueued) {
	return;
    }
    readyPtr = (Ready *) Tcl_Alloc(sizeof(Ready));
    *readyPtr = (Ready) {
	.header.proc = ReadyEventProc, .channelPtr = channelPtr
    };
    Tcl_QueueEvent(&readyPtr->header, TCL_QUEUE_TAIL);
    channelPtr->datagramPtr->isQueued = 1;
}

static void
Watch(void *clientData, int mask)
{
    SsDatagram *datagramPtr = ((SsChannel *) clientData)->datagramPtr;

    if (mask != 0 && datagramPtr->watched == 0) {
	Tcl_CreateEventSource(SetupProc, CheckProc, clientData);
    } else if (mask == 0 && datagramPtr->watched != 0) {
	Tcl_DeleteEventSource(SetupProc, CheckProc, clientData);
	if (datagramPtr->isQueued) {
	    Tcl_DeleteEvents(IsReadyOf, clientData);
	    datagramPtr->isQueued = 0;
	}
    }
    datagramPtr->watched = mask;
}

static int
BlockMode(void *clientData, int mode)
{
    ((SsChannel *) clientData)->nonblocking = (mode == TCL_MODE_NONBLOCKING);
    return 0;
}

/* The socket is nobody's to have. */
static int
GetHandle(void *clientData, int direction, void **handlePtr)
{
    (void) clientData;
    (void) direction;
    (void) handlePtr;
    return TCL_ERROR;
}

static int
Close(void *clientData, Tcl_Interp *interp)
{
    SsChannel *channelPtr = (SsChannel *) clientData;
    int error = Reply(channelPtr), closedError;

    (void) interp;
    Watch(clientData, 0);
    free(channelPtr->datagramPtr->reply);
    channelPtr->datagramPtr->reply = NULL;
    closedError = channelPtr->closedProc(channelPtr);
    return (error != 0) ? error : closedError;
}

/* Tcl 9 closes all by this one.  The socket's own halves are everybody's. */
static int
CloseSide(void *clientData, Tcl_Interp *interp, int side)
{
    if (side == 0) {
	return Close(clientData, interp);
    }
    return (side == TCL_CLOSE_WRITE) ? Reply((SsChannel *) clientData) : 0;
}

/* As Tcl writes it for its own sockets, but that no name is looked for. */
static void
Append(Tcl_DString *valuePtr, const Plain *plainPtr)
{
    char address[SS_ADDRESS_SIZE], port[8];

    SsAddressFormat(plainPtr->family, plainPtr->address, plainPtr->scope,
	    address);
    snprintf(port, sizeof(port), "%u", (unsigned) plainPtr->port);
    Tcl_DStringAppendElement(valuePtr, address);
    Tcl_DStringAppendElement(valuePtr, address);
    Tcl_DStringAppendElement(valuePtr, port);
}

static int
GetOption(void *clientData, Tcl_Interp *interp, const char *option,
    Tcl_DString *valuePtr)
{
    const SsChannel *channelPtr = (SsChannel *) clientData;
    const SsDatagram *datagramPtr = channelPtr->datagramPtr;
    static const char *const names[] = { "-peername", "-sockname" };
    const Plain plain[] = {
	PlainOf(&datagramPtr->peer), PlainAsked(datagramPtr, channelPtr->fd)
    };
    int i;

    for (i = 0; i < 2; i++) {
	if (option == NULL) {
	    Tcl_DStringAppendElement(valuePtr, names[i]);
	    Tcl_DStringStartSublist(valuePtr);
	    Append(valuePtr, &plain[i]);
	    Tcl_DStringEndSublist(valuePtr);
	} else if (strcmp(option, names[i]) == 0) {
	    Append(valuePtr, &plain[i]);
	    return TCL_OK;
	}
    }
    return (option == NULL) ? TCL_OK
	    : Tcl_BadChannelOption(interp, option, "peername sockname");
}

static const Tcl_ChannelType type = {
    .typeName = "udp",
    .version = TCL_CHANNEL_VERSION_5,
#if TCL_MAJOR_VERSION < 9
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

void
SsDatagramInherit(SsChannel *channelPtr)
{
    channelPtr->datagramPtr->inherited
	    = Tcl_OutputBuffered(channelPtr->channel);
}

void
SsDatagramOpen(SsChannel *channelPtr, SsDatagram *datagramPtr, int fd,
    int (*closedProc)(SsChannel *channelPtr))
{
    SsChannelOpenAs(channelPtr, &type, datagramPtr, fd, closedProc);
}
