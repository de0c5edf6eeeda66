/*
 * Receiving from a queue: one message, one connection.  Nothing here knows Tcl.
 */

#ifndef SS_QUEUE_H
#define SS_QUEUE_H

#include "arrival.h"

/*
 * Takes the next message off a queue without waiting.  Have a descriptor free
 * before (see receive.h): recvmsg drops the connection otherwise.  With
 * SS_RECEIVE_LOST the arrival's head is set, too.
 */
SsReceiveStatus	SsQueueReceive(int queueFd, SsArrival *arrivalPtr);

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
