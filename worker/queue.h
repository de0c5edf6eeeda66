/*
 * Receiving from a queue: one message, one connection.  Nothing here knows Tcl.
 */

#ifndef SS_QUEUE_H
#define SS_QUEUE_H

#include "board.h"

#include <stddef.h>
#include <stdint.h>

/* A connection as it came from the queue. */

typedef struct SsArrival {
    int fd;			/* The connection, 3 or above, close-on-exec.
				 * It belongs to whoever holds the arrival. */
    int port;			/* The peer's port. */
    int listener;		/* By which of the queue's listeners it came,
				 * from 0. */
    uint64_t accepted;		/* When the server accepted it: nanoseconds of
				 * CLOCK_MONOTONIC. */
    char address[SS_ADDRESS_SIZE];
				/* The peer's numeric address; "" when the
				 * system named none. */
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
 * Takes the next message off a queue without waiting.  Have a descriptor free
 * before (see receive.h): recvmsg drops the connection otherwise.
 */
SsReceiveStatus	SsQueueReceive(int queueFd, SsArrival *arrivalPtr);

/*
 * Reads a message's bytes.  SS_RECEIVE_GOT fills all of the arrival but fd; the
 * others are SS_RECEIVE_RETIRE, SS_RECEIVE_NUDGE and SS_RECEIVE_REJECTED.
 */
SsReceiveStatus	SsMessageDecode(const void *bytes, size_t length,
		    SsArrival *arrivalPtr);

/*
 * How many messages wait in a queue; -1 with errno set when the system doesn't
 * say.
 */
int		SsQueueLength(int queueFd);

/*
 * Whether nothing is queued, but for nudges, and nothing will come: the server
 * is gone.  Takes nothing off the queue.
 */
int		SsQueueAtEnd(int queueFd);


#endif /* SS_QUEUE_H */
