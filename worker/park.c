#include "park.h"
#include "detach.h"
#include "keep.h"
#include "leave.h"
#include "result.h"
#include "return.h"

#include <errno.h>
#include <string.h>

/* Sends the server a copy of the connection, the way it is to come again. */
static int
Send(const SsConnection *connectionPtr, int timeout, const char *tag,
    int tagLength)
{
    char extra[SS_TAG_MOST + SS_PROXY_MOST];
    SsArrival next = connectionPtr->arrival;

    memcpy(extra, tag, (size_t) tagLength);
    if (next.head.proxy > 0) {
	memcpy(extra + tagLength, next.extra + next.head.tag,
		next.head.proxy);
    }
    next.extra = extra;
    next.head.tag = (uint16_t) tagLength;
    SsDetachNext(&next);
    next.head.patience = (uint32_t) timeout;
    return SsReturnGive(connectionPtr->portPtr, SS_KIND_PARK, &next);
}

/* It has bytes unread, or there is no room for it now. */
static int
Keep(Tcl_Interp *interp, SsConnection *connectionPtr, int timeout,
    const char *tag, int tagLength)
{
    SsPort *portPtr = connectionPtr->portPtr;
    SsArrival arrival;
    int code;

    SsEngage();
    code = SsDetach(interp, connectionPtr, &arrival);
    if (code == TCL_OK) {
	SsArrivalTag(&arrival, tag, tagLength);
	arrival.head.patience = (uint32_t) timeout;
	SsKeepAdd(portPtr, &arrival);
    }
    SsDisengage();
    return code;
}

static int
Park(Tcl_Interp *interp, SsConnection *connectionPtr, int timeout,
    const char *tag, int tagLength)
{
    int isUnread
	    = (Tcl_InputBuffered(connectionPtr->socket.channel) > 0);
    int error = 0;

    if (isUnread && SsLeaving()) {
	return SsErrorOurs(interp, "NOSERVER", "the connection has unread"
		" bytes, and this worker takes no more: serve what was"
		" received first");
    }
    if (!isUnread && !SsDetachAtEnd(connectionPtr)) {
	error = Send(connectionPtr, timeout, tag, tagLength);
	connectionPtr->isGiven = (error == 0);
    }
    if (isUnread || error == EAGAIN) {
	return Keep(interp, connectionPtr, timeout, tag, tagLength);
    }
    return (error == 0) ? SsDetach(interp, connectionPtr, NULL)
	    : SsErrorOurs(interp, "NOSERVER",
	    "nobody takes the connection back: %s is served no more",
	    connectionPtr->portPtr->called);
}

int
SsConnectionPark(Tcl_Interp *interp, const char *name, int timeout,
    const char *tag, int tagLength)
{
    SsConnection *connectionPtr = SsConnectionFind(interp, name);
    int nonblocking = (connectionPtr != NULL)
	    && connectionPtr->socket.nonblocking;
    Tcl_Channel channel;

    if (tagLength > SS_TAG_MOST) {
	return SsErrorOurs(interp, "USAGE",
		"the tag has %d bytes: give %d at most", tagLength,
		SS_TAG_MOST);
    }
    connectionPtr = SsDetachable(interp, name);
    if (connectionPtr == NULL) {
	return TCL_ERROR;
    }
    channel = connectionPtr->socket.channel;
    if (Park(interp, connectionPtr, timeout, tag, tagLength) == TCL_OK) {
	return TCL_OK;
    }
    if (nonblocking) {
	Tcl_SetChannelOption(NULL, channel, "-blocking", "0");
    }
    return TCL_ERROR;
}
