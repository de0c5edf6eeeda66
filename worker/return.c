#include "return.h"
#include "fork.h"
#include "message.h"
#include "ports.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

int
SsReturnSend(int port, int kind, uint32_t number)
{
    SsReturnMessage message = {
	.version = SS_MESSAGE_VERSION, .kind = (uint8_t) kind,
	.number = number
    };
    SsPort *portPtr;
    int error = ENOENT;

    SsForkLock();
    portPtr = SsPortFindLocked(port);
    if (portPtr != NULL && portPtr->returnFd != 0) {
	error = (send(portPtr->returnFd, &message, sizeof(message),
		MSG_DONTWAIT | MSG_NOSIGNAL) < 0) ? errno : 0;
    }
    SsForkUnlock();
    return error;
}
