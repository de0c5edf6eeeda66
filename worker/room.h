/*
 * Room for a descriptor.  At the limit recvmsg succeeds all the same, drops the
 * descriptor, and the connection is gone.  So whoever receives makes sure of
 * room before, and leaves the connection to others where there is none.
 */

#ifndef SS_ROOM_H
#define SS_ROOM_H

#include "queue.h"

/*
 * Receives without waiting (see SsQueueReceive), having made sure of room
 * below the bound (0: no bound).  SS_RECEIVE_FAILED where there is none, with
 * errno EMFILE, ENFILE, or ERANGE when the lowest free descriptor is not below
 * the bound; the queue's end is seen all the same.
 */
SsReceiveStatus	SsRoomReceive(int queueFd, int bound, SsArrival *arrivalPtr);

/*
 * Whether so many more descriptors, but for a limit of the process, would all
 * be below the bound.
 */
int		SsRoomBelow(int count, int queueFd, int bound);

#endif /* SS_ROOM_H */
