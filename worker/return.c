#include "return.h"
#include "message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What will be over in a while is EAGAIN. */
static int
Send(int returnFd, const struct msghdr *headerPtr)
{
    ssize_t sent;

    if (returnFd < 0) {
	return ENOTCONN;
    }
    do {
	sent = sendmsg(returnFd, headerPtr, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
	return 0;
    }
    return (errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS)
	    ? EAGAIN : errno;
}

int
SsReturnGive(const SsPort *portPtr, int kind, const SsArrival *arrivalPtr)
{
    char bytes[SS_MESSAGE_MOST];
    union {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
    } control = { { 0 } };
    struct iovec part = {
	bytes, SsMessageEncode(arrivalPtr, kind, bytes)
    };
    struct msghdr header = {
	.msg_iov = &part, .msg_iovlen = 1,
	.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &arrivalPtr->fd, sizeof(int));
    return Send(portPtr->returnFd, &header);
}

int
SsReturnAsk(const SsPort *portPtr, int fd)
{
    const SsArrival arrival = { .fd = fd };

    return SsReturnGive(portPtr, SS_KIND_ASK, &arrival);
}

int
SsReturnReport(const SsPort *portPtr, const uint32_t *numbers, int count)
{
    SsReport report = {
	.version = SS_MESSAGE_VERSION, .kind = SS_KIND_REPORT,
	.count = (uint16_t) count
    };
    struct iovec parts[] = {
	{ &report, sizeof(report) },
	{ (void *) numbers, (size_t) count * sizeof(numbers[0]) }
    };
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };

    return Send(portPtr->returnFd, &header);
}

/* The length of the lines that fit into so many bytes. */
static int
WholeLines(const char *text, int length, int most)
{
    while (length > most || (length > 0 && text[length - 1] != '\n')) {
	length--;
    }
    return length;
}

int
SsReturnAnswer(int returnFd, uint32_t number, const char *text, int length)
{
    SsStackAnswer answer = {
	.version = SS_MESSAGE_VERSION, .kind = SS_KIND_STACK,
	.number = number
    };
    struct iovec parts[] = { { &answer, sizeof(answer) }, { 0 } };
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
    int most = SS_ANSWER_MOST, code;

    do {
	parts[1].iov_base = (void *) text;
	parts[1].iov_len = (size_t) WholeLines(text, length, most);
	code = Send(returnFd, &header);
	most /= 4;
    } while (code == EAGAIN && most >= 256);
    return code;
}

/* The server ends its side of the pair, by which nothing comes otherwise. */
int
SsReturnIsLast(const SsPort *portPtr)
{
    struct pollfd look = { portPtr->returnFd, POLLRDHUP, 0 };

    return portPtr->returnFd < 0 || poll(&look, 1, 0) > 0;
}
