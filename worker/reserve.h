/*
 * reserve.h --
 *
 *	Room for a descriptor.  At the limit recvmsg succeeds all the same,
 *	drops the descriptor, and the connection is gone.  So whoever waits
 *	on a queue holds one descriptor in reserve, and gives it up just
 *	before it receives.  A worker that can't get one doesn't wait: it leaves
 *	the connections to the others.
 */

#ifndef SS_RESERVE_H
#define SS_RESERVE_H

#include "queue.h"

/*
 * SsReserveHold --
 *
 *	Sees to it that *reservePtr (-1: none) holds a descriptor below the given
 *	bound (0: no bound).  Returns 0, or an errno: EMFILE, ENFILE, or
 *	ERANGE when the lowest free descriptor is not below the bound.
 *
 * Process: worker.
 */

int		SsReserveHold(int *reservePtr, int queueFd, int bound);

/*
 * SsReserveReceive --
 *
 *	Receives without waiting (see SsQueueReceive), having made sure of room
 *	below the bound.  SS_RECEIVE_FAILED with errno as above, or EMFILE when
 *	the limit has been lowered since, when there is none; the queue's end is
 *	seen all the same.
 *
 * Process: worker.
 */

SsReceiveStatus	SsReserveReceive(int *reservePtr, int queueFd, int bound,
		    SsArrival *arrivalPtr);

/*
 * SsRoomBelow --
 *
 *	Whether so many more descriptors, but for a limit of the process, would
 *	all be below the bound.
 *
 * Process: worker.
 */

int		SsRoomBelow(int count, int queueFd, int bound);

#endif /* SS_RESERVE_H */
