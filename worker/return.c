#include "return.h"
#include "fork.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Return {
    struct Return *nextPtr;
    int port;
    int fd;			/* The workers' end, owned. */
} Return;

static Return *firstPtr = NULL;	/* Guarded by the fork lock. */

int
SsReturnKeepLocked(int port, int fd)
{
    Return *returnPtr = (Return *) malloc(sizeof(Return));

    if (returnPtr == NULL) {
	return ENOMEM;
    }
    returnPtr->port = port;
    returnPtr->fd = fd;
    returnPtr->nextPtr = firstPtr;
    firstPtr = returnPtr;
    return 0;
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
	free(returnPtr);
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
