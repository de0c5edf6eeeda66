/*
 * handover.c --
 *
 *	A connection as a message: its descriptor (SCM_RIGHTS) and its peer's
 *	address, over a socketpair that keeps the bounds of messages.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover.h"

typedef union Control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} Control;

/*
 *----------------------------------------------------------------------
 *
 * handoverOpen --
 *
 *	Makes a queue: fds[0] receives, fds[1] sends.
 *
 * Results:
 *	0, or -1 with errno.
 *
 * Side effects:
 *	Two descriptors, which the caller owns.
 *
 *----------------------------------------------------------------------
 */

int
handoverOpen(
    int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);
}

/*
 *----------------------------------------------------------------------
 *
 * handoverSend --
 *
 *	Puts a connection on the queue and waits while the queue is full.
 *
 * Results:
 *	0, or -1 with errno.
 *
 * Side effects:
 *	The descriptor is closed: from here on the message owns the
 *	connection.
 *
 *----------------------------------------------------------------------
 */

int
handoverSend(
    int queueFd,		/* The queue's send end. */
    int fd,			/* The connection. */
    const struct sockaddr_in *peerPtr)
{
    struct iovec iov = { (void *) peerPtr, sizeof(*peerPtr) };
    Control control;
    struct msghdr message = {
	.msg_iov = &iov, .msg_iovlen = 1,
	.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    struct cmsghdr *headerPtr;
    ssize_t n;

    memset(&control, 0, sizeof(control));
    headerPtr = CMSG_FIRSTHDR(&message);
    headerPtr->cmsg_level = SOL_SOCKET;
    headerPtr->cmsg_type = SCM_RIGHTS;
    headerPtr->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(headerPtr), &fd, sizeof(int));
    do {
	n = sendmsg(queueFd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    close(fd);
    return n < 0 ? -1 : 0;
}

/*
 *----------------------------------------------------------------------
 *
 * handoverReceive --
 *
 *	Takes a connection from the queue.
 *
 * Results:
 *	Its descriptor, close-on-exec, which the caller owns; or -1 with
 *	errno, which is EAGAIN when MSG_DONTWAIT is among the flags and none
 *	is there, and EPIPE when the other end is closed.
 *
 * Side effects:
 *	None besides.
 *
 *----------------------------------------------------------------------
 */

int
handoverReceive(
    int queueFd,		/* The queue's receive end. */
    int flags,			/* For recvmsg. */
    struct sockaddr_in *peerPtr)/* Out: where the connection comes from. */
{
    struct iovec iov = { peerPtr, sizeof(*peerPtr) };
    Control control;
    struct msghdr message = {
	.msg_iov = &iov, .msg_iovlen = 1,
	.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    struct cmsghdr *headerPtr;
    ssize_t n;
    int fd;

    do {
	n = recvmsg(queueFd, &message, flags | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
	return -1;
    }
    headerPtr = CMSG_FIRSTHDR(&message);
    if (n == 0 || headerPtr == NULL || headerPtr->cmsg_type != SCM_RIGHTS) {
	errno = EPIPE;
	return -1;
    }
    memcpy(&fd, CMSG_DATA(headerPtr), sizeof(int));
    return fd;
}
