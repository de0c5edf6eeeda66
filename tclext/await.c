/*
 * await.c --
 *
 *	Waiting for a server's answer.
 */

#include "await.h"
#include "clock.h"

#include <errno.h>
#include <poll.h>

/* Waits until something has come.  Returns 0 or an errno. */

static int
Await(int fd, int64_t deadline)
{
    struct pollfd look = { .fd = fd, .events = POLLIN };
    int64_t left = deadline - SsMilliseconds();

    if (left <= 0) {
	return ETIMEDOUT;
    }
    return (poll(&look, 1, (int) left) < 0 && errno != EINTR) ? errno : 0;
}

int
SsAwaitAnswer(int fd, int patience, int most, SsControlHeader *headerPtr,
    Tcl_Obj *textPtr, SsPacketFds *fdsPtr)
{
    int64_t deadline = SsMilliseconds() + patience;
    int length = 0;
    SsPacket packet;
    int error;

    do {
	error = SsPacketReceive(fd, &packet, fdsPtr);
	if (error == EAGAIN || error == EINTR) {
	    error = Await(fd, deadline);
	    packet.header.more = 1;
	} else if (error == 0) {
	    length += (int) packet.length;
	    error = (packet.header.id != 1 || length > most) ? EPROTO : 0;
	    Tcl_AppendToObj(textPtr, packet.text, (int) packet.length);
	}
    } while (error == 0 && packet.header.more);
    *headerPtr = packet.header;
    return error;
}
