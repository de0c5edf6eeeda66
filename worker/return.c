#include "return.h"
#include "fork.h"
#include "message.h"

#include <errno.h>
#include <sys/socket.h>
#include <tcl.h>
#include <unistd.h>

typedef struct Return {
    struct Return *nextPtr;
    int port;
    int fd;			/* The workers' end, owned. */
} Return;

static Return *firstPtr = NULL;	/* Guarded by the fork lock. */

void
SsReturnKeepLocked(int port, int fd)
{
    Return *returnPtr = (Return *) Tcl_Alloc(sizeof(Return));

    returnPtr->port = port;
    returnPtr->fd = fd;
    returnPtr->nextPtr = firstPtr;
    firstPtr = returnPtr;
}

void
SsReturnCloseLocked(int port)
{
    Return **linkPtr = &firstPtr;

    while (*linkPtr != NULL) {
	Return *returnPtr = *linkPtr;

	if (returnPtr->port != port) {
	    linkPtr = &returnPtr->nextPtr;
	    continue;
	}
	*linkPtr = returnPtr->nextPtr;
	close(returnPtr->fd);
	Tcl_Free((char *) returnPtr);
    }
}

int
SsReturnSend(int port, int kind, uint32_t number)
{
    SsReturnMessage message = {
	.version = SS_MESSAGE_VERSION, .kind = (uint8_t) kind,
	.number = number
    };
    Return *returnPtr;
    int error = ENOENT;

    SsForkLock();
    for (returnPtr = firstPtr; returnPtr != NULL && returnPtr->port != port;
	    returnPtr = returnPtr->nextPtr) {
	/* To the one of this port. */
    }
    if (returnPtr != NULL) {
	error = (send(returnPtr->fd, &message, sizeof(message),
		MSG_DONTWAIT | MSG_NOSIGNAL) < 0) ? errno : 0;
    }
    SsForkUnlock();
    return error;
}
