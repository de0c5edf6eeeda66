/*
 * Several processes share a queue's receive end, so nothing here changes the
 * socket itself: O_NONBLOCK or shutdown would count for all of them.
 */

#include "queue.h"
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for one descriptor: what else comes the system closes. */

typedef union Control {
    struct cmsghdr header;	/* Aligns the bytes. */
    char bytes[CMSG_LEN(sizeof(int))];
} Control;

/* With any status but SS_RECEIVE_GOT, what came with the message is closed. */
static SsReceiveStatus
ReceiveOne(int queueFd, SsArrival *arrivalPtr)
{
    char bytes[SS_MESSAGE_MOST + 1];
    Control control;
    struct iovec part = { bytes, sizeof(bytes) };
    struct msghdr header = {
	.msg_iov = &part, .msg_iovlen = 1,
	.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    struct cmsghdr *rightsPtr;
    SsReceiveStatus status;
    ssize_t length;
    int fd = -1;

    /*
     * Bytes that nobody read at the closing end turn the first end of file
     * into ECONNRESET; the next call then tells the end of file.
     */
    do {
	length = recvmsg(queueFd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (length < 0 && (errno == EINTR || errno == ECONNRESET));
    if (length < 0) {
	return (errno == EAGAIN || errno == EWOULDBLOCK)
		? SS_RECEIVE_EMPTY : SS_RECEIVE_FAILED;
    }
    rightsPtr = CMSG_FIRSTHDR(&header);
    if (rightsPtr != NULL && rightsPtr->cmsg_type == SCM_RIGHTS) {
	memcpy(&fd, CMSG_DATA(rightsPtr), sizeof(fd));
    }
    if (length == 0 && fd < 0) {
	return SS_RECEIVE_END;
    }
    status = SsMessageDecode(bytes, (size_t) length, arrivalPtr);
    if (status != SS_RECEIVE_GOT) {
	if (fd >= 0) {
	    close(fd);
	}
	return status;
    }
    arrivalPtr->fd = SsAboveStdio(fd);
    if (arrivalPtr->fd < 0) {
	SsArrivalClose(arrivalPtr);
	return SS_RECEIVE_LOST;
    }
    return SS_RECEIVE_GOT;
}

SsReceiveStatus
SsQueueReceive(int queueFd, SsArrival *arrivalPtr)
{
    SsReceiveStatus status = SS_RECEIVE_NUDGE;

    while (status == SS_RECEIVE_NUDGE) {
	status = ReceiveOne(queueFd, arrivalPtr);
    }
    return status;
}

int
SsQueueLength(int queueFd)
{
    int bytes;

    /*
     * For a sequenced-packet socket this is the sum over all messages that
     * are queued (Linux, net/unix/af_unix.c); message.h tells how many.
     */
    if (ioctl(queueFd, FIONREAD, &bytes) < 0) {
	return -1;
    }
    return (int) ((unsigned) bytes * SS_MESSAGE_INVERSE % SS_MESSAGE_BLOCK);
}

int
SsQueueAtEnd(int queueFd)
{
    struct pollfd look = { .fd = queueFd };

    /* A nudge may be left over. */
    return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP)
	    && SsQueueLength(queueFd) == 0;
}
