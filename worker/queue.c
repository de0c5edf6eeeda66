/*
 * Several processes share a queue's receive end, so nothing here changes the
 * socket itself: O_NONBLOCK or shutdown would count for all of them.
 */

#include "queue.h"
#include "limit.h"
#include "message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#   include <linux/sockios.h>
#endif

/* Room for one descriptor; alignment makes the kernel see room for two. */

typedef union Control {
    struct cmsghdr header;	/* Aligns the bytes. */
    char bytes[CMSG_SPACE(sizeof(int))];
} Control;

/* On a path whose errno is still to be read; -1: there is nothing to close. */
static void
CloseKeepingErrno(int fd)
{
    int saved = errno;

    if (fd >= 0) {
	close(fd);
    }
    errno = saved;
}

/*
 * The first is wanted and is the caller's, -1: none; whatever else came is
 * closed.
 */
static int
TakeDescriptors(
    struct msghdr *messagePtr)	/* As recvmsg left it. */
{
    struct cmsghdr *partPtr;
    size_t i, count;
    int fd, wanted = -1;

    for (partPtr = CMSG_FIRSTHDR(messagePtr); partPtr != NULL;
	    partPtr = CMSG_NXTHDR(messagePtr, partPtr)) {
	if (partPtr->cmsg_level != SOL_SOCKET
		|| partPtr->cmsg_type != SCM_RIGHTS) {
	    continue;
	}
	count = (partPtr->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (i = 0; i < count; i++) {
	    memcpy(&fd, CMSG_DATA(partPtr) + i * sizeof(int), sizeof(int));
	    if (wanted < 0) {
		wanted = fd;
	    } else {
		CloseKeepingErrno(fd);
	    }
	}
    }
    return wanted;
}

/* Returns 0 when the family is none that we know. */
static int
FormatAddress(const SsMessage *messagePtr, SsArrival *arrivalPtr)
{
    char interface[IF_NAMESIZE];
    size_t used;

    arrivalPtr->address[0] = '\0';
    switch (messagePtr->family) {
    case 0:
	return 1;
    case 4:
	inet_ntop(AF_INET, messagePtr->address, arrivalPtr->address,
		sizeof(arrivalPtr->address));
	return 1;
    case 6:
	inet_ntop(AF_INET6, messagePtr->address, arrivalPtr->address,
		sizeof(arrivalPtr->address));
	break;
    default:
	return 0;
    }
    if (messagePtr->scope != 0) {
	used = strlen(arrivalPtr->address);
	if (if_indextoname(messagePtr->scope, interface) == NULL) {
	    snprintf(interface, sizeof(interface), "%u",
		    (unsigned) messagePtr->scope);
	}
	snprintf(arrivalPtr->address + used,
		sizeof(arrivalPtr->address) - used, "%%%s", interface);
    }
    return 1;
}

SsReceiveStatus
SsMessageDecode(
    const void *bytes,		/* What was received. */
    size_t length,		/* How many. */
    SsArrival *arrivalPtr)	/* Filled but for its descriptor. */
{
    static const uint8_t nudge[SS_NUDGE_SIZE] = {
	SS_MESSAGE_VERSION, SS_KIND_NUDGE
    };
    SsMessage message;

    if (length == sizeof(nudge) && memcmp(bytes, nudge, length) == 0) {
	return SS_RECEIVE_NUDGE;
    }
    if (length != sizeof(message)) {
	return SS_RECEIVE_REJECTED;
    }
    memcpy(&message, bytes, sizeof(message));
    if (message.version != SS_MESSAGE_VERSION) {
	return SS_RECEIVE_REJECTED;
    }
    if (message.kind == SS_KIND_RETIRE) {
	return SS_RECEIVE_RETIRE;
    }
    if (message.kind != SS_KIND_CONNECTION
	    || !FormatAddress(&message, arrivalPtr)) {
	return SS_RECEIVE_REJECTED;
    }
    arrivalPtr->port = message.port;
    arrivalPtr->listener = message.listener;
    arrivalPtr->accepted = message.accepted;
    return SS_RECEIVE_GOT;
}

/* With any status but SS_RECEIVE_GOT, what came with the message is closed. */
static SsReceiveStatus
ReceiveOne(int queueFd, SsArrival *arrivalPtr)
{
    char bytes[sizeof(SsMessage) + 1];
    Control control;
    struct iovec part = { bytes, sizeof(bytes) };
    struct msghdr header;
    SsReceiveStatus status;
    ssize_t length;
    int fd;

    do {
	memset(&header, 0, sizeof(header));
	header.msg_iov = &part;
	header.msg_iovlen = 1;
	header.msg_control = control.bytes;
	header.msg_controllen = sizeof(control.bytes);
	length = recvmsg(queueFd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	/*
	 * Bytes that nobody read at the closing end turn the first end of
	 * file into ECONNRESET; the next call then tells the end of file.
	 */
    } while (length < 0 && (errno == EINTR || errno == ECONNRESET));

    if (length < 0) {
	return (errno == EAGAIN || errno == EWOULDBLOCK)
		? SS_RECEIVE_EMPTY : SS_RECEIVE_FAILED;
    }
    fd = TakeDescriptors(&header);
    if (length == 0 && fd < 0) {
	return SS_RECEIVE_END;
    }
    status = SsMessageDecode(bytes, (size_t) length, arrivalPtr);
    if (status != SS_RECEIVE_GOT) {
	CloseKeepingErrno(fd);
	return status;
    }
    if (fd < 0) {
	return SS_RECEIVE_LOST;
    }
    arrivalPtr->fd = SsAboveStdio(fd);
    return (arrivalPtr->fd < 0) ? SS_RECEIVE_LOST : SS_RECEIVE_GOT;
}

SsReceiveStatus
SsQueueReceive(
    int queueFd,		/* The queue's receive end. */
    SsArrival *arrivalPtr)	/* Filled with what came. */
{
    SsReceiveStatus status;

    do {
	status = ReceiveOne(queueFd, arrivalPtr);
    } while (status == SS_RECEIVE_NUDGE);
    return status;
}

int
SsQueueLength(
    int queueFd)		/* The queue's receive end. */
{
    int bytes;

    /*
     * For a sequenced-packet socket this is the sum over all messages that
     * are queued (Linux, net/unix/af_unix.c).
     */
    if (ioctl(queueFd, FIONREAD, &bytes) < 0) {
	return -1;
    }
    return bytes / (int) sizeof(SsMessage);
}

int
SsQueueAtEnd(
    int queueFd)		/* The queue's receive end. */
{
    struct pollfd look = { .fd = queueFd, .events = POLLIN };
    char byte;

    if (recv(queueFd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
	return 1;
    }

    /* A nudge may be left over. */
    return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP)
	    && SsQueueLength(queueFd) == 0;
}
