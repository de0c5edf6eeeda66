#include "detach.h"
#include "result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Tcl gives Tcl_GetChannel the lowest of those that are stacked. */
static int
Check(Tcl_Interp *interp, const char *name, const SsConnection *connectionPtr)
{
    Tcl_Channel channel;

    if (connectionPtr == NULL && SsConnectionIsElsewhere(name)) {
	return SsErrorOurs(interp, "SHARED", "channel \"%.100s\" is in"
		" another interpreter or thread: do it there", name);
    }
    channel = (connectionPtr != NULL) ? connectionPtr->socket.channel : NULL;
    if (channel == NULL || Tcl_GetChannelMode(channel)
	    != (TCL_READABLE | TCL_WRITABLE)) {
	return SsErrorOurs(interp, "USAGE", "channel \"%.100s\" is no open"
		" connection of this process, open in both directions", name);
    }
    if (connectionPtr->arrival.datagramPtr != NULL) {
	return SsErrorOurs(interp, "USAGE", "channel \"%.100s\" is a datagram,"
		" which nobody takes back: close it", name);
    }
    if (Tcl_IsChannelShared(channel)
	    || Tcl_GetChannelThread(channel) != Tcl_GetCurrentThread()) {
	return SsErrorOurs(interp, "SHARED", "channel \"%.100s\" is shared"
		" with another interpreter or thread: close it there", name);
    }
    if (Tcl_GetTopChannel(channel) != channel) {
	return SsErrorOurs(interp, "STACKED", "channel \"%.100s\" can't be"
		" taken away: tls or a transform is stacked upon it: unstack"
		" or close it", name);
    }
    if (connectionPtr->portPtr->returnFd < 0) {
	return SsErrorOurs(interp, "NOSERVER", "nobody takes the connection"
		" \"%.100s\" back: %s is served no more", name,
		connectionPtr->portPtr->called);
    }
    return TCL_OK;
}

/* Once a channel blocks, Tcl flushes itself what it did in the background. */
static int
Flush(Tcl_Interp *interp, const char *name, const SsChannel *channelPtr)
{
    Tcl_Channel channel = channelPtr->channel;
    int nonblocking = channelPtr->nonblocking, code, error;

    if (nonblocking && Tcl_SetChannelOption(NULL, channel, "-blocking", "1")
	    != TCL_OK) {
	return SsErrorPosix(interp, EBUSY, "can't take \"%.100s\" away: a"
		" \"chan copy\" goes on", name);
    }
    code = Tcl_Flush(channel);
    if (code == TCL_OK) {
	return TCL_OK;
    }
    error = Tcl_GetErrno();
    if (nonblocking) {
	Tcl_SetChannelOption(NULL, channel, "-blocking", "0");
    }
    return SsErrorPosix(interp, error, "can't flush \"%.100s\": %m", name);
}

SsConnection *
SsDetachable(Tcl_Interp *interp, const char *name)
{
    SsConnection *connectionPtr = SsConnectionFind(interp, name);

    return (Check(interp, name, connectionPtr) == TCL_OK
	    && Flush(interp, name, &connectionPtr->socket) == TCL_OK)
	    ? connectionPtr : NULL;
}

int
SsDetachAtEnd(const SsConnection *connectionPtr)
{
    Tcl_Channel channel = connectionPtr->socket.channel;

    return Tcl_Eof(channel) && Tcl_InputBuffered(channel) == 0;
}

/*
 * Takes what Tcl has received and nobody has read, byte by byte, and what is
 * behind a character that is the end of file to a script.
 */
static void
TakeUnread(Tcl_Channel channel, SsArrival *arrivalPtr)
{
    int count = Tcl_InputBuffered(channel);

    if (count <= 0) {
	return;
    }
    arrivalPtr->unread = malloc((size_t) count);
    if (arrivalPtr->unread == NULL) {
	Tcl_Panic("out of memory for %d unread bytes", count);
    }
    Tcl_SetChannelOption(NULL, channel, "-translation", "binary");
    Tcl_SetChannelOption(NULL, channel, "-eofchar", "");
    count = Tcl_Read(channel, arrivalPtr->unread, count);
    arrivalPtr->numUnread = (count > 0) ? count : 0;
}

void
SsDetachNext(SsArrival *arrivalPtr)
{
    arrivalPtr->kept = 1;
    arrivalPtr->head.requests++;
    arrivalPtr->head.ready = 0;
    arrivalPtr->head.patience = 0;
    arrivalPtr->head.flags = 0;
}

int
SsDetach(Tcl_Interp *interp, SsConnection *connectionPtr,
    SsArrival *arrivalPtr)
{
    Tcl_Channel channel = connectionPtr->socket.channel;

    if (arrivalPtr != NULL) {
	arrivalPtr->fd = -1;
	TakeUnread(channel, &connectionPtr->arrival);
	connectionPtr->heirPtr = arrivalPtr;
    }
    if (Tcl_UnregisterChannel(interp, channel) != TCL_OK
	    && (arrivalPtr == NULL || arrivalPtr->fd < 0)) {
	if (arrivalPtr != NULL) {
	    connectionPtr->heirPtr = NULL;
	}
	return TCL_ERROR;
    }
    if (arrivalPtr != NULL) {
	SsDetachNext(arrivalPtr);
	SsArrivalTag(arrivalPtr, "", 0);
    }
    return TCL_OK;
}
