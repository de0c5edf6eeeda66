/*
 * packet.c --
 *
 *	Packets of the control protocol, and descriptors beside them.
 */

#include "packet.h"
#include "fork.h"
#include "limit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

typedef union Rights {
    struct cmsghdr header;	/* For its alignment. */
    char bytes[CMSG_SPACE(SS_PACKET_FDS * sizeof(int))];
} Rights;

/* Returns 0 or an errno. */

static int
SendOne(int socket, const struct msghdr *messagePtr)
{
    while (sendmsg(socket, messagePtr, MSG_NOSIGNAL) < 0) {
	if (errno != EINTR) {
	    return errno;
	}
    }
    return 0;
}

static void
PutFds(struct msghdr *messagePtr, Rights *rightsPtr, const int *fds, int count)
{
    size_t bytes = (size_t) count * sizeof(int);

    memset(rightsPtr, 0, sizeof(*rightsPtr));
    rightsPtr->header.cmsg_level = SOL_SOCKET;
    rightsPtr->header.cmsg_type = SCM_RIGHTS;
    rightsPtr->header.cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(&rightsPtr->header), fds, bytes);
    messagePtr->msg_control = rightsPtr->bytes;
    messagePtr->msg_controllen = CMSG_SPACE(bytes);
}

int
SsPacketsSend(int socket, const SsControlHeader *headerPtr, const char *text,
    const int *fds, int numFds)
{
    SsControlHeader header = *headerPtr;
    struct iovec parts[2] = { { &header, sizeof(header) } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    size_t left = strlen(text);
    Rights rights;
    int error;

    if (left > SS_CONTROL_TEXT || numFds > SS_PACKET_FDS) {
	return EMSGSIZE;
    }
    if (numFds > 0) {
	PutFds(&message, &rights, fds, numFds);
    }
    do {
	parts[1].iov_base = (void *) text;
	parts[1].iov_len = (left < SS_PACKET_TEXT) ? left : SS_PACKET_TEXT;
	text += parts[1].iov_len;
	left -= parts[1].iov_len;
	header.more = (left > 0);
	error = SendOne(socket, &message);
	message.msg_control = NULL;
	message.msg_controllen = 0;
    } while (left > 0 && error == 0);
    return error;
}

/* Takes over the descriptors of a packet, as many as there is room for. */

static void
KeepLocked(const struct cmsghdr *rightsPtr, SsPacketFds *fdsPtr)
{
    const int *fds = (const int *) CMSG_DATA(rightsPtr);
    size_t i, count = (rightsPtr->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fd;

    if (rightsPtr->cmsg_level != SOL_SOCKET
	    || rightsPtr->cmsg_type != SCM_RIGHTS) {
	return;
    }
    for (i = 0; i < count; i++) {
	fd = SsAboveStdio(fds[i]);
	if (fd >= 0 && fdsPtr->count < fdsPtr->most) {
	    SsForkCloses(fd);
	    fdsPtr->fds[fdsPtr->count++] = fd;
	    continue;
	}
	if (fd >= 0) {
	    close(fd);
	}
	fdsPtr->isCut = 1;
    }
}

/* With the lock, so that no child gets what is not on the list yet. */

static ssize_t
ReceiveLocked(int socket, struct msghdr *messagePtr, SsPacketFds *fdsPtr)
{
    ssize_t length = recvmsg(socket, messagePtr,
	    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (length >= 0 && CMSG_FIRSTHDR(messagePtr) != NULL) {
	KeepLocked(CMSG_FIRSTHDR(messagePtr), fdsPtr);
    }
    fdsPtr->isCut |= (length >= 0
	    && (messagePtr->msg_flags & MSG_CTRUNC) != 0);
    return length;
}

int
SsPacketReceive(int socket, SsPacket *packetPtr, SsPacketFds *fdsPtr)
{
    SsControlHeader *headerPtr = &packetPtr->header;
    struct iovec parts[] = {
	{ headerPtr, sizeof(*headerPtr) }, { packetPtr->text, SS_PACKET_TEXT }
    };
    Rights rights;
    struct msghdr message = {
	.msg_iov = parts, .msg_iovlen = 2,
	.msg_control = rights.bytes, .msg_controllen = sizeof(rights)
    };
    ssize_t length;
    int error;

    SsForkLock();
    length = ReceiveLocked(socket, &message, fdsPtr);
    error = errno;
    SsForkUnlock();
    if (length <= 0) {
	return (length == 0) ? EPIPE : error;
    }
    if ((size_t) length < sizeof(*headerPtr)
	    || (message.msg_flags & MSG_TRUNC)) {
	return EPROTO;
    }
    headerPtr->name[sizeof(headerPtr->name) - 1] = '\0';
    packetPtr->length = (size_t) length - sizeof(*headerPtr);
    packetPtr->text[packetPtr->length] = '\0';
    return 0;
}

void
SsPacketFdsClose(SsPacketFds *fdsPtr)
{
    SsForkLock();
    while (fdsPtr->count > 0) {
	SsForkKeeps(fdsPtr->fds[--fdsPtr->count]);
	close(fdsPtr->fds[fdsPtr->count]);
    }
    SsForkUnlock();
}
