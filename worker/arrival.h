/*
 * A connection on its way between the server and a channel: what its message
 * said, its descriptor, and what this worker knows of it if it was served here
 * before.  Or a datagram, which no message told of.  Nothing here knows Tcl.
 */

#ifndef SS_ARRIVAL_H
#define SS_ARRIVAL_H

#include "board.h"
#include "message.h"

#include <stddef.h>
#include <stdint.h>

typedef struct SsArrival {
    int fd;			/* The connection, 3 or above, close-on-exec;
				 * of a datagram a copy of its shared socket.
				 * It belongs to whoever holds the arrival, as
				 * what the pointers point to; -1: none. */
    SsMessage head;		/* Tag and proxy are the lengths of... */
    char *extra;		/* ...these bytes, the tag first; NULL: there
				 * are none. */
    char address[SS_ADDRESS_SIZE];
				/* The peer's numeric address, or "unix"; ""
				 * when the system named none. */
    int port;			/* The peer's; of a Unix peer its pid, 0: not
				 * known. */
    int kept;			/* It came from this worker, not the queue. */
    char *unread;		/* Bytes that were received and not read... */
    int numUnread;		/* ...and how many. */
    int pollFd;			/* An epoll that it is on, 0: on none. */
    struct SsDatagram *datagramPtr;
				/* Of a datagram; NULL: a connection. */
} SsArrival;

typedef enum SsReceiveStatus {
    SS_RECEIVE_GOT,		/* A connection; the arrival is filled. */
    SS_RECEIVE_EMPTY,		/* Nothing is queued. */
    SS_RECEIVE_END,		/* The server is gone, nothing is queued. */
    SS_RECEIVE_RETIRE,		/* This worker is asked to end. */
    SS_RECEIVE_NUDGE,		/* Only from SsMessageDecode: receive on. */
    SS_RECEIVE_LOST,		/* A connection came for which this process
				 * had no descriptor free: it is closed. */
    SS_RECEIVE_REJECTED,	/* Not a message of this version; what came
				 * with it is closed. */
    SS_RECEIVE_FAILED		/* errno says why. */
} SsReceiveStatus;

/*
 * Reads a message's bytes.  SS_RECEIVE_GOT sets all of the arrival, fd to -1;
 * the others are SS_RECEIVE_RETIRE, SS_RECEIVE_NUDGE and SS_RECEIVE_REJECTED.
 */
SsReceiveStatus	SsMessageDecode(const void *bytes, size_t length,
		    SsArrival *arrivalPtr);

/*
 * Writes an IPv4 or IPv6 address, in network byte order, as text; of any other
 * family "", and returns 0 unless that is 0, none.
 */
int		SsAddressFormat(int family, const uint8_t *address,
		    uint32_t scope, char text[SS_ADDRESS_SIZE]);

/*
 * Sets address and port from the head.  Returns 0 where they can't be, or the
 * family is none that we know.
 */
int		SsArrivalName(SsArrival *arrivalPtr);

/* Who a Unix peer was when it connected; all 0: it isn't known. */
typedef struct SsCredentials {
    uint32_t pid, uid, gid;
} SsCredentials;

/* Returns 0 where the peer is no Unix peer. */
int		SsArrivalCredentials(const SsArrival *arrivalPtr,
		    SsCredentials *credentialsPtr);

/* Writes it as a message of this kind; returns the length. */
size_t		SsMessageEncode(const SsArrival *arrivalPtr, int kind,
		    char bytes[SS_MESSAGE_MOST]);

/* Replaces the tag, of SS_TAG_MOST bytes at most. */
void		SsArrivalTag(SsArrival *arrivalPtr, const char *tag,
		    int length);

/*
 * Takes it off its epoll.  Closing the descriptor is not enough where another
 * process has the connection open.
 */
void		SsArrivalLeave(SsArrival *arrivalPtr);

/* Closes the descriptor and frees the rest. */
void		SsArrivalClose(SsArrival *arrivalPtr);

#endif /* SS_ARRIVAL_H */
