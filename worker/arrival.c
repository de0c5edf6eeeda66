#include "arrival.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int
SsArrivalCredentials(const SsArrival *arrivalPtr,
    SsCredentials *credentialsPtr)
{
    memcpy(credentialsPtr, arrivalPtr->head.address, sizeof(*credentialsPtr));
    return arrivalPtr->head.family == SS_FAMILY_UNIX;
}

/* Returns 0 when it can't be. */
static int
FormatUnix(SsArrival *arrivalPtr)
{
    SsCredentials peer;

    SsArrivalCredentials(arrivalPtr, &peer);
    strcpy(arrivalPtr->address, "unix");
    arrivalPtr->port = (int) peer.pid;
    return peer.pid <= INT_MAX;
}

int
SsAddressFormat(int family, const uint8_t *address, uint32_t scope,
    char text[SS_ADDRESS_SIZE])
{
    char interface[IF_NAMESIZE];
    size_t used;

    text[0] = '\0';
    if (family != 4 && family != 6) {
	return family == 0;
    }
    inet_ntop((family == 4) ? AF_INET : AF_INET6, address, text,
	    SS_ADDRESS_SIZE);
    if (family == 6 && scope != 0) {
	used = strlen(text);
	if (if_indextoname(scope, interface) == NULL) {
	    snprintf(interface, sizeof(interface), "%u", (unsigned) scope);
	}
	snprintf(text + used, SS_ADDRESS_SIZE - used, "%%%s", interface);
    }
    return 1;
}

int
SsArrivalName(SsArrival *arrivalPtr)
{
    const SsMessage *headPtr = &arrivalPtr->head;

    if (headPtr->family == SS_FAMILY_UNIX) {
	return FormatUnix(arrivalPtr);
    }
    arrivalPtr->port = headPtr->port;
    return SsAddressFormat(headPtr->family, headPtr->address, headPtr->scope,
	    arrivalPtr->address);
}

/* Of a message with so many bytes behind its head. */
static size_t
Length(size_t extra)
{
    return SS_MESSAGE_SIZE + (extra + SS_MESSAGE_BLOCK - 1)
	    / SS_MESSAGE_BLOCK * SS_MESSAGE_BLOCK;
}

/* Returns 0 where lengths don't fit, or there is no memory. */
static int
DecodeConnection(const char *bytes, size_t length, SsArrival *arrivalPtr)
{
    const SsMessage *headPtr = &arrivalPtr->head;
    size_t extra = (size_t) headPtr->tag + headPtr->proxy;

    if (headPtr->tag > SS_TAG_MOST || headPtr->proxy > SS_PROXY_MOST
	    || (headPtr->flags & ~SS_FLAGS) != 0 || length != Length(extra)
	    || !SsArrivalName(arrivalPtr)) {
	return 0;
    }
    if (extra > 0) {
	arrivalPtr->extra = malloc(extra);
	if (arrivalPtr->extra == NULL) {
	    return 0;
	}
	memcpy(arrivalPtr->extra, bytes + SS_MESSAGE_SIZE, extra);
    }
    return 1;
}

SsReceiveStatus
SsMessageDecode(const void *bytes, size_t length, SsArrival *arrivalPtr)
{
    SsMessage *headPtr = &arrivalPtr->head;

    memset(arrivalPtr, 0, sizeof(*arrivalPtr));
    arrivalPtr->fd = -1;
    if (length < SS_MESSAGE_SIZE || length > SS_MESSAGE_MOST) {
	return SS_RECEIVE_REJECTED;
    }
    memcpy(headPtr, bytes, SS_MESSAGE_SIZE);
    if (headPtr->version != SS_MESSAGE_VERSION) {
	return SS_RECEIVE_REJECTED;
    }
    if (headPtr->kind == SS_KIND_NUDGE && length == SS_MESSAGE_BLOCK) {
	return SS_RECEIVE_NUDGE;
    }
    if (headPtr->kind == SS_KIND_RETIRE && length == SS_MESSAGE_SIZE) {
	return SS_RECEIVE_RETIRE;
    }
    return (headPtr->kind == SS_KIND_CONNECTION
	    && DecodeConnection(bytes, length, arrivalPtr))
	    ? SS_RECEIVE_GOT : SS_RECEIVE_REJECTED;
}

size_t
SsMessageEncode(const SsArrival *arrivalPtr, int kind,
    char bytes[SS_MESSAGE_MOST])
{
    SsMessage head = arrivalPtr->head;
    size_t extra = (size_t) head.tag + head.proxy;

    head.version = SS_MESSAGE_VERSION;
    head.kind = (uint8_t) kind;
    head.flags = (kind == SS_KIND_PARK) ? 0 : head.flags;
    memset(bytes, 0, Length(extra));
    memcpy(bytes, &head, SS_MESSAGE_SIZE);
    if (extra > 0) {
	memcpy(bytes + SS_MESSAGE_SIZE, arrivalPtr->extra, extra);
    }
    return Length(extra);
}

/* Without memory for a new one there is no tag, nor PROXY data. */
void
SsArrivalTag(SsArrival *arrivalPtr, const char *tag, int length)
{
    SsMessage *headPtr = &arrivalPtr->head;
    size_t extra = (size_t) length + headPtr->proxy;
    char *bytes = NULL;

    if (length == 0 && headPtr->tag == 0) {
	return;
    }
    if (extra > 0 && (bytes = malloc(extra)) != NULL) {
	memcpy(bytes, tag, (size_t) length);
	if (headPtr->proxy > 0) {
	    memcpy(bytes + length, arrivalPtr->extra + headPtr->tag,
		    headPtr->proxy);
	}
    }
    headPtr->tag = (bytes != NULL) ? (uint16_t) length : 0;
    headPtr->proxy = (bytes != NULL) ? headPtr->proxy : 0;
    free(arrivalPtr->extra);
    arrivalPtr->extra = bytes;
}

void
SsArrivalLeave(SsArrival *arrivalPtr)
{
    if (arrivalPtr->pollFd > 0) {
	epoll_ctl(arrivalPtr->pollFd, EPOLL_CTL_DEL, arrivalPtr->fd, NULL);
	arrivalPtr->pollFd = 0;
    }
}

void
SsArrivalClose(SsArrival *arrivalPtr)
{
    if (arrivalPtr->fd >= 0) {
	SsArrivalLeave(arrivalPtr);
	close(arrivalPtr->fd);
    }
    free(arrivalPtr->extra);
    free(arrivalPtr->unread);
    free(arrivalPtr->datagramPtr);
    arrivalPtr->fd = -1;
    arrivalPtr->extra = arrivalPtr->unread = NULL;
    arrivalPtr->datagramPtr = NULL;
    arrivalPtr->numUnread = 0;
}
